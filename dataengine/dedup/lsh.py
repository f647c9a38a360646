"""Candidates: for each row the few earlier rows most like it by sketch, found by shared bands.

Linear in rows whatever they hold: a bucket keeps at most `REPRESENTATIVES` rows that are unlike
one another, and each later row looks at those alone. Rows of one template crowd a band's bucket
though they are no duplicates; there a second look goes by the bytes that few of them share.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dataengine.dedup.minhash import Bands, agreeing
from dataengine.kernels.jit import inlined, kernel, part

REPRESENTATIVES = 64
PARTNERS = 4
"""How many candidates a row keeps."""
COMMON = 8
"""A byte that more than one in so many of a crowd share says nothing about its rows: what it
would find, the representatives have found."""
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
EMPTY = np.int32(-1)


@dataclass(frozen=True)
class Candidates:
    """Each row's candidates, most alike first, shape (rows, `PARTNERS`).

    partners: int32 row numbers, all of better rank, -1 where there are no more.
    agreed: int16, the bytes on which the sketches agree.
    """

    partners: np.ndarray
    agreed: np.ndarray

    @classmethod
    def empty(cls, rows: int) -> "Candidates":
        shape = rows, PARTNERS
        return cls(np.full(shape, EMPTY, np.int32), np.zeros(shape, np.int16))


def candidates(
    sketches: np.ndarray, ranked: np.ndarray, bands: Bands, threshold: float, threads: int
) -> Candidates:
    """Candidates of the rows in `ranked` (int32, best first); the others have none."""
    found, crowds = Candidates.empty(len(sketches)), np.arange(len(sketches), dtype=np.int32)
    limits = bands.gate(threshold), bands.expected((1 + threshold) / 2)
    shares = [range(first, bands.count, threads) for first in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        for part, crowd in pool.map(lambda s: _join(sketches, ranked, bands, limits, s), shares):
            merge_partners(found.partners, found.agreed, part.partners, part.agreed)
            merge(crowds, crowd)
    members, bounds = groups(crowds, ranked)
    for first, last in pairwise(bounds):
        crowd = members[first:last]
        heads = np.full((sketches.shape[1], 256), EMPTY, np.int32)
        room = min(crowd.size * sketches.shape[1], heads.size * REPRESENTATIVES)
        rows, following = np.empty(room, np.int32), np.empty(room, np.int32)
        join_crowd(sketches, crowd, *limits, heads, rows, following, found.partners, found.agreed)
    return found


def _join(
    sketches: np.ndarray, ranked: np.ndarray, bands: Bands, limits: tuple[int, int], share: range
) -> tuple[Candidates, np.ndarray]:
    """What some of the bands find: candidates, and the components of rows that crowd a bucket."""
    found, crowds = Candidates.empty(len(sketches)), np.arange(len(sketches), dtype=np.int32)
    slots = 1 << max(4, int(1.5 * len(ranked)).bit_length())
    keys = np.empty(slots, np.uint64)
    heads, following = np.empty(slots, np.int32), np.empty(len(sketches), np.int32)
    for band in share:
        heads.fill(EMPTY)
        join_band(
            sketches, ranked, band * bands.rows, bands.rows, *limits,
            keys, heads, following, found.partners, found.agreed, crowds,
        )  # fmt: skip
    return found, crowds


def components(found: Candidates, ranked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows joined through their candidates: `groups` of them, each best first."""
    parents = np.arange(len(found.partners), dtype=np.int32)
    join_partners(found.partners, parents)
    return groups(parents, ranked)


