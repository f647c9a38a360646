"""Exact matching of long items, wherever they stand in a row and whatever else it holds.

An item of LEAST words without a passage is led to by one trigram of its own, its *anchor*: the one
that fewest items have. Where the anchor stands in a row, all words around it must be the item's,
and the operators between them (`copies`).
"""

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataengine.kernels.jit import kernel
from dataengine.kernels.packed import Offsets
from decontam.text import background
from decontam.text.words import fill_trigrams

LEAST = 20
COUNTERS = 1 << 24
BRACKET = re.compile(r"[()\[\]{}<>]")


class Groups(NamedTuple):
    """References of the same words: `members[bounds[g]:bounds[g + 1]]`, led to by the trigram
    `keys[g]`, which begins at their word `anchor[g]`."""

    members: NDArray[np.int64]
    bounds: NDArray[np.int64]
    anchor: NDArray[np.int64]
    keys: NDArray[np.uint64]


def is_long(text: str, words: int) -> bool:
    """Whether a question has LEAST words, or as many pieces between spaces."""
    return words >= LEAST or len(text.split()) >= LEAST


def groups_of(
    words: NDArray[np.uint64],
    offsets: Offsets,
    hashes: NDArray[np.uint64],
    chosen: NDArray[np.int64],
) -> Groups:
    """The references of `chosen`, of three words and more, by their words; `hashes` are those of
    all references' words."""
    members = chosen[np.argsort(hashes[chosen], kind="stable")]
    first = np.flatnonzero(np.append(True, np.diff(hashes[members]) != 0)[: len(members)])
    held = np.zeros(len(offsets) - 1, np.bool_)
    held[members[first]] = True
    grams, ones = np.zeros(len(words), np.uint64), np.ones(len(words), np.float32)
    fill_trigrams(words, ones, offsets, held, grams, np.zeros_like(ones))
    common = np.isfinite(background.trigram_surprise(grams))
    anchor = np.zeros(len(first), np.int64)
    pick_anchors(grams, common, offsets, members[first], np.zeros(COUNTERS, np.uint8), anchor)
    keys = grams[offsets[members[first]] + anchor]
    return Groups(members, np.append(first, len(members)), anchor, keys)


@kernel
def pick_anchors(grams, common, offsets, references, counters, anchor):
    """For each reference the place of the trigram that fewest of them have, one that ordinary data
    does not know where there is any."""
    mask = np.uint64(len(counters) - 1)
    for reference in references:
        for i in range(offsets[reference], offsets[reference + 1] - 2):
            counters[grams[i] & mask] += counters[grams[i] & mask] < 255
    for n in range(len(references)):
        start, best = offsets[references[n]], np.int64(1 << 30)
        for i in range(start, offsets[references[n] + 1] - 2):
            cost = np.int64(counters[grams[i] & mask]) + np.int64(256 if common[i] else 0)
            if cost < best:
                best = cost
                anchor[n] = i - start


def told_by_brackets(
    texts: list[str], hashes: NDArray[np.uint64], chosen: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of the references of `chosen` have the words of others, and other brackets."""
    told = np.zeros(len(texts), np.bool_)
    order = chosen[np.argsort(hashes[chosen], kind="stable")]
    bounds = np.flatnonzero(np.diff(hashes[order], prepend=0, append=0) != 0)
    for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if high - low > 1:
            same = order[low:high]
            told[same] = len({"".join(BRACKET.findall(texts[r])) for r in same.tolist()}) > 1
    return told
