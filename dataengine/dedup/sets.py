"""The second pass: the shingle sets of the rows that have a candidate, in memory or on disk."""

import mmap
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataengine.dedup.shingles import Shingling, as_set, windows
from dataengine.dedup.texts import Block, Side, longest, pick
from dataengine.dedup.words import TABLES, Scratch, tokens_of
from dataengine.kernels.jit import kernel

IN_MEMORY = 32 << 20
"""Hashes (8 bytes each) that are held in memory; more go to a temporary file."""


@dataclass(frozen=True)
class Sets:
    """The sorted set of the row at place r is hashes[starts[r] : starts[r] + sizes[r]] (uint64,
    int64, int64)."""

    hashes: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray

    @classmethod
    def read(
        cls,
        rows: np.ndarray,
        shingles: np.ndarray,
        blocks: Sequence[Block],
        side: Side,
        shingling: Shingling,
        threads: int,
        folder: Path | None,
    ) -> "Sets":
        """The sets of these rows (numbers among all rows), in their order; `shingles` says of each
        how many it has, with repeats."""
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(shingles, dtype=np.int64)])
        sets = cls(_room(int(ends[-1]), folder), ends[:-1], np.zeros(len(rows), np.int64))
        places = np.argsort(rows)
        numbers = rows[places]
        needed = [block for block in blocks if len(_within(numbers, block.first, block.rows))]

        def add(block: Block) -> None:
            sets._add(block, numbers, places, side, shingling)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(add, needed))
        return sets

    def _add(
        self,
        block: Block,
        numbers: np.ndarray,
        places: np.ndarray,
        side: Side,
        shingling: Shingling,
    ) -> None:
        scratch = Scratch()
        for first, texts in block.texts(side):
            here = _within(numbers, first, len(texts.rows) - 1)
            chosen = pick(texts, numbers[here] - first)
            set_batch(
                chosen, places[here], shingling.n, shingling.by_character, TABLES,
                scratch.arrays(longest(chosen)), self.hashes, self.starts, self.sizes,
            )  # fmt: skip
        self.let_go()

    def let_go(self) -> None:
        """Give the memory of sets on disk back; they are read again where they are needed."""
        if isinstance(self.hashes, np.memmap):
            self.hashes._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


def _within(numbers: np.ndarray, first: int, rows: int) -> np.ndarray:
    """The places of those numbers (ascending) that are of some consecutive rows."""
    low, high = np.searchsorted(numbers, np.array([first, first + rows], numbers.dtype))
    return np.arange(low, high)


def _room(hashes: int, folder: Path | None) -> np.ndarray:
    if hashes <= IN_MEMORY:
        return np.empty(hashes, np.uint64)
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, np.uint64, "w+", shape=hashes)


@kernel
def set_batch(texts, rows, n, by_character, tables, scratch, hashes, starts, sizes):
    """The sorted set of each text into its place; `rows` are their numbers among all rows."""
    _, (ends, _), found, hashed = scratch
    for i in range(len(rows)):
        row = rows[i]
        tokens = tokens_of(texts, i, by_character, tables, scratch)
        count = windows(found, tokens, n, hashed)
        sizes[row] = as_set(hashed, count, hashes[starts[row] :], ends)
