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
    """Row numbers, best first: pinned rows, then the longest (where `lengths` are given), then
    rows of the sources in `order` (others after them), then rows as they stand."""
    places = {name: place for place, name in enumerate(order)}
    place = sources.replace_strict(places, default=len(places), return_dtype=pl.Int32).to_numpy()
    shortness = np.zeros(len(sources), np.int64) if lengths is None else -lengths
    return np.lexsort((place, shortness, ~pinned))


def first_equal(keys: np.ndarray, ranked: np.ndarray) -> np.ndarray:
    """For each row the best row with the same key: often itself. A key of zero equals nothing.

    keys: uint64, one a row or two, shape (rows, 2).
    """
    columns = keys if keys.ndim == 2 else keys[:, None]
    names = [f"key_{number}" for number in range(columns.shape[1])]
    frame = pl.DataFrame(columns[ranked], schema=names).with_columns(row=pl.Series(ranked))
    best = np.empty(len(keys), np.int64)
    best[ranked] = frame.select(pl.col("row").first().over(names)).to_series().to_numpy()
    return np.where(columns.any(axis=1), best, np.arange(len(keys)))
