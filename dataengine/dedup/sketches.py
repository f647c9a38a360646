"""The first pass: one sketch a row, and the key that equal texts share."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from dataengine.dedup.fingerprint import fingerprints
from dataengine.dedup.minhash import Hashes, room_for, sketch
from dataengine.dedup.shingles import Shingling, sequence, windows
from dataengine.dedup.texts import Block, Side, longest, pick
from dataengine.dedup.words import TABLES, Scratch, tokens_of
from decontam.jit import kernel


@dataclass(frozen=True)
class Sketches:
    """What is kept of each row's text, row for row.

    bytes: uint8, shape (rows, permutations), meaningful where `shingles` is above 0.
    tokens, shingles: int64, how many there are (repeats included).
    keys: uint64; equal for equal texts, 0 where there is no text.
    """

    bytes: np.ndarray
    tokens: np.ndarray
    shingles: np.ndarray
    keys: np.ndarray

    @classmethod
    def of(
        cls,
        blocks: Sequence[Block],
        side: Side,
        shingling: Shingling,
        hashes: Hashes,
        threads: int,
    ) -> "Sketches":
        """Read every block once, several at a time."""
        rows = sum(block.rows for block in blocks)
        sketches = cls(
            np.zeros((rows, len(hashes.offsets)), np.uint8),
            np.zeros(rows, np.int64),
            np.zeros(rows, np.int64),
            np.zeros(rows, np.uint64),
        )
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda block: sketches._add(block, side, shingling, hashes), blocks))
        return sketches

    def _add(self, block: Block, side: Side, shingling: Shingling, hashes: Hashes) -> None:
        scratch = Scratch()
        for first, texts in block.texts(side):
            here = slice(first, first + len(texts.rows) - 1)
            sketch_batch(
                texts, shingling.n, shingling.by_character, hashes, TABLES,
                scratch.arrays(longest(texts)),
                self.bytes[here], self.tokens[here], self.shingles[here], self.keys[here],
            )  # fmt: skip
            short = np.flatnonzero(self.shingles[here] == 0)
            if len(short):
                self.keys[here][short] = fingerprints(pick(texts, short))[:, 0]


@kernel
def sketch_batch(texts, n, by_character, hashes, tables, scratch, sketches, tokens, shingles, keys):
    """Sketch, counts and key of every row of a batch; rows under n tokens get counts alone."""
    _, _, found, hashed = scratch
    room = room_for(sketches.shape[1])
    for row in range(len(tokens)):
        count = tokens_of(texts, row, by_character, tables, scratch)
        tokens[row] = count
        shingles[row] = windows(found, count, n, hashed)
        if shingles[row] > 0:
            keys[row] = sequence(hashed, shingles[row])
            sketch(hashed, shingles[row], hashes, room, sketches[row])
