"""On a first run the scan's kernels compile in a process of their own while the index is built.

Compiling is Python's work, so a second thread would only wait. The process scans an empty batch
over an empty index; numba leaves what it compiled on disk, where this process finds it.
"""

import atexit
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import cache, partial
from typing import Any, get_args

import numpy as np

from decontam import scan
from decontam.batches import Batch, Columns
from decontam.evidence import Evidence
from decontam.index import NAMES, Index
from decontam.jit import is_on_disk
from decontam.jsonl import Texts
from decontam.search import measure

COMMAND = "from decontam.ahead import main; main()"


@cache
def compile_ahead() -> "subprocess.Popen[bytes] | None":
    """Start the process, once; where the kernels are on disk already, there is none."""
    if is_on_disk(measure):
        return None
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
    """Scan a row of one word, and follow a match of nothing to its evidence."""
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
    numbers, shares = np.zeros((1, 9), np.int64), np.zeros(1, np.float32)
    match = scanner.matches(scanner.candidates[:1], shares, shares, numbers, words)
    list(scanner.traced(match, words))
    Evidence(index).around(match, batch, offsets)
