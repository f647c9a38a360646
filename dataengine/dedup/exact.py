"""Exact duplicates: rows with the same prompt, or the same in everything that they hold."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from dataengine.dedup.fingerprint import fingerprints
from dataengine.dedup.rank import best_first, first_equal
from dataengine.dedup.texts import ViewBlock
from dataengine.view import View

SCHEMA = {"at": pl.Int64, "of": pl.Int64}


def duplicates(
    keys: np.ndarray, rows: pl.DataFrame, order: Sequence[str] = (), protect: Sequence[str] = ()
) -> pl.DataFrame:
    """The rows to drop, `at`, with the row that stays for each, `of`, by their numbers.

    keys: uint64, shape (rows, 2): equal for equal rows, zero for what equals nothing. rows: `at`
    and `source`. The first row stays: of protected sources (whose rows are never dropped), then of
    the sources in `order`, then as the rows stand.
    """
    pinned = rows["source"].is_in(list(protect)).to_numpy()
    equal = first_equal(keys, best_first(rows["source"], order, pinned))
    gone = np.flatnonzero((equal != np.arange(len(equal))) & ~pinned)
    at = rows["at"].to_numpy()
    return pl.DataFrame({"at": at[gone], "of": at[equal[gone]]}, schema=SCHEMA)


def row_keys(digests: pl.Series) -> np.ndarray:
    """Digests of 16 bytes as two numbers each.

    With 64 bits, a build of 100 million rows would lose one row in 3,700 builds; so few are lost
    with 128 that nobody need look.
    """
    whole = np.frombuffer(b"".join(digests), np.uint64)
    return whole.reshape(-1, 2)


def prompt_keys(view: View) -> pl.DataFrame:
    """128 bits of what the user said in each row, over all turns, in lower case and NFKC with white
    space collapsed; zero where the user said nothing."""
    none = np.zeros((0, 2), np.uint64)
    found = [fingerprints(texts) for _, texts in ViewBlock(view).texts("prompt")]
    return pl.DataFrame(np.concatenate([none, *found]), schema=["a", "b"])
