"""Shingles: the runs of n tokens a text is made of, as sorted sets of 64-bit hashes.

Two texts are as alike as the Jaccard index of their sets (Broder 1997, "On the resemblance
and containment of documents"). Every kernel here has a plain-Python twin in the tests.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dataengine.kernels.jit import inlined, part

Kind = Literal["word", "char"]
TOKENS: dict[Kind, int] = {"word": 5, "char": 9}
"""Tokens of a shingle where nobody says otherwise."""


@dataclass(frozen=True)
class Shingling:
    """What a shingle is: a run of `n` words or characters."""

    kind: Kind = "word"
    n: int = TOKENS["word"]

    @classmethod
    def of(cls, kind: Kind, n: int | None = None) -> "Shingling":
        return cls(kind, TOKENS[kind] if n is None else n)

    @property
    def by_character(self) -> bool:
        return self.kind == "char"


MULTIPLIER, FINISH = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
HALF = np.uint64(32)


@inlined
def spread(number):
    """One number for each, its high bits from all of its bits."""
    return (number ^ (number >> HALF)) * FINISH


@part
def windows(tokens, count, n, out):
    """Write the hash of every run of n tokens into `out`; returns how many there are.

    By the hashes of all that comes before a place (Karp and Rabin 1987): the run's own is what
    is new at its end. `out` has room for one number more than there are tokens. A text of fewer
    than n tokens has no shingle.
    """
    total = count - n + 1
    if total <= 0:
        return 0
    before, weight = np.uint64(0), np.uint64(1)
    for i in range(count):
        out[i] = before
        before = before * MULTIPLIER + tokens[i]
    out[count] = before
    for _ in range(n):
        weight *= MULTIPLIER
    for i in range(total):
        out[i] = spread(out[i + n] - out[i] * weight)
    return total


@part
def sequence(shingles, count):
    """One hash for the whole text: equal texts and no others (2^-64) have equal ones."""
    h = place = np.uint64(count)
    for i in range(count):
        place += MULTIPLIER
        h += spread(spread(shingles[i] ^ place))
    return h


@part
def as_set(hashes, count, sorted_, ends):
    """Write the first `count` hashes, sorted and without repeats, to sorted_; returns how many.

    A bucket for each hash, by its highest bits, and insertion into place within it: hashes are
    spread evenly, so buckets stay small, and repeats of one need no moving. `ends` is scratch
    memory (int32) for twice as many numbers.
    """
    bits = 1
    while (1 << bits) < count:
        bits += 1
    shift = np.uint64(64 - bits)
    ends[: 1 << bits] = 0
    for i in range(count):
        ends[hashes[i] >> shift] += 1
    total = 0
    for bucket in range(1 << bits):
        total += ends[bucket]
        ends[bucket] = total - ends[bucket]
    for i in range(count):
        bucket = hashes[i] >> shift
        sorted_[ends[bucket]] = hashes[i]
        ends[bucket] += 1
    kept = 0
    for i in range(count):
        value, place = sorted_[i], kept
        while place > 0 and sorted_[place - 1] > value:
            place -= 1
        if place > 0 and sorted_[place - 1] == value:
            continue
        for k in range(kept, place, -1):
            sorted_[k] = sorted_[k - 1]
        sorted_[place] = value
        kept += 1
    return kept


@part
def shared(first, second):
    """The number of hashes that two sorted sets have in common."""
    i = j = common = 0
    while i < len(first) and j < len(second):
        x, y = first[i], second[j]
        common += x == y
        i += x <= y
        j += y <= x
    return common


@part
def jaccard(first, second, at_least):
    """The exact Jaccard index of two sorted sets, or 0 where their sizes rule `at_least` out."""
    if min(len(first), len(second)) < at_least * max(len(first), len(second)):
        return 0.0
    common = shared(first, second)
    return common / (len(first) + len(second) - common)
