"""Warm-up: on a first run the kernels of decontamination compile while rows are read.

The scan's kernels, half of all, have a process of their own (`compile_ahead`); those of the index
and the evidence compile in the one that a build has for what else it needs
(`dataengine.kernels.compile_process`).
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
import polars as pl
import pyarrow as pa

from dataengine.kernels.compile_process import begin
from dataengine.kernels.jit import announce, is_on_disk
from dataengine.kernels.packed import pack
from decontam.decide.evidence import Evidence, locate
from decontam.index.index import NAMES, Index, Suite, build
from decontam.io.batches import Batch, Columns, arrow_batch
from decontam.io.jsonl import Texts
from decontam.search import scan
from decontam.search.measure import Measured, measure

LEAN = "from dataengine.kernels.compile_process import lean; lean(); "
COMMAND = f"{LEAN}from decontam.warmup import main; main()"
READING = "decontam.warmup:read"
ITEM = {
    "id": "1",
    "prompt": "Write a function.\ndef stripes(zebra):\n    return stripes(zebra - 4)",
}


def read_ahead() -> None:
    """Have compiled what reads rows and items, and what shows where they agree."""
    begin(READING, locate)


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
    """The process: scan a row of one word, and read one that holds JSON."""
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
