"""The first pass: one sketch a row, and the key that equal texts share."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import polars as pl

from dataengine.dedup.fingerprint import fingerprints
from dataengine.dedup.minhash import Hashes, room_for, sketch
from dataengine.dedup.shingles import Shingling, sequence, windows
from dataengine.dedup.texts import Block, Side, longest, pick
from dataengine.dedup.words import TABLES, Scratch, tokens_of
from dataengine.kernels.jit import kernel

IN_MEMORY = 64 << 20
"""Bytes that are held in memory; of more the pages that others need are read again."""


@dataclass(frozen=True)
class Sketches:
    """What is kept of each row's text, row for row.

    bytes: uint8, shape (rows, permutations), meaningful where `shingles` is above 0.
    tokens, shingles: int32, how many there are (repeats included).
    keys: uint64; equal for equal texts, 0 where there is no text.
    """

    bytes: np.ndarray
    tokens: np.ndarray
    shingles: np.ndarray
    keys: np.ndarray

    @classmethod
    def of(cls, block: Block, side: Side, shingling: Shingling, hashes: Hashes) -> "Sketches":
        """Read a block once."""
        found = cls(
            np.zeros((block.rows, len(hashes.offsets)), np.uint8),
            np.zeros(block.rows, np.int32),
            np.zeros(block.rows, np.int32),
            np.zeros(block.rows, np.uint64),
        )
        scratch = Scratch()
        for first, texts in block.texts(side):
            start = first - block.first
            here = slice(start, start + len(texts.rows) - 1)
            sketch_batch(
                texts, shingling.n, shingling.by_character, hashes, TABLES,
                scratch.arrays(longest(texts)),
                found.bytes[here], found.tokens[here], found.shingles[here], found.keys[here],
            )  # fmt: skip
            short = np.flatnonzero(found.shingles[here] == 0)
            if len(short):
                found.keys[here][short] = fingerprints(pick(texts, short))[:, 0]
        return found

    @classmethod
    def joined(cls, sketches: "Sequence[Sketches]", folder: Path | None) -> "Sketches":
        """The sketches of consecutive blocks as one; many lie in temporary files in `folder`."""
        names = [field.name for field in fields(cls)]
        return cls(*(_joined([getattr(s, name) for s in sketches], folder) for name in names))

    def forget(self, rows: np.ndarray) -> None:
        """Let these rows (a mask) be like no other."""
        self.keys[rows] = self.shingles[rows] = 0

    def table(self) -> pl.DataFrame:
        """As a table, a row a row."""
        return pl.DataFrame(
            {"bytes": self.bytes, "tokens": self.tokens, "shingles": self.shingles}
            | {"keys": self.keys}
        )

    @classmethod
    def of_table(cls, table: pl.DataFrame) -> "Sketches":
        """From such a table."""
        return cls(*(table[field.name].to_numpy() for field in fields(cls)))


def _joined(arrays: Sequence[np.ndarray], folder: Path | None) -> np.ndarray:
    rows, first = sum(map(len, arrays)), arrays[0]
    if rows * first[:1].nbytes <= IN_MEMORY:
        return np.concatenate(arrays)
    with tempfile.TemporaryFile(dir=folder) as file:
        whole = np.memmap(file, first.dtype, "w+", shape=(rows, *first.shape[1:]))
    return np.concatenate(arrays, out=whole).view(np.ndarray)


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
