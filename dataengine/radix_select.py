"""Radix selection: the rows that draw least, up to a weight, without sorting all of them.

The weights of all rows are added up by the leading bits of what was drawn; only the rows of the bin
in which the weight is reached are put in order.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

BITS = 16
"""Leading bits of a draw that are its bin."""


class Drawn(NamedTuple):
    """Some rows: their numbers (int64), what each drew (uint64), what each weighs (int64)."""

    at: NDArray[np.int64]
    draws: NDArray[np.uint64]
    weights: NDArray[np.int64]


class Least(NamedTuple):
    """The rows that draw least: all of the bins before one, and some of that one by number."""

    bin: int
    at: NDArray[np.int64]

    def holds(self, at: NDArray[np.int64], draws: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of some rows are among them."""
        bins = _bins(draws)
        held = bins < self.bin
        last = np.flatnonzero(bins == self.bin)
        held[last] = np.isin(at[last], self.at)
        return held


def least(
    rows: Callable[[], Iterator[Drawn]], wanted: float, ids: Callable[[pl.Series], pl.Series]
) -> tuple[Least, int]:
    """The rows before which, in the order of their draws, rows weigh less than `wanted`; and what
    all rows weigh. Rows that drew the same are in the order of their ids, which are asked for by
    number."""
    sums = np.zeros(1 << BITS, np.int64)
    for _, draws, weights in rows():
        np.add.at(sums, _bins(draws), weights)
    before = np.cumsum(sums) - sums
    last = int(np.searchsorted(before, wanted)) - 1
    if last < 0:
        return Least(0, np.zeros(0, np.int64)), int(sums.sum())
    found = [
        pl.DataFrame({"at": at[mine], "draw": draws[mine], "weight": weights[mine]})
        for at, draws, weights in rows()
        if (mine := np.flatnonzero(_bins(draws) == last)).size
    ]
    none = pl.DataFrame(schema={"at": pl.Int64, "draw": pl.UInt64, "weight": pl.Int64})
    bin = pl.concat([none, *found])
    ordered = bin.with_columns(ids(bin["at"]).alias("id")).sort("draw", "id")
    earlier = int(before[last]) + ordered["weight"].cum_sum() - ordered["weight"]
    taken = ordered.filter(earlier < wanted)["at"].sort()
    return Least(last, taken.to_numpy()), int(sums.sum())


def _bins(draws: NDArray[np.uint64]) -> NDArray[np.int64]:
    return (draws >> np.uint64(64 - BITS)).astype(np.int64)
