"""Which of several duplicates stays: the order of rows from best to worst."""

from collections.abc import Sequence

import numpy as np
import polars as pl

MARKS = np.uint64(1 << 22)
"""Bits that tell most keys that stand once from the others."""


def best_first(
    sources: pl.Series,
    order: Sequence[str],
    pinned: np.ndarray,
    lengths: np.ndarray | None = None,
) -> np.ndarray:
    """Row numbers (int32), best first: pinned rows, then the longest (where `lengths` are given),
    then rows of the sources in `order` (others after them), then rows as they stand."""
    keys: list[np.ndarray] = []
    if order:
        places = {name: place for place, name in enumerate(order)}
        told = sources.replace_strict(places, default=len(places), return_dtype=pl.Int32)
        keys.append(told.to_numpy())
    if lengths is not None:
        keys.append(-lengths)
    if pinned.any() and not pinned.all():
        keys.append(~pinned)
    rows = np.lexsort(keys) if keys else np.arange(len(pinned))
    return rows.astype(np.int32)


def first_equal(keys: np.ndarray, ranked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows whose key a better row has, ascending, and for each the best row with that key. A
    key of zero equals nothing.

    keys: uint64, one a row or two, shape (rows, 2); the last is spread evenly.
    """
    columns = keys if keys.ndim == 2 else keys[:, None]
    often = _repeated(columns[:, -1])
    few = ranked[often[ranked]]
    few = few[columns[few].any(axis=1)]
    names = [f"key_{number}" for number in range(columns.shape[1])]
    frame = pl.DataFrame(columns[few], schema=names).with_columns(row=pl.Series(few))
    best = frame.select("row", first=pl.col("row").first().over(names))
    unlike = best.filter(pl.col("row") != pl.col("first")).sort("row")
    return unlike["row"].to_numpy(), unlike["first"].to_numpy()


def _repeated(keys: np.ndarray) -> np.ndarray:
    """Which of some numbers (uint64) may stand more than once, and few of the others."""
    ordered = np.sort(keys)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    marks = np.zeros(MARKS, np.bool_)
    marks[twice % MARKS] = True
    return marks[keys % MARKS]
