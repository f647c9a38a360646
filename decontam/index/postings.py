"""Inverted index: a hash table of seeds, their postings, and a Bloom filter before it.

A posting is one number: what a seed weighs, the reference that it leads to and the seed's first
word there (`packed`, `weight_of`, `reference_of`, `place_of`; the layout is nowhere else). A slot
of the table is one number too, so that a look-up costs one cache line: 24 bits of the hash, 32 of
where the postings start, 8 of how many there are. The hash's low bits are the slot's place.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataengine.kernels.hashing import ONE
from dataengine.kernels.jit import inlined, kernel
from decontam.text.words import trigram

# Bits of a posting, from the lowest: the place, the reference, the weight in sixteenths of a nat.
PLACE_BITS, REFERENCE_BITS = 24, 24
PLACES, REFERENCES = (1 << PLACE_BITS) - 1, (1 << REFERENCE_BITS) - 1
# The place of a posting that stands for the whole text, and of one that leads to a group of
# `verbatim` (its number is the posting's reference).
WHOLE, VERBATIM = PLACES, PLACES - 1


def packed(weight: Any, reference: Any, place: Any) -> Any:
    """Postings from their weights, references and places; arrays of int64 or plain integers."""
    return weight << (PLACE_BITS + REFERENCE_BITS) | reference << PLACE_BITS | place


@inlined
def weight_of(posting):
    """The weight of a posting's seed."""
    return posting >> PLACE_BITS + REFERENCE_BITS


@inlined
def reference_of(posting):
    """The reference that a posting leads to."""
    return posting >> PLACE_BITS & REFERENCES


@inlined
def place_of(posting):
    """The word of the reference at which a posting's seed begins."""
    return posting & PLACES


def hash_table(keys: NDArray[np.uint64], postings: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """The arrays `slots`, `postings` and `filter` of an index; `keys` are each posting's seed."""
    order = np.lexsort((postings, keys))
    keys, postings = keys[order], postings[order]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    counts = np.diff(np.append(first, len(keys)))
    size = 1 << max(4, int(np.ceil(np.log2(len(first) * 2 + 1))))
    slots = np.zeros(size, np.uint64)
    # Eight bits a key and more keep most trigrams that lead nowhere out of the table; with twice as
    # many, more look-ups in the filter itself leave the processor's caches than it saves.
    bits = np.zeros(max(1, size * 4 // 64), np.uint64)
    fill_table(keys[first], first, counts, slots, bits)
    return {"slots": slots, "postings": postings, "filter": bits}


@inlined
def filter_bit(key, mask):
    """(word, bit in it) of a key in the Bloom filter; `mask`: the filter's bits, less one."""
    bit = key >> np.uint64(20) & mask
    return bit >> np.uint64(6), bit & np.uint64(63)


@kernel
def fill_table(keys, first, counts, slots, bits):
    """Put keys into the table and the filter, each with its first posting and how many."""
    mask, filter_mask = np.uint64(len(slots) - 1), np.uint64(len(bits) * 64 - 1)
    for i in range(len(keys)):
        place = keys[i] & mask
        while slots[place] != 0:
            place = (place + ONE) & mask
        number = np.uint64(min(counts[i], 255))
        mark = keys[i] >> np.uint64(40) << np.uint64(40)
        slots[place] = mark | np.uint64(first[i]) << np.uint64(8) | number
        word, bit = filter_bit(keys[i], filter_mask)
        bits[word] |= ONE << bit


@inlined
def look_up(key, slots):
    """(first posting, one past the last) of `key`; (0, 0) where there is none."""
    mask = np.uint64(len(slots) - 1)
    place = key & mask
    while slots[place] != 0:
        slot = slots[place]
        if slot >> np.uint64(40) == key >> np.uint64(40):
            start = np.int64(slot >> np.uint64(8) & np.uint64(0xFFFFFFFF))
            return start, start + np.int64(slot & np.uint64(255))
        place = (place + ONE) & mask
    return 0, 0


@inlined
def filtered(words, start, stop, filter_bits, places, keys):
    """Where from `start` to `stop` a trigram begins that the filter lets through; returns how many.

    Nothing in this loop waits for memory to decide where it goes on, so many look-ups are under
    way at once.
    """
    mask = np.uint64(len(filter_bits) * 64 - 1)
    found = np.uint64(0)
    for i in range(np.uint64(start), np.uint64(stop)):
        key = trigram(words[i], words[i + ONE], words[i + np.uint64(2)])
        places[found] = i
        keys[found] = key
        word, bit = filter_bit(key, mask)
        found += filter_bits[word] >> bit & ONE
    return np.int64(found)
