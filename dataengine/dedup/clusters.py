"""Clusters: rows joined through their candidates, found a window of rows at a time.

Rows that share no band, not through others either, are nothing to each other. So candidates of some
groups that bands join are looked for while all other rows lie in temporary files.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dataengine.dedup import rank
from dataengine.dedup.lsh import PARTNERS, band_keys, candidates, components, groups, unite
from dataengine.dedup.minhash import Bands
from dataengine.kernels.jit import kernel
from dataengine.partitioning import MOST, Spill, spilling

WINDOW_ROWS = 1 << 18
"""Rows of one window, about: more only where one group is larger."""
COPIED = 1 << 16
"""Rows whose sketches are copied at once."""
Run = tuple[int, int]


class Clusters(NamedTuple):
    """Groups of two rows or more that candidates join, one after the other, each best first.

    rows: int32 row numbers. bounds: cluster c is rows[bounds[c] : bounds[c + 1]].
    partners: int32, shape (rows, `PARTNERS`): each row's candidates, most alike first, by their
        places in `rows`; -1 where there are no more.
    sketches: uint8, those of `rows`.
    """

    rows: np.ndarray
    bounds: np.ndarray
    partners: np.ndarray
    sketches: np.ndarray


def clusters(
    sketches: np.ndarray,
    ranked: np.ndarray,
    bands: Bands,
    threshold: float,
    threads: int,
    folder: Path | None,
) -> Clusters:
    """The clusters of the rows in `ranked` (int32, best first)."""
    members, bounds = connected(sketches, ranked, bands, threads, folder)
    runs = windows(bounds, max(WINDOW_ROWS, len(members) // (MOST // 2)))
    sketch = np.dtype((np.uint8, sketches.shape[1:]))
    rows, ends, count = [members[:0]], [np.zeros(1, np.int64)], 0
    with (
        spilling(sketch, len(runs), folder) as taken,
        spilling(sketch, 1, folder) as kept,
        spilling(np.dtype((np.int32, (PARTNERS,))), 1, folder) as met,
    ):
        _take(sketches, members, [int(bounds[last]) for _, last in runs], taken)
        for number, (first, last) in enumerate(runs):
            few = taken.mapped(number)
            best = members[bounds[first] : bounds[last]]
            numbers = np.sort(best)  # a row is told by its place among these
            best = np.searchsorted(numbers, best).astype(np.int32)
            found = candidates(few, best, bands, threshold, threads)
            joined, edges = components(found, best)
            places = np.full(len(numbers) + 1, -1, np.int32)
            places[joined] = np.arange(count, count + len(joined))
            met.add(places[found.partners[joined]])
            kept.add(few[joined])
            rows.append(numbers[joined])
            ends.append(edges[1:] + count)
            count += len(joined)
        return Clusters(np.concatenate(rows), np.concatenate(ends), met.mapped(), kept.mapped())


def connected(
    sketches: np.ndarray, ranked: np.ndarray, bands: Bands, threads: int, folder: Path | None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of `ranked` joined by the bands that they share: `lsh.groups` of them."""
    parents = np.arange(len(sketches), dtype=np.int32)
    counts = np.zeros((threads, 1), np.int64)
    with ThreadPoolExecutor(threads) as pool:

        def keyed(start: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for first in range(0, len(ranked), rank.WINDOW):
                some = ranked[first : first + rank.WINDOW]
                keys = np.empty(len(some), np.uint64)
                shares = np.linspace(0, len(some), threads + 1).astype(np.int64)

                def fill(thread: int, some=some, keys=keys, shares=shares) -> None:  # type: ignore[no-untyped-def]
                    share = shares[thread], shares[thread + 1]
                    band_keys(sketches, some, share, start, bands.rows, keys, counts[thread])

                list(pool.map(fill, range(threads)))
                yield keys, some

        for start in range(0, bands.count * bands.rows, bands.rows):
            for keys, some in rank.by_key(keyed(start), len(ranked), folder):
                often = np.flatnonzero(rank.repeated(keys))
                often = often[np.argsort(keys[often])]
                join_equal(keys[often], some[often], parents)
    return groups(parents, ranked)


def windows(before: np.ndarray, room: int) -> list[Run]:
    """Runs of groups (first, end) of about so much room; `before` is how much is before each group,
    and before the end."""
    cuts = np.flatnonzero(np.diff(before // room)) + 1
    edges = np.unique([0, *cuts.tolist(), len(before) - 1]).tolist()
    return [*pairwise(edges)]


def _take(sketches: np.ndarray, members: np.ndarray, ends: Sequence[int], to: Spill) -> None:
    """The sketches of windows of rows, each window's in the order of their numbers."""
    order = np.argsort(members)
    for start in range(0, len(order), COPIED):
        some = order[start : start + COPIED]
        to.add(sketches[members[some]], np.searchsorted(ends, some, side="right"))


@kernel
def join_equal(keys, rows, parents):
    """Unite rows whose keys (ascending) are equal."""
    for place in range(1, len(keys)):
        if keys[place] == keys[place - 1]:
            unite(parents, rows[place - 1], rows[place])
