"""Texts of a few words, and their alignment, for the tests of alignments and differences."""

import numpy as np
from hypothesis import strategies as st

from decontam.search import alignment
from decontam.text.words import words_of
from tests.decontam.kernels import from_python

align = from_python(alignment.align)

NAMES = "alpha beta gamma delta 7 8 9 x y".split()  # noqa: SIM905
WORD = dict(zip(NAMES, words_of([" ".join(NAMES)]).words.astype(np.uint32), strict=True))
LETTERS = words_of(["x", "y"]).words.astype(np.uint32)
NUMERALS = words_of(["two three"]).words.astype(np.uint32)
TEXT = st.lists(st.sampled_from(NAMES), min_size=1, max_size=12)
NATS = st.lists(st.integers(1, 16), min_size=12, max_size=12)


def hashed(words: list[str]) -> np.ndarray:
    return np.array([WORD[w] for w in words], np.uint32)


def aligned(reference: list[str], window: list[str], nats: list[int], least: float = 0) -> tuple:
    match = np.full(len(reference), -7, np.int64)
    scores = np.empty((len(reference) + 1, len(window) + 1), np.float32)
    kept = np.empty(len(window) + 1, np.int64)
    weights = np.array(nats[: len(reference)], np.float32)
    total, most = align(
        hashed(reference), weights, hashed(window), np.float32(least), scores, kept, match
    )
    assert most == sum(n for n, word in zip(nats, reference, strict=False) if word in window)
    return total, match, weights
