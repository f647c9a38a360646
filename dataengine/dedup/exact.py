"""Exact duplicates: rows with the same prompt, or the same in everything that they hold."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from dataengine.dedup.fingerprint import fingerprints
from dataengine.dedup.rank import first_equal
from dataengine.dedup.texts import ViewBlock
from dataengine.dedup.twins import TWIN
from dataengine.partitioning import partitions, spilling
from dataengine.parts import arrow
from dataengine.view import View

HELD = np.dtype([("keys", np.uint64, 2), ("at", np.int64), ("pinned", np.bool_)])


class Keyed(NamedTuple):
    """The rows of a part: keys (uint64, shape (rows, 2): equal for equal rows, zero for what equals
    nothing), their numbers, and whether they are of a protected source."""

    keys: np.ndarray
    at: np.ndarray
    pinned: bool


def duplicates(parts: Iterable[Keyed], rows: int, folder: Path | None) -> Iterator[np.ndarray]:
    """The rows to drop, each with the row that stays, as records of TWIN in no order.

    The first row stays: of protected sources (whose rows are never dropped), then as they stand.
    rows: how many there are in all. Equal keys go to the same partition, and one at a time is in
    memory.
    """
    count = partitions(rows)
    with spilling(HELD, count, folder) as spill:
        for keys, at, pinned in parts:
            held = np.empty(len(at), HELD)
            held["keys"], held["at"], held["pinned"] = keys, at, pinned
            held = held[keys.any(axis=1)]
            spill.add(held, (held["keys"][:, 1] % np.uint64(count)).astype(np.int64))
        yield from map(_twins, spill)


def _twins(rows: np.ndarray) -> np.ndarray:
    ranked = np.argsort(~rows["pinned"], kind="stable")
    gone, stays = first_equal(rows["keys"], ranked)
    gone, stays = (numbers[~rows["pinned"][gone]] for numbers in (gone, stays))
    twins: np.ndarray[Any, Any] = np.empty(len(gone), TWIN)
    twins["at"], twins["of"] = rows["at"][gone], rows["at"][stays]
    return twins


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
