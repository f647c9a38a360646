"""MinHash sketches of one byte a permutation, and the bands that turn them into candidates.

Broder 1997 for the estimate, Li and König 2010 ("b-bit minwise hashing") for keeping 8 bits
of each minimum, Leskovec et al., "Mining of Massive Datasets", section 3.4, for the bands.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dataengine.dedup.shingles import HALF
from dataengine.kernels.jit import allocating, inlined, part

PERMUTATIONS = 96
WIDEST_BAND = 8
"""Rows of a band: their bytes must fit in one 64-bit key."""
CAUGHT = 0.99
"""The share of pairs exactly at the threshold that must meet in some band."""
CHANCE = 1 / 256
"""How often two unequal minima agree in the byte that is kept of each."""
NONE = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True)
class Bands:
    """`count` bands of `rows` permutations each: what share of pairs at Jaccard s will meet."""

    count: int
    rows: int

    @classmethod
    def of(cls, threshold: float) -> "Bands":
        """The most selective bands that still catch `CAUGHT` of the pairs at the threshold."""
        for rows in range(WIDEST_BAND, 0, -1):
            bands = cls(PERMUTATIONS // rows, rows)
            if bands.caught(threshold) >= CAUGHT:
                return bands
        return cls(PERMUTATIONS, 1)

    @property
    def permutations(self) -> int:
        return self.count * self.rows

    def caught(self, jaccard: float) -> float:
        """The probability that a pair of this Jaccard index shares at least one band."""
        agree = jaccard + (1 - jaccard) * CHANCE
        return float(1 - (1 - agree**self.rows) ** self.count)

    def reach(self, probability: float) -> float:
        """The Jaccard index that is caught with this probability: `caught`, the other way."""
        agree = (1 - (1 - probability) ** (1 / self.count)) ** (1 / self.rows)
        return max(0.0, float((agree - CHANCE) / (1 - CHANCE)))

    def curve(self) -> dict[str, float]:
        """The S-curve's 5 %, 50 % and 95 % points."""
        return {f"{p:.0%}": round(self.reach(p), 3) for p in (0.05, 0.5, 0.95)}

    def gate(self, threshold: float) -> int:
        """The fewest agreeing bytes with which a pair is worth an exact look.

        Three standard deviations under the threshold: one pair in 700 at the threshold is lost.
        """
        agree = threshold + (1 - threshold) * CHANCE
        deviation = math.sqrt(agree * (1 - agree) / self.permutations)
        return max(0, math.floor((agree - 3 * deviation) * self.permutations))

    def expected(self, jaccard: float) -> int:
        """How many bytes agree between two texts of this Jaccard index, on average."""
        return math.ceil((jaccard + (1 - jaccard) * CHANCE) * self.permutations)

    def estimate(self, agreeing: np.ndarray) -> np.ndarray:
        """The Jaccard index that this many agreeing bytes speak for (b-bit correction)."""
        share = agreeing / self.permutations
        return np.clip((share - CHANCE) / (1 - CHANCE), 0.0, 1.0)


class Hashes(NamedTuple):
    """The hash functions of a sketch: one that all places share, x -> all x mod 2^64, and one of
    its own for each place, x -> a x + b mod 2^32. Multipliers are odd; uint32 but for `all`."""

    all: np.uint64
    multipliers: np.ndarray
    offsets: np.ndarray


def permutations(bands: Bands, seed: int) -> Hashes:
    """Hash functions for as many places as the bands have."""
    rng, count = np.random.default_rng(seed), bands.permutations
    multipliers = rng.integers(0, 1 << 32, count, dtype=np.uint32) | np.uint32(1)
    offsets = rng.integers(0, 1 << 32, count, dtype=np.uint32)
    return Hashes(rng.integers(0, 1 << 64, dtype=np.uint64) | np.uint64(1), multipliers, offsets)


@part
def least(shingles, count, multipliers, offsets, minima):
    """The least hash of all shingles by each of some functions, into `minima`.

    Four shingles at a time, so that each minimum is loaded and stored once for four of them;
    the inner loops become vector code.
    """
    minima[:] = NONE
    i = 0
    while i < count:
        # The last group repeats its final shingle: a minimum does not count.
        last = count - 1
        w = np.uint32(shingles[i] >> HALF)
        x = np.uint32(shingles[min(i + 1, last)] >> HALF)
        y = np.uint32(shingles[min(i + 2, last)] >> HALF)
        z = np.uint32(shingles[min(i + 3, last)] >> HALF)
        for k in range(len(minima)):
            a, b = multipliers[k], offsets[k]
            first = min(np.uint32(a * w + b), np.uint32(a * x + b))
            second = min(np.uint32(a * y + b), np.uint32(a * z + b))
            minima[k] = min(minima[k], min(first, second))
        i += 4


@part
def sketch(shingles, count, hashes, scratch, out):
    """Write the sketch (uint8, one a place) of `count` shingle hashes into `out`.

    One hash sends each shingle to one place, where the least stays (Li, Owen and Zhang 2012, "One
    permutation hashing"). A place where none came takes the least of all by a hash of its own, as
    plain MinHash does: two texts agree in a place with the probability of their Jaccard index
    either way (Dahlgaard, Knudsen and Thorup 2017, "Fast similarity sketching", with one round of
    the first phase). `scratch` is `room_for` as many places.
    """
    minima, multipliers, offsets, places, rest = scratch
    size = len(minima)
    minima[:] = NONE
    for i in range(count):
        spread_out = shingles[i] * hashes.all
        place = (spread_out >> HALF) * np.uint64(size) >> HALF
        minima[place] = min(minima[place], np.uint32(spread_out))
    left = 0
    for k in range(size):
        places[left], multipliers[left], offsets[left] = k, hashes.multipliers[k], hashes.offsets[k]
        left += minima[k] == NONE
    least(shingles, count, multipliers, offsets, rest[:left])
    for k in range(left):
        minima[places[k]] = rest[k]
    for k in range(size):
        # The top byte: a minimum over many shingles is small, so its high bits are mostly zero.
        out[k] = np.uint8((minima[k] * np.uint32(0x9E3779B1)) >> np.uint32(24))


@allocating
def room_for(places):
    """Working memory of `sketch`."""
    return (
        np.empty(places, np.uint32),
        np.empty(places + 1, np.uint32),
        np.empty(places + 1, np.uint32),
        np.empty(places + 1, np.int64),
        np.empty(places, np.uint32),
    )


@inlined
def agreeing(first, second):
    """In how many bytes two sketches agree."""
    same = 0
    for k in range(len(first)):
        same += first[k] == second[k]
    return same
