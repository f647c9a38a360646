"""External shuffle: rows in an order drawn by hash of (seed, id), cut into buckets by their bytes.

Rows are told by four numbers each, in temporary files: first by ranges of the draw, of which one at
a time is sorted in memory, then in their order. So what is held does not grow with the rows.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataengine.exchange import copied
from dataengine.partition import buckets_for, divide
from dataengine.row import draw
from dataengine.view import Table, View

RANGE_ROWS = 1 << 20
"""Rows of one range, about: each takes some 80 bytes while they are sorted."""

NAMES = ("part", "place", "copy", "bytes")
ROW = np.dtype([(name, np.uint32) for name in NAMES])
"""A row to write: where it stands, which copy of it, and its bytes of text."""
DRAWN = np.dtype([("draw", np.uint64), *ROW.descr, ("split", np.uint8)])
ORDERED = np.dtype([*ROW.descr, ("bucket", np.uint32), ("to", np.uint32)])

Rows = NDArray[Any]


class Bucket(NamedTuple):
    """Consecutive rows of a split."""

    split: str
    first: int
    rows: int


class Shuffled:
    """The order of rows: split by split, bucket by bucket."""

    def __init__(self) -> None:
        self.buckets: list[Bucket] = []
        self._files: dict[str, BinaryIO] = {}

    @classmethod
    def of(cls, table: Table, seed: int, bucket_bytes: int, folder: Path) -> "Shuffled":
        """Draw an order of all rows that are alive, of a table with the columns `copies` and
        `split`. A bucket ends with the row that reaches `bucket_bytes`; rows of one draw stay in
        the order of the table. `folder` is for temporary files."""
        found = cls()
        count = buckets_for(table.rows, RANGE_ROWS)
        splits: dict[str, int] = {}
        with ExitStack() as opened:
            ranges = [opened.enter_context(TemporaryFile(dir=folder)) for _ in range(count)]
            for view in table.views():
                rows = _drawn(view, seed, splits)
                high = rows["draw"] >> np.uint64(32)
                divide(rows, high * np.uint64(count) >> np.uint64(32), ranges)
            for split in sorted(splits):
                rows_of = (_sorted(file, splits[split]) for file in ranges)
                found._files[split] = TemporaryFile(dir=folder)  # noqa: SIM115 it closes with the order
                found._cut(split, rows_of, bucket_bytes)
        return found

    def _cut(self, split: str, ranges: Iterable[Rows], bucket_bytes: int) -> None:
        """Write the rows of a split in their order, and note where its buckets begin."""
        firsts: list[int] = []
        size, number, count = 0, -1, 0
        for rows in ranges:
            ends = size + np.cumsum(rows["bytes"], dtype=np.int64)
            numbers = (ends - rows["bytes"]) // bucket_bytes
            firsts += (count + np.flatnonzero(np.diff(numbers, prepend=number))).tolist()
            self._files[split].write(rows.tobytes())
            if len(rows):
                size, number, count = int(ends[-1]), int(numbers[-1]), count + len(rows)
        self._files[split].flush()
        self.buckets += [Bucket(split, a, b - a) for a, b in pairwise([*firsts, count])]

    def bucket(self, number: int) -> pl.DataFrame:
        """The rows of a bucket: `part`, `place`, `copy`, `bytes`, their `bucket` and their place
        there (`to`), sorted by the first three."""
        return _framed(np.sort(self._numbered(number), order=("part", "place", "copy")))

    def _numbered(self, number: int) -> Rows:
        split, first, count = self.buckets[number]
        file = self._files[split].fileno()
        held = np.frombuffer(os.pread(file, count * ROW.itemsize, first * ROW.itemsize), ROW)
        rows = np.zeros(count, ORDERED)
        for name in NAMES:
            rows[name] = held[name]
        rows["bucket"], rows["to"] = number, np.arange(count)
        return rows

    def of_parts(self, edges: Sequence[int], folder: Path) -> Iterator[pl.DataFrame]:
        """The same rows by their parts: one frame for the parts from each edge up to the next.
        `folder` is for temporary files."""
        groups = len(edges) - 1
        total = sum(bucket.rows for bucket in self.buckets)
        count = min(buckets_for(total, RANGE_ROWS), groups)
        lows = [groups * number // count for number in range(count + 1)]
        firsts = np.array([edges[low] for low in lows[:-1]])
        with ExitStack() as opened:
            files = [opened.enter_context(TemporaryFile(dir=folder)) for _ in range(count)]
            for number in range(len(self.buckets)):
                rows = self._numbered(number)
                divide(rows, np.searchsorted(firsts, rows["part"], side="right") - 1, files)
            for file, (low, high) in zip(files, pairwise(lows), strict=True):
                file.seek(0)
                rows = np.sort(np.frombuffer(file.read(), ORDERED), order=("part", "place", "copy"))
                bounds = np.searchsorted(rows["part"], edges[low : high + 1])
                for a, b in pairwise(bounds.tolist()):
                    yield _framed(rows[a:b])


def _drawn(view: View, seed: int, splits: dict[str, int]) -> Rows:
    """The rows of a view, as often as each is taken, with their draws; `splits` numbers the names
    of splits as they are met."""
    added = view.frame("copies", "split")
    named = added.with_columns(
        pl.col("split").cast(pl.String), view.small["bytes"], view.ids, place=pl.Series(view.places)
    )
    copies = named.with_columns(copy=pl.int_ranges(0, pl.col("copies"), dtype=pl.Int32))
    taken = copies.explode("copy", keep_nulls=False, empty_as_null=False).with_columns(copied())
    for name in taken["split"].unique(maintain_order=True):
        splits.setdefault(name, len(splits))
    rows = np.zeros(taken.height, DRAWN)
    rows["draw"] = draw(seed, "shuffle", taken["id"])
    rows["part"] = view.number
    for name in ("place", "copy", "bytes"):
        rows[name] = taken[name]
    rows["split"] = taken["split"].replace_strict(splits, return_dtype=pl.UInt8)
    return rows


def _sorted(file: BinaryIO, split: int) -> Rows:
    """The rows of one range and split in the order of their draws."""
    file.seek(0)
    rows = np.frombuffer(file.read(), DRAWN)
    rows = rows[rows["split"] == split]
    rows = rows[np.argsort(rows["draw"], kind="stable")]
    return rows[list(NAMES)].astype(ROW)


def _framed(rows: Rows) -> pl.DataFrame:
    return pl.DataFrame({name: np.ascontiguousarray(rows[name]) for name in rows.dtype.names or ()})
