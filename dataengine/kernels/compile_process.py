"""Compile process: kernels compile in a process of their own, while rows are read.

Compiling is Python's work, so a second thread would only wait. Numba leaves what such a process
compiled on disk, where this one finds it. One process does one function after the other, so that
kernels which share parts compile them once.
"""

import atexit
import gc
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any

from dataengine.kernels.jit import announce, is_on_disk

COMMAND = "from dataengine.kernels.compile_process import main; main()"


class CompileProcess:
    """A process that calls functions, one after the other."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", COMMAND]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process: Any = subprocess.Popen(command, text=True, **pipes)  # type: ignore[call-overload]
        atexit.register(self.process.kill)
        self.done: dict[str, threading.Event] = {}
        threading.Thread(target=self._hear, daemon=True).start()

    def begin(self, function: str) -> None:
        """Have `module:name` called, once."""
        if function in self.done:
            return
        self.done[function] = threading.Event()
        try:
            print(function, file=self.process.stdin, flush=True)
        except OSError:  # it ended by itself: kernels compile where they are used
            self.done[function].set()

    def wait(self, function: str) -> None:
        """Until it was called, if it was to be; what failed there is compiled where it is used."""
        if function in self.done:
            self.done[function].wait()

    def _hear(self) -> None:
        for line in self.process.stdout:
            self.done[line.strip()].set()
        self.process.wait()
        for event in list(self.done.values()):
            event.set()


@cache
def _process() -> CompileProcess:
    return CompileProcess()


def begin(function: str, kernel: Any) -> None:
    """Have `module:name` compile kernels meanwhile, unless the last of them is on disk."""
    if not is_on_disk(kernel):
        announce()
        _process().begin(function)


def wait(function: str) -> None:
    """Until what `begin` began is done."""
    if _process.cache_info().currsize:
        _process().wait(function)


def main() -> None:
    """The process: call what standard input names, and name it once it is done."""
    lean()
    for line in sys.stdin:
        module, name = line.strip().split(":")
        with suppress(Exception):
            getattr(import_module(module), name)()
        print(line, end="", flush=True)


def lean() -> None:
    """Without what only takes time in a process that compiles and ends: collecting garbage, and
    scipy, in which numba would look for the linear algebra that no kernel uses."""
    gc.disable()
    sys.modules["scipy"] = None  # type: ignore[assignment]