def groups(parents: np.ndarray, ranked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Components of two rows or more: members (row numbers, a component's together, in the order
    of `ranked`) and bounds: component c is members[bounds[c] : bounds[c + 1]]."""
    flatten(parents)
    roots = parents[ranked]
    shared = np.bincount(roots, minlength=len(parents))[roots] > 1
    members, roots = ranked[shared], roots[shared]
    together = np.argsort(roots, kind="stable")
    members, roots = members[together], roots[together]
    if not len(members):
        return members, np.zeros(1, np.int64)
    return members, np.flatnonzero(np.concatenate([[True], roots[1:] != roots[:-1], [True]]))


@inlined
def band_key(sketch, start, rows):
    """The bytes of one band as a number."""
    key = np.uint64(0)
    for k in range(start, start + rows):
        key = (key << np.uint64(8)) | np.uint64(sketch[k])
    return key


@part
def find(parents, row):
    """The root of a row's component; halves the path on the way (Tarjan and van Leeuwen 1984)."""
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


@part
def unite(parents, first, second):
    """Join two components under the smaller root, so that the order of joins does not matter."""
    a, b = find(parents, first), find(parents, second)
    if a < b:
        parents[b] = a
    else:
        parents[a] = b


@kernel
def merge(parents, others):
    """Fold the components of `others` into those of `parents`."""
    for row in range(len(parents)):
        if others[row] != row:
            unite(parents, row, find(others, row))


@kernel
def flatten(parents):
    """Point every row straight at its root."""
    for row in range(len(parents)):
        parents[row] = find(parents, row)


@part
def meet(partners, agreed, row, other, same):
    """Keep `other` among the row's candidates if it is one of the most alike.

    Equally alike ones in the order of their numbers, so that the order of meetings does not
    matter.
    """
    for place in range(PARTNERS):
        held = partners[row, place]
        if held == other:
            return
        if held == EMPTY or same > agreed[row, place] or (
            same == agreed[row, place] and other < held
        ):  # fmt: skip
            partners[row, place], other = other, held
            kept, same = same, np.int64(agreed[row, place])
            agreed[row, place] = kept
            if other == EMPTY:
                return


@kernel
def merge_partners(partners, agreed, more_partners, more_agreed):
    """Fold one thread's candidates into the others'."""
    for row in range(len(partners)):
        for place in range(PARTNERS):
            if more_partners[row, place] != EMPTY:
                meet(partners, agreed, row, more_partners[row, place], more_agreed[row, place])


@kernel
def join_partners(partners, parents):
    """Unite every row with its candidates."""
    for row in range(len(partners)):
        for other in partners[row]:
            if other != EMPTY:
                unite(parents, row, other)


@kernel
def join_band(
    sketches, ranked, start, rows, gate, cover, keys, heads, following, partners, agreed, crowds
):
    """Let every row meet the representatives of its bucket that pass the gate.

    A row becomes a representative itself unless one covers it. Once there is no more room for
    it, the bucket's rows are one crowd. `keys`, `heads` (filled with `EMPTY`; as many as a
    power of two) and `following` are the bucket table's memory.
    """
    mask = np.uint64(len(heads) - 1)
    for row in ranked:
        key = band_key(sketches[row], start, rows)
        slot = (key * GOLDEN >> np.uint64(20)) & mask
        while heads[slot] != EMPTY and keys[slot] != key:
            slot = (slot + np.uint64(1)) & mask
        keys[slot] = key
        other, covered, met, last = heads[slot], False, 0, EMPTY
        while other != EMPTY and not covered:
            same = agreeing(sketches[row], sketches[other])
            if same >= gate:
                meet(partners, agreed, row, other, same)
                covered = same >= cover
            met, last, other = met + 1, other, following[other]
        if covered:
            continue
        if met == REPRESENTATIVES:
            unite(crowds, heads[slot], row)
            continue
        following[row] = EMPTY
        if last == EMPTY:
            heads[slot] = row
        else:
            following[last] = row
        if met + 1 == REPRESENTATIVES:
            other = heads[slot]
            while other != EMPTY:
                unite(crowds, heads[slot], other)
                other = following[other]


@kernel
def join_crowd(sketches, crowd, gate, cover, heads, rows, following, partners, agreed):
    """Let the rows of one crowd (best first) meet those that share a byte that few of it share.

    `heads` (filled with `EMPTY`), `rows` and `following` hold, for each permutation and byte, a
    chain of representatives.
    """
    permutations = sketches.shape[1]
    counts = np.zeros((permutations, 256), np.int32)
    for row in crowd:
        for k in range(permutations):
            counts[k, sketches[row, k]] += 1
    used = 0
    for row in crowd:
        covered = False
        for k in range(permutations):
            byte = sketches[row, k]
            if counts[k, byte] * COMMON > len(crowd) or covered:
                continue
            node, met, last = heads[k, byte], 0, EMPTY
            while node != EMPTY and not covered:
                same = agreeing(sketches[row], sketches[rows[node]])
                if same >= gate:
                    meet(partners, agreed, row, rows[node], same)
                    covered = same >= cover
                met, last, node = met + 1, node, following[node]
            if covered or met == REPRESENTATIVES:
                continue
            rows[used], following[used] = row, EMPTY
            if last == EMPTY:
                heads[k, byte] = used
            else:
                following[last] = used
            used += 1
