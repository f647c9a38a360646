"""Which of several duplicates stays: the order of rows from best to worst."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from dataengine.partitioning import MOST, range_of, spilling

WINDOW = 1 << 22
"""Rows whose keys are compared at once."""
MARKS = 8
"""Marks for each number that stands twice, so that few others fall on one."""
CHUNK = 1 << 18


def best_first(
    pinned: np.ndarray,
    sources: pl.Series | None = None,
    order: Sequence[str] = (),
    lengths: np.ndarray | None = None,
) -> np.ndarray:
    """Row numbers (int32), best first: pinned rows, then the longest (where `lengths` are given),
    then rows of the sources in `order` (others after them), then rows as they stand."""
    keys: list[np.ndarray] = []
    if order and sources is not None:
        places = {name: place for place, name in enumerate(order)}
        told = sources.replace_strict(places, default=len(places), return_dtype=pl.Int32)
        keys.append(told.to_numpy())
    if lengths is not None:
        keys.append(-lengths)
    if pinned.any() and not pinned.all():
        keys.append(~pinned)
    rows = np.lexsort(keys) if keys else np.arange(len(pinned), dtype=np.int32)
    return rows.astype(np.int32, copy=False)


def first_equal(keys: np.ndarray, ranked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows whose key a better row has, ascending, and for each the best row with that key. A
    key of zero equals nothing.

    keys: uint64, one a row or two, shape (rows, 2); the last is spread evenly.
    """
    columns = keys if keys.ndim == 2 else keys[:, None]
    often = repeated(columns[:, -1])
    few = ranked[often[ranked]]
    few = few[columns[few].any(axis=1)]
    names = [f"key_{number}" for number in range(columns.shape[1])]
    frame = pl.DataFrame(columns[few], schema=names).with_columns(row=pl.Series(few))
    best = frame.select("row", first=pl.col("row").first().over(names))
    unlike = best.filter(pl.col("row") != pl.col("first")).sort("row")
    return unlike["row"].to_numpy(), unlike["first"].to_numpy()


def equal_rows(
    keys: np.ndarray, ranked: np.ndarray, folder: Path | None
) -> tuple[np.ndarray, np.ndarray]:
    """`first_equal` of any number of rows; of many, a range of the keys at a time."""
    starts = range(0, len(ranked), WINDOW)
    some = (ranked[start : start + WINDOW] for start in starts)
    gone, firsts = [ranked[:0]], [ranked[:0]]
    for held, rows in by_key(((keys[rows], rows) for rows in some), len(ranked), folder):
        places, best = first_equal(held, np.arange(len(rows), dtype=np.int32))
        gone.append(rows[places])
        firsts.append(rows[best])
    found = np.concatenate(gone)
    order = np.argsort(found)
    return found[order], np.concatenate(firsts)[order]


def by_key(
    chunks: Iterable[tuple[np.ndarray, np.ndarray]], rows: int, folder: Path | None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Keys (uint64, spread evenly) and their rows (int32), equal keys together and rows in their
    order: of more than WINDOW rows by ranges of the keys, which lie in temporary files."""
    count = min(MOST, 1 + (rows - 1) // WINDOW)
    if count <= 1:
        yield from chunks
        return
    keyed = np.dtype([("key", np.uint64), ("row", np.int32)])
    with spilling(keyed, count, folder) as spill:
        for keys, numbers in chunks:
            held = np.empty(len(keys), keyed)
            held["key"], held["row"] = keys, numbers
            spill.add(held, range_of(keys, count))
        for held in spill:
            yield np.ascontiguousarray(held["key"]), held["row"]


def repeated(keys: np.ndarray) -> np.ndarray:
    """Which of some numbers (uint64, spread evenly) stand more than once."""
    ordered = np.sort(keys)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    del ordered
    marks = np.zeros(1 << (MARKS * len(twice)).bit_length(), np.bool_)
    mask = np.uint64(len(marks) - 1)
    marks[twice & mask] = True
    found = np.zeros(len(keys), np.bool_)
    for start in range(0, len(keys) if len(twice) else 0, CHUNK):
        some = keys[start : start + CHUNK]
        maybe = np.flatnonzero(marks[some & mask])
        place = np.searchsorted(twice, some[maybe])
        found[start + maybe] = np.append(twice, 0)[place] == some[maybe]
    return found
