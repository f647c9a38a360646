"""A process that compiles: what it was told is waited for, what fails there fails nothing here."""

from dataengine.kernels.compile_process import CompileProcess


def test_functions_are_waited_for_each_by_itself_and_may_fail() -> None:
    process = CompileProcess()
    for function in ("os:getpid", "no_such_module:main", "signal:pause"):
        process.begin(function)
    process.wait("os:getpid")
    process.wait("no_such_module:main")
    process.wait("never:begun")
    assert not process.done["signal:pause"].is_set()
    process.process.kill()
    process.wait("signal:pause")
    process.begin("os:getppid")
    process.wait("os:getppid")
