"""Bloom filter and hash table of words, for one alignment at a time."""

import numpy as np

from dataengine.kernels.hashing import ONE
from dataengine.kernels.jit import inlined
from decontam.text.words import slot_of

# A set of words as bits: 64 times so many.
MARKS = 64


@inlined
def mark(words, start, end, bits):
    """Make a Bloom filter of words: set a bit for each; two words may have the same."""
    bits[:] = 0
    for i in range(np.uint64(start), np.uint64(end)):
        bit = np.uint64(words[i]) >> np.uint64(4) & np.uint64(64 * MARKS - 1)
        bits[bit >> np.uint64(6)] |= ONE << (bit & np.uint64(63))


@inlined
def is_marked(word, bits):
    """Whether a Bloom filter may hold a word: 1 or 0."""
    bit = np.uint64(word) >> np.uint64(4) & np.uint64(64 * MARKS - 1)
    return bits[bit >> np.uint64(6)] >> (bit & np.uint64(63)) & ONE


@inlined
def slot_of_word(word, mask, table, table_at):
    """Hash table slot of a word (`words.slot_of`); a word's lowest bits are its class."""
    return slot_of(word, np.uint64(word) >> np.uint64(4), mask, table, table_at)
