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
    """Row r's set is hashes[starts[r] : starts[r] + sizes[r]], sorted (uint64, int64, int64)."""

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
        """The sets of these rows; `shingles` says of every row how many it has, with repeats."""
        wanted = np.zeros(len(shingles), np.bool_)
        wanted[rows] = True
        room = np.where(wanted, shingles, 0)
        ends = np.cumsum(room)
        sets = cls(_room(int(ends[-1]), folder), ends - room, np.zeros(len(room), np.int64))
        needed = [b for b in blocks if wanted[b.first : b.first + b.rows].any()]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda block: sets._add(block, wanted, side, shingling), needed))
        return sets

    def _add(self, block: Block, wanted: np.ndarray, side: Side, shingling: Shingling) -> None:
        scratch = Scratch()
        for first, texts in block.texts(side):
            rows = np.flatnonzero(wanted[first : first + len(texts.rows) - 1])
            chosen = pick(texts, rows)
            set_batch(
                chosen, rows + first, shingling.n, shingling.by_character, TABLES,
                scratch.arrays(longest(chosen)), self.hashes, self.starts, self.sizes,
            )  # fmt: skip
        self.let_go()

    def let_go(self) -> None:
        """Give the memory of sets on disk back; they are read again where they are needed."""
        if isinstance(self.hashes, np.memmap):
            self.hashes._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


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
