"""Verification: within each group of candidates, what duplicates what, by exact Jaccard index.

A row is dropped only for a row that stays and that it reaches the threshold with itself, so a
chain a ~ b ~ c never drops c for an a that it is unlike.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from dataengine.dedup.clusters import windows
from dataengine.dedup.minhash import agreeing
from dataengine.dedup.sets import Sets
from dataengine.dedup.shingles import jaccard
from dataengine.kernels.jit import allocating, kernel, part

LEADERS, TRIES = 256, 64
"""Beside its own candidates, a row is held against the first so many rows of its group that stay,
by sketch, and against so many of them exactly: what bounds the time of a group without end."""
WINDOW = 8 << 20
"""Hashes of the sets that one thread looks at between two moments of letting go of memory."""


@dataclass(frozen=True)
class Verdicts:
    """For each row: the row that it goes for (int32, -1 where it stays), the bytes on which their
    sketches agree (int16) and their exact Jaccard index."""

    of: np.ndarray
    agreed: np.ndarray
    exact: np.ndarray


def verify(
    members: np.ndarray,
    bounds: np.ndarray,
    partners: np.ndarray,
    sketches: np.ndarray,
    sets: Sets,
    pinned: np.ndarray,
    gate: int,
    threshold: float,
    threads: int,
) -> Verdicts:
    """Decide on every member of every group (see `lsh.groups`); pinned rows always stay."""
    rows = len(pinned)
    verdicts = Verdicts(np.full(rows, -1, np.int32), np.zeros(rows, np.int16), np.zeros(rows))

    def settle_some(window: tuple[int, int]) -> None:
        settle_all(
            members, bounds[window[0] : window[1] + 1], partners, sketches,
            (sets.hashes, sets.starts, sets.sizes), pinned, gate, threshold,
            (verdicts.of, verdicts.agreed, verdicts.exact),
        )  # fmt: skip
        sets.let_go()

    with ThreadPoolExecutor(threads) as pool:
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(sets.sizes[members])])
        list(pool.map(settle_some, windows(before[bounds], WINDOW)))
    return verdicts


@part
def goes_for(row, leader, sketches, sets, threshold, verdicts):
    """Whether a row reaches the threshold with one that stays; if so, writes its verdict."""
    hashes, starts, sizes = sets
    mine = hashes[starts[row] : starts[row] + sizes[row]]
    theirs = hashes[starts[leader] : starts[leader] + sizes[leader]]
    likeness = jaccard(mine, theirs, threshold)
    if likeness < threshold:
        return False
    of, agreed, exact = verdicts
    of[row], exact[row] = leader, likeness
    agreed[row] = agreeing(sketches[row], sketches[leader])
    return True


@allocating
def settle(members, partners, sketches, sets, pinned, gate, threshold, verdicts):
    """Decide on one group's members (row numbers, best first).

    A row goes for the most alike of its candidates, or of the rows that those went for; failing
    that, for the first row of the group that stays and is alike enough.
    """
    of = verdicts[0]
    leaders = np.empty(min(len(members), LEADERS), np.int64)
    found = 0
    for row in members:
        for other in partners[row]:
            if other < 0 or pinned[row] or of[row] >= 0:
                break
            leader = np.int64(other if of[other] < 0 else of[other])
            goes_for(row, leader, sketches, sets, threshold, verdicts)
        tries = 0 if pinned[row] else TRIES
        for leader in leaders[:found]:
            if tries == 0 or of[row] >= 0:
                break
            if agreeing(sketches[row], sketches[leader]) >= gate:
                goes_for(row, leader, sketches, sets, threshold, verdicts)
                tries -= 1
        if of[row] < 0 and found < len(leaders):
            leaders[found] = row
            found += 1


@kernel
def settle_all(members, bounds, partners, sketches, sets, pinned, gate, threshold, verdicts):
    """`settle` for every group."""
    for c in range(len(bounds) - 1):
        group = members[bounds[c] : bounds[c + 1]]
        settle(group, partners, sketches, sets, pinned, gate, threshold, verdicts)
