"""On a first run kernels compile in processes of their own, while rows are read.

Compiling is Python's work, so a second thread would only wait. Numba leaves what such a process
compiled on disk, where this one finds it. The scan's kernels, half of all, have a process
(`compile_ahead`); what else a build needs is compiled in another, one chore after the other
(`begin`), so that kernels which share parts compile them once.
"""

import atexit
import gc
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from functools import cache, partial
from importlib import import_module
from typing import Any, get_args

import numpy as np
import polars as pl
import pyarrow as pa

from dataengine.kernels.jit import announce, is_on_disk
from dataengine.kernels.packed import pack
from decontam.decide.evidence import Evidence, locate
from decontam.index.index import NAMES, Index, Suite, build
from decontam.io.batches import Batch, Columns, arrow_batch
from decontam.io.jsonl import Texts
from decontam.search import scan
from decontam.search.measure import Measured, measure

COMMAND = "from decontam.warmup import lean, main; lean(); main()"
CHORES = "from decontam.warmup import chores; chores()"
READING = "decontam.warmup:read"
ITEM = {
    "id": "1",
    "prompt": "Write a function.\ndef stripes(zebra):\n    return stripes(zebra - 4)",
}


class Chores:
    """A process that calls functions, one after the other."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", CHORES]
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
def _chores() -> Chores:
    return Chores()


def begin(function: str, kernel: Any) -> None:
    """Have `module:name` compile kernels meanwhile, unless the last of them is on disk."""
    if not is_on_disk(kernel):
        announce()
        _chores().begin(function)


def wait(function: str) -> None:
    """Until what `begin` began is done."""
    if _chores.cache_info().currsize:
        _chores().wait(function)


def read_ahead() -> None:
    """Have compiled what reads rows and items, and what shows where they agree."""
    begin(READING, locate)


def chores() -> None:
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


@cache
def compile_ahead() -> "subprocess.Popen[bytes] | None":
    """Start the process, once; where the kernels are on disk already, there is none."""
    if is_on_disk(measure):
        return None
    announce()
    null = subprocess.DEVNULL
    command = [sys.executable, "-c", COMMAND]
    process = subprocess.Popen(command, stdin=null, stdout=null, stderr=null)
    atexit.register(process.kill)
    return process


@contextmanager
def compiling_ahead() -> Iterator[None]:
    """What is done meanwhile."""
    process = compile_ahead()
    try:
        yield
    except BaseException:
        if process:
            process.kill()
        raise
    finally:
        if process:
            process.wait()  # whatever it could not compile is compiled where it is called


def empty_index() -> Index:
    """An index of the right types in which nothing is found."""
    arrays: dict[str, Any] = {
        field.name: np.zeros((2, 5) if field.name == "item_parts" else 2, _type_of(field.type))
        for field in fields(Index)
        if field.name not in NAMES
    }
    return Index(**arrays)


def _type_of(annotation: Any) -> Any:
    """`numpy.uint8` of `NDArray[numpy.uint8]`."""
    return get_args(get_args(annotation)[1])[0]


def main() -> None:
    """Scan a row of one word, and read one that holds JSON."""
    said_in_json()
    # These would need the tokeniser's kernels, which the other process compiles meanwhile.
    vars(scan).update(dict.fromkeys(("letters", "numerals"), partial(np.zeros, 1, np.uint32)))
    offsets, nothing = np.array([0, 1]), np.zeros(1, np.uint64)
    words = scan.BatchWords(nothing, np.zeros(1, np.uint8), offsets, offsets, nothing, nothing)
    found = Texts(np.zeros(64, np.uint8), offsets, nothing, offsets)
    batch = Batch(found, Columns(), offsets, lambda row: {}, Counter)
    index = empty_index()
    index.wordless = index.wordless[:0]
    scanner = scan.Scanner(index)
    scanner.scan(batch, words)
    scanner.candidates[0] = 0
    scanner.measured(scanner.candidates, 1, words)
    measured = Measured.of(1)
    for array in measured:
        array[:] = 0
    match = scanner.matches(scanner.candidates[:1], measured, words)
    list(scanner.traced(match, words))


def said_in_json() -> None:
    """Compile what reads JSON inside of texts."""
    rows = pa.record_batch({"text": pa.array(['{"asked": "how many"}'], pa.large_string())})
    arrow_batch(rows, "", Columns(), np.arange(1))


def read() -> None:
    """Index an item, and show where a row agrees with it."""
    index = build([Suite("ahead", "extra", lambda: [ITEM])])
    data, offsets = pack(["how many"])
    found = Texts(data, offsets, np.zeros(1, np.uint64), np.array([0, 1]))
    batch = Batch(found, Columns(), offsets, lambda row: {}, Counter)
    words = scan.Scanner(index).words(batch)
    match = pl.DataFrame({"text": [0], "reference": [0], "first": [0], "end": [1]})
    Evidence(index).around(match, batch, words.text_words)
