"""Helper process with a time limit: a function evaluated where it can be stopped.

Symbolic maths and regular expressions can run for ever, where no thread can stop them; a process
has a clock of its own and can be killed. Time is CPU time, so that a busy machine changes no
verdict; the wall clock, several times as long, is for what never looks at its own. Helpers are
kept for the next call, one for each core, and end with us: their input closes. Each is started as
a fresh interpreter, not by fork: a trainer around us may hold a GPU and threads.
"""

import atexit
import importlib
import json
import os
import queue
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from eval.verifiers.verdict import Unavailable, VerifierError, VerifierTimeout

_START_SECONDS = 120.0
_PATIENCE = 6
_MEMORY_BYTES = 4 << 30
_ROOT = Path(__file__).resolve().parents[2]


class _OutOfTime(BaseException):
    """No `except Exception` on the way may swallow it."""


class _FunctionRaised(VerifierError):
    """The function raised; its helper is well."""


class _Child:
    def __init__(self, target: str):
        path = os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "eval.verifiers.child", target],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )
        if error := self._read(_START_SECONDS).get("error"):
            self.kill()
            raise Unavailable(error)

    def call(self, arguments: tuple[str, ...], timeout: float) -> Any:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps([timeout, *arguments]).encode() + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise VerifierError("the helper process ended") from error
        reply = self._read(timeout * _PATIENCE)
        if "late" in reply:
            raise VerifierTimeout(f"no result after {timeout:g} s of CPU time")
        if "error" in reply:
            raise _FunctionRaised(reply["error"])
        return reply["value"]

    def _read(self, timeout: float) -> Any:
        assert self.process.stdout is not None
        ready = select.poll()  # select() knows no descriptor above 1023
        ready.register(self.process.stdout, select.POLLIN | select.POLLHUP)
        if not ready.poll(timeout * 1000):
            raise VerifierTimeout(f"no result after {timeout:g} s by the clock")
        line = self.process.stdout.readline()
        if not line:
            raise VerifierError("the helper process ended (out of memory, or stopped from outside)")
        return json.loads(line)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Helpers:
    """At most one helper a core for `target`, "module:function" of strings giving a JSON value."""

    def __init__(self, target: str):
        self.target = target
        self._reset()
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self.size = len(os.sched_getaffinity(0))
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        for _ in range(self.size):
            self._idle.put(None)

    def call(self, *arguments: str, timeout: float) -> Any:
        """The function's value. VerifierTimeout after `timeout` seconds of CPU time, VerifierError
        where the function raised."""
        child = self._idle.get()
        try:
            child = child or _Child(self.target)
            return child.call(arguments, timeout)
        except _FunctionRaised:
            raise
        except BaseException:
            if child is not None:
                child.kill()
                child = None
            raise
        finally:
            self._idle.put(child)

    def close(self) -> None:
        while not self._idle.empty():
            if child := self._idle.get():
                child.kill()


def _serve(target: str) -> None:
    module, name = target.split(":")
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    try:
        function = getattr(importlib.import_module(module), name)
    except ImportError as error:
        print(json.dumps({"error": f"{target} cannot start: {error}"}), file=replies, flush=True)
        return
    print(json.dumps({"value": "ready"}), file=replies, flush=True)
    signal.signal(signal.SIGPROF, _ring)
    for line in sys.stdin:
        timeout, *arguments = json.loads(line)
        try:
            signal.setitimer(signal.ITIMER_PROF, timeout)
            try:
                reply = {"value": function(*arguments)}
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
        except _OutOfTime:
            reply = {"late": True}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(reply), file=replies, flush=True)


def _ring(*_: Any) -> None:
    raise _OutOfTime


if __name__ == "__main__":
    _serve(sys.argv[1])
