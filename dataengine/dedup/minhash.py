"""MinHash sketches of one byte a permutation, and the bands that turn them into candidates.

Broder 1997 for the estimate, Li and König 2010 ("b-bit minwise hashing") for keeping 8 bits
of each minimum, Leskovec et al., "Mining of Massive Datasets", section 3.4, for the bands.
"""

import math
from dataclasses import dataclass

import numpy as np

from decontam.jit import inlined, part

PERMUTATIONS = 96
WIDEST_BAND = 8
"""Rows of a band: their bytes must fit in one 64-bit key."""
CAUGHT = 0.99
"""The share of pairs exactly at the threshold that must meet in some band."""
CHANCE = 1 / 256
"""How often two unequal minima agree in the byte that is kept of each."""


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


Hashes = tuple[np.ndarray, np.ndarray]
"""Multipliers and offsets (uint32) of the permutations."""


def permutations(bands: Bands, seed: int) -> Hashes:
    """Odd multipliers and offsets of as many hash functions x -> a x + b mod 2^32."""
    rng, count = np.random.default_rng(seed), bands.permutations
    multipliers = rng.integers(0, 1 << 32, count, dtype=np.uint32) | np.uint32(1)
    return multipliers, rng.integers(0, 1 << 32, count, dtype=np.uint32)


@part
def sketch(shingles, count, multipliers, offsets, minima, out):
    """Write the sketch (uint8, one a permutation) of `count` shingle hashes into `out`.

    Four shingles at a time, so that each minimum is loaded and stored once for four of them;
    the inner loops become vector code.
    """
    size = len(multipliers)
    for k in range(size):
        minima[k] = np.uint32(0xFFFFFFFF)
    i = 0
    while i < count:
        # The last group repeats its final shingle: a minimum does not count.
        last = count - 1
        w = np.uint32(shingles[i] >> np.uint64(32))
        x = np.uint32(shingles[min(i + 1, last)] >> np.uint64(32))
        y = np.uint32(shingles[min(i + 2, last)] >> np.uint64(32))
        z = np.uint32(shingles[min(i + 3, last)] >> np.uint64(32))
        for k in range(size):
            a, b = multipliers[k], offsets[k]
            first = min(np.uint32(a * w + b), np.uint32(a * x + b))
            second = min(np.uint32(a * y + b), np.uint32(a * z + b))
            minima[k] = min(minima[k], min(first, second))
        i += 4
    for k in range(size):
        # The top byte: a minimum over many shingles is small, so its high bits are mostly zero.
        out[k] = np.uint8((minima[k] * np.uint32(0x9E3779B1)) >> np.uint32(24))


@inlined
def agreeing(first, second):
    """In how many bytes two sketches agree."""
    same = 0
    for k in range(len(first)):
        same += first[k] == second[k]
    return same
