"""Exact duplicates: rows with the same prompt, or the same in everything that they hold."""

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import polars as pl

from dataengine.dedup.fingerprint import fingerprints
from dataengine.dedup.rank import first_equal
from dataengine.dedup.texts import ViewBlock
from dataengine.partition import buckets_for, divide
from dataengine.parts import arrow
from dataengine.view import View

SCHEMA = {"at": pl.Int64, "of": pl.Int64}
HELD = np.dtype([("keys", np.uint64, 2), ("at", np.int64), ("pinned", np.bool_)])
BUCKET_ROWS = 1 << 18
"""Rows of one bucket, about: each takes some 300 bytes while they are compared."""


class Keyed(NamedTuple):
    """The rows of a part: keys (uint64, shape (rows, 2): equal for equal rows, zero for what equals
    nothing), their numbers, and whether they are of a protected source."""

    keys: np.ndarray
    at: np.ndarray
    pinned: bool


def duplicates(parts: Iterable[Keyed], rows: int, folder: Path) -> pl.DataFrame:
    """The rows to drop, `at`, with the row that stays for each, `of`, by their numbers.

    The first row stays: of protected sources (whose rows are never dropped), then as they stand.
    rows: how many there are in all. Their keys go to buckets in temporary files in `folder`, equal
    ones to the same, and one bucket at a time is in memory.
    """
    count = buckets_for(rows, BUCKET_ROWS)
    with ExitStack() as opened:
        files = [opened.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in range(count)]
        for keys, at, pinned in parts:
            held = np.zeros(len(at), HELD)
            held["keys"], held["at"], held["pinned"] = keys, at, pinned
            held = held[keys.any(axis=1)]
            divide(held, held["keys"][:, 1] % np.uint64(count), files)
        found = [_of_bucket(file) for file in files]
    return pl.concat(found).sort("at")


def _of_bucket(file: BinaryIO) -> pl.DataFrame:
    file.seek(0)
    rows = np.frombuffer(file.read(), HELD)
    ranked = np.argsort(~rows["pinned"], kind="stable")
    equal = first_equal(np.ascontiguousarray(rows["keys"]), ranked)
    gone = np.flatnonzero((equal != np.arange(len(equal))) & ~rows["pinned"])
    at = rows["at"]
    return pl.DataFrame({"at": at[gone], "of": at[equal[gone]]}, schema=SCHEMA)


def row_keys(digests: pl.Series) -> np.ndarray:
    """Digests of 16 bytes as two numbers each.

    With 64 bits, a build of 100 million rows would lose one row in 3,700 builds; so few are lost
    with 128 that nobody need look.
    """
    held = arrow(digests).buffers()[2]
    whole = np.frombuffer(held if held else b"", np.uint64, 2 * len(digests))
    return whole.reshape(-1, 2)


def prompt_keys(view: View) -> pl.DataFrame:
    """128 bits of what the user said in each row, over all turns, in lower case and NFKC with white
    space collapsed; zero where the user said nothing."""
    none = np.zeros((0, 2), np.uint64)
    found = [fingerprints(texts) for _, texts in ViewBlock(view).texts("prompt")]
    return pl.DataFrame(np.concatenate([none, *found]), schema=["a", "b"])
