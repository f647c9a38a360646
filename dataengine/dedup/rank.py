"""Which of several duplicates stays: the order of rows from best to worst."""

from collections.abc import Sequence

import numpy as np
import polars as pl


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


def first_equal(keys: np.ndarray, ranked: np.ndarray) -> np.ndarray:
    """For each row the best row with the same key: often itself. A key of zero equals nothing.

    keys: uint64, one a row or two, shape (rows, 2).
    """
    columns = keys if keys.ndim == 2 else keys[:, None]
    held = columns[ranked]
    order = np.lexsort(held.T).astype(np.int32)  # stable: of equal ones the best comes first
    held = held[order]
    begins = 1 + np.flatnonzero((held[1:] != held[:-1]).any(axis=1) | ~held[1:].any(axis=1))
    leads = np.zeros(len(held), np.int32)
    leads[begins] = begins
    rows = ranked[order]
    best = np.empty(len(keys), np.int64)
    best[rows] = rows[np.maximum.accumulate(leads)]
    return best
