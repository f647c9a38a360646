"""External shuffle: rows in an order drawn by hash of (seed, id), cut into buckets by their bytes.

Rows are told by four numbers each, in temporary files: first by ranges of the draw, of which one at
a time is sorted in memory, then in their order. So what is held does not grow with the rows.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataengine.exchange import copied
from dataengine.partitioning import partitions, range_of, spilling
from dataengine.row import draw
from dataengine.view import Table, View

ROW = np.dtype([("part", np.int32), ("place", np.uint32), ("copy", np.int32), ("bytes", np.uint32)])
DRAWN = np.dtype([("draw", np.uint64), ("split", np.uint16), *ROW.descr])
PLACED = np.dtype([*ROW.descr, ("bucket", np.uint32), ("to", np.uint32)])


class Bucket(NamedTuple):
    """Consecutive rows of a split."""

    split: str
    first: int
    rows: int


class Shuffled:
    """The order of rows: split by split, bucket by bucket."""

    def __init__(self, rows: dict[str, NDArray[Any]], buckets: Sequence[Bucket]) -> None:
        self._rows, self.buckets = rows, buckets

    @classmethod
    def of(cls, table: Table, seed: int, bucket_bytes: int, folder: Path) -> "Shuffled":
        """Draw an order of all rows that are alive, of a table with the columns `copies` and
        `split`. A bucket ends with the row that reaches `bucket_bytes`; rows of one draw are in the
        order of their ids. `folder` is for temporary files."""
        splits, count = _splits(table), partitions(table.rows)
        cuts = [Cuts() for _ in splits]
        with (
            spilling(DRAWN, count, folder) as by_range,
            spilling(ROW, len(splits), folder) as by_split,
        ):
            for view in table.views():
                drawn = _drawn(view, seed, splits)
                by_range.add(drawn, range_of(drawn["draw"], count))
            for drawn in by_range:
                ordered = _in_order(drawn, table)
                for number, cut in enumerate(cuts):
                    rows = _only(ordered[ordered["split"] == number], ROW)
                    by_split.add(rows, number)
                    cut.add(rows["bytes"], bucket_bytes)
            rows_of = {split: by_split.mapped(number) for number, split in enumerate(splits)}
        buckets = [
            Bucket(split, first, end - first)
            for split, cut in zip(splits, cuts, strict=True)
            for first, end in pairwise([*cut.firsts, cut.rows])
        ]
        return cls(rows_of, buckets)

    def bucket(self, number: int) -> pl.DataFrame:
        """The rows of a bucket: `part`, `place`, `copy`, `bytes`, their `bucket` and their place
        there (`to`), sorted by the first three."""
        return _frame(self._placed(number))

    def of_parts(self, edges: Sequence[int], folder: Path) -> Iterator[pl.DataFrame]:
        """The same rows by their parts: one frame for the parts from each edge up to the next.
        `folder` is for temporary files."""
        groups = len(edges) - 1
        count = min(groups, partitions(sum(map(len, self._rows.values()))))
        lows = [groups * number // count for number in range(count + 1)]
        firsts = np.array([edges[low] for low in lows[:-1]])
        with spilling(PLACED, count, folder) as spill:
            for number in range(len(self.buckets)):
                placed = self._placed(number)
                spill.add(placed, np.searchsorted(firsts, placed["part"], side="right") - 1)
            for placed, (low, high) in zip(spill, pairwise(lows), strict=True):
                held = _frame(placed)
                ends = held["part"].search_sorted(np.array(edges[low : high + 1]), "left")
                for first, end in pairwise(ends):
                    yield held[first:end]

    def _placed(self, number: int) -> NDArray[Any]:
        split, first, rows = self.buckets[number]
        placed = _only(self._rows[split][first : first + rows], PLACED)
        placed["bucket"], placed["to"] = number, np.arange(rows)
        return placed


class Cuts:
    """Where the buckets of one split begin, as its rows come in order."""

    def __init__(self) -> None:
        self.firsts: list[int] = []
        self.rows = self._bytes = 0
        self._bucket = -1

    def add(self, sizes: NDArray[np.uint32], bucket_bytes: int) -> None:
        """Cut the rows that follow, by their bytes."""
        if not len(sizes):
            return
        ends = self._bytes + np.cumsum(sizes, dtype=np.int64)
        buckets = (ends - sizes) // bucket_bytes
        new = np.flatnonzero(np.diff(buckets, prepend=self._bucket))
        self.firsts += (self.rows + new).tolist()
        self.rows += len(sizes)
        self._bytes, self._bucket = int(ends[-1]), int(buckets[-1])


def _splits(table: Table) -> list[str]:
    found: set[str] = set()
    for view in table.views():
        assert view.added is not None
        found.update(view.added["split"].unique())
    return sorted(found)


def _drawn(view: View, seed: int, splits: list[str]) -> NDArray[Any]:
    """The rows of a part, as often as they are taken, each with what is drawn for it and the number
    of its split."""
    assert view.added is not None
    copies, split = view.added["copies"].to_numpy(), view.added["split"]
    of = np.repeat(np.arange(len(view)), copies)
    drawn = np.empty(len(of), DRAWN)
    drawn["part"], drawn["place"] = view.number, view.places[of]
    drawn["bytes"] = view.small["bytes"].to_numpy()[of]
    drawn["copy"] = np.arange(len(of)) - np.repeat(np.cumsum(copies) - copies, copies)
    for number, name in enumerate(splits):
        drawn["split"][(split == name).to_numpy()[of]] = number
    drawn["draw"] = draw(seed, "shuffle", _named(view.ids[of], drawn))
    return drawn


def _named(ids: pl.Series, rows: NDArray[Any]) -> pl.Series:
    """The ids of rows of the table as they are written, each copy under its own."""
    if not rows["copy"].any():
        return ids
    return pl.DataFrame({"id": ids, "copy": rows["copy"]}).select(copied()).to_series()


def _in_order(drawn: NDArray[Any], table: Table) -> NDArray[Any]:
    """Rows by what is drawn for them; the few that drew the same by their ids."""
    rows = drawn[np.argsort(drawn["draw"], kind="stable")]
    same = rows["draw"][1:] == rows["draw"][:-1]
    if same.any():
        tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
        few = rows[tied]
        ids = table.ids(pl.Series(table.bounds[few["part"]] + few["place"]))
        named = pl.DataFrame({"draw": few["draw"], "id": _named(ids, few)})
        rows[tied] = few[
            named.select(pl.arg_sort_by("draw", "id", maintain_order=True)).to_series()
        ]
    return rows


def _frame(placed: NDArray[Any]) -> pl.DataFrame:
    rows = pl.DataFrame({name: placed[name] for name in PLACED.names or ()})
    return rows.sort("part", "place", "copy")


def _only(rows: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Records of another type, with what they have in common; the rest is left open."""
    held = np.empty(len(rows), dtype)
    for name in {*(dtype.names or ())} & {*(rows.dtype.names or ())}:
        held[name] = rows[name]
    return held
