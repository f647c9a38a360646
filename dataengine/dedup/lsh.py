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
PIECES, FEW = 4, 1 << 20
"""A band of more than few rows is divided in so many pieces a thread: of a band's bucket table only
the pieces at work are in memory."""


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
    count = len(sketches)
    found, crowds = Candidates.empty(count), np.arange(count, dtype=np.int32)
    following, crowded = np.empty(count, np.int32), np.full(count, EMPTY, np.int32)
    keys = np.empty(len(ranked), np.uint64)
    limits = bands.gate(threshold), bands.expected((1 + threshold) / 2)
    shares = np.linspace(0, len(ranked), threads + 1).astype(np.int64)
    pieces = threads * PIECES if len(ranked) > FEW else threads
    counts = np.zeros((threads, pieces), np.int64)
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, bands.count * bands.rows, bands.rows):

            def fill(thread: int, start: int = start) -> None:
                share = shares[thread], shares[thread + 1]
                band_keys(sketches, ranked, share, start, bands.rows, keys, counts[thread])

            def join(piece: int) -> None:
                slots = 1 << max(4, int(1.5 * counts[:, piece].sum()).bit_length())
                room = np.empty(slots, np.uint64), np.full(slots, EMPTY, np.int32)
                join_band(
                    sketches, ranked, keys, (piece, pieces), limits,
                    room, following, found.partners, found.agreed, crowded,
                )  # fmt: skip

            list(pool.map(fill, range(threads)))
            list(pool.map(join, range(pieces)))
            join_crowded(crowded, crowds)
    members, bounds = groups(crowds, ranked)
    for first, last in pairwise(bounds):
        crowd = members[first:last]
        heads = np.full((sketches.shape[1], 256), EMPTY, np.int32)
        room = min(crowd.size * sketches.shape[1], heads.size * REPRESENTATIVES)
        rows, following = np.empty(room, np.int32), np.empty(room, np.int32)
        join_crowd(sketches, crowd, *limits, heads, rows, following, found.partners, found.agreed)
    return found


def components(found: Candidates, ranked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows joined through their candidates: `groups` of them, each best first."""
    parents = np.arange(len(found.partners), dtype=np.int32)
    join_partners(found.partners, parents)
    return groups(parents, ranked)


def groups(parents: np.ndarray, ranked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Components of two rows or more: members (row numbers, a component's together, in the order
    of `ranked`) and bounds: component c is members[bounds[c] : bounds[c + 1]]."""
    shared = np.zeros(len(parents), np.bool_)
    flatten(parents, shared)
    members = ranked[shared[ranked]]
    roots = parents[members]
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
def flatten(parents, shared):
    """Point every row straight at its root, and mark those of components of two rows or more."""
    for row in range(len(parents)):
        root = find(parents, row)
        parents[row] = root
        if root != row:
            shared[row] = shared[root] = True


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
def join_partners(partners, parents):
    """Unite every row with its candidates."""
    for row in range(len(partners)):
        for other in partners[row]:
            if other != EMPTY:
                unite(parents, row, other)


@inlined
def piece_of(key, pieces):
    """Which piece of a band a key is in."""
    return np.int64((key >> np.uint64(52)) % np.uint64(pieces))


@kernel
def band_keys(sketches, ranked, share, start, rows, keys, counts):
    """The hash of one band of a share of the ranked rows, and how many are in each piece."""
    counts[:] = 0
    for place in range(share[0], share[1]):
        keys[place] = band_key(sketches[ranked[place]], start, rows) * GOLDEN
        counts[piece_of(keys[place], len(counts))] += 1


@kernel
def join_band(sketches, ranked, keys, piece, limits, room, following, partners, agreed, crowded):
    """Let every row of one piece (number, of how many) meet the representatives of its bucket that
    pass the gate.

    A row becomes a representative itself unless one covers it. Once there is no more room for
    it, the bucket's rows are one crowd: `crowded` says of each which row it belongs to. Pieces
    divide a band by its keys' hashes, so that none writes of a row that another writes of. `room`
    (keys; heads filled with `EMPTY`; as many as a power of two) and `following` are the bucket
    table's memory.
    """
    number, pieces = piece
    gate, cover = limits
    held, heads = room
    mask = np.uint64(len(heads) - 1)
    for place in range(len(ranked)):
        key = keys[place]
        if piece_of(key, pieces) != number:
            continue
        row = ranked[place]
        slot = (key >> np.uint64(20)) & mask
        while heads[slot] != EMPTY and held[slot] != key:
            slot = (slot + np.uint64(1)) & mask
        held[slot] = key
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
            crowded[row] = heads[slot]
            continue
        following[row] = EMPTY
        if last == EMPTY:
            heads[slot] = row
        else:
            following[last] = row
        if met + 1 == REPRESENTATIVES:
            other = heads[slot]
            while other != EMPTY:
                crowded[other] = heads[slot]
                other = following[other]


@kernel
def join_crowded(crowded, crowds):
    """Unite every row that is in a crowd with it, and forget which it was."""
    for row in range(len(crowded)):
        if crowded[row] != EMPTY:
            unite(crowds, row, crowded[row])
            crowded[row] = EMPTY


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
