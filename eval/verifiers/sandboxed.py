"""Processes inside the sandboxes: one holds the candidate, another one judges it.

Given to a bare interpreter as text (`python -c`, sandbox.py), so it uses the standard library
alone. The first line on standard input is the job (JSON): the limits, and either `candidate`
(source) or `setup`, `tests` and `calls` (what to run of each test beside its source). What follows
on standard input and output are frames between the two (sandbox_link.py), which the host carries.
The judge reports on standard error, one JSON line a test; the candidate prints there.

The tests see the candidate's functions and objects as stand-ins; results come back as plain data
and are compared by the judge. Expected values, comparisons and reports are out of the candidate's
reach.
"""

import builtins
import gc
import importlib
import json
import os
import resource
import sys
import types

from eval.verifiers.sandbox_link import STDLIB, Ended, Link, Remote


def _said(error):
    return f"{type(error).__name__}: {str(error)[:200]}"


def hold(job, link):
    """The candidate's process: run its source, then do what the tests ask."""
    module = sys.modules["solution"] = types.ModuleType("solution")
    link.mine.append(module)
    link._send(("here",))
    link._until("begin", ())
    why = None
    try:
        exec(compile(job["candidate"], "<candidate>", "exec"), module.__dict__)
    except BaseException as error:
        why = _said(error)
        gc.collect()
    names = [name for name in vars(module) if not name.startswith("__")]
    link._send(("answer", "return", (why, names), {}, ""))
    if why is None:
        link.serve()


def judge(job, link, report):
    """The judge's process: run setup and tests with stand-ins for what the candidate defines.

    Where the tests are of a class (they name one: `Vector`), its operators are under test; the
    results of plain functions have none.
    """
    link.operators = any(name[:1].isupper() for name in job["names"])
    try:
        link._until("here", ())
        report("started", None)  # both are: what goes wrong from now on is the candidate's doing
        link._send(("begin",))
    except Ended:
        return None
    try:
        _, (why, names), _, _ = link._until("answer", ())
    except Ended:
        return report("candidate", "ended before its tests, which were not reached")
    report("candidate", why)
    if why is not None:
        return None
    solution = sys.modules["solution"] = types.ModuleType("solution")
    space = {"__name__": "solution", "__builtins__": builtins}
    try:
        for name in names:
            value = getattr(Remote(link, 0), name)
            setattr(solution, name, value)
            if name in job["names"] or not _hides(name, value):
                space[name] = value
        exec(compile(job["setup"], "<setup>", "exec"), space)
    except BaseException as error:
        return report("setup", _said(error))
    for number, test in enumerate(job["tests"]):
        try:
            _run(test, space, job["calls"][number])
            why = None
        except Ended:
            return report(f"test {number}", "the program ended")
        except BaseException as error:
            why = _said(error)
            if isinstance(error, MemoryError):
                gc.collect()
        report(f"test {number}", why)
    return None


def _hides(name, value):
    """Whether a name of the candidate's stands for something else in every other program."""
    return hasattr(builtins, name) or (name in STDLIB and not isinstance(value, types.ModuleType))


def _run(test, space, calls):
    """Run a test's source, and the functions and classes of tests in it that nobody calls."""
    exec(compile(test, "<test>", "exec"), space)
    for name, argument in calls:
        target = space[name]
        if argument is not None:
            target(space[argument])
        elif isinstance(target, type) and hasattr(target, "assertEqual"):
            _run_case(target)
        elif isinstance(target, type):
            for method in [method for method in dir(target) if method.startswith("test")]:
                case = target()
                getattr(case, "setup_method", lambda: None)()
                getattr(case, method)()
        else:
            result = target()
            if isinstance(result, types.CoroutineType):
                importlib.import_module("asyncio").run(result)


def _run_case(case):
    import unittest  # slow to import, and seldom needed

    done = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(done)
    if done.errors or done.failures:
        text = [*done.errors, *done.failures][0][1]
        if "Ended" in text:
            raise Ended("the other process is gone")
        raise AssertionError(text.strip().splitlines()[-1])
    if not done.testsRun or done.testsRun == len(done.skipped):
        raise AssertionError("no test was run")


def main():
    reads = os.fdopen(os.dup(0), "rb")
    writes = os.fdopen(os.dup(1), "wb")
    job = json.loads(reads.readline())
    reports = os.fdopen(os.dup(2), "w")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2 if "candidate" in job else nothing, 1)
    for kind, value in (
        (resource.RLIMIT_AS, job["memory_bytes"]),
        (resource.RLIMIT_CPU, job["cpu_seconds"]),
        (resource.RLIMIT_FSIZE, job["disk_bytes"]),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    if "candidate" in job:
        hold(job, Link(reads, writes, trusted=False))
    else:
        judge(
            job,
            Link(reads, writes, trusted=True),
            lambda what, why: print(json.dumps([what, why]), file=reports, flush=True),
        )
    os._exit(0)


if __name__ == "__main__":
    main()
