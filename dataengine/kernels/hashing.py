"""Token hashes: 64 bits, of which the low two say what kind of token it is."""

import numpy as np
from numpy.typing import NDArray

from dataengine.kernels.characters import BYTE_CLASS, DIGIT_BYTE, LETTER_BYTE, LOWER
from dataengine.kernels.jit import inlined, part
from dataengine.kernels.simd import load8

Hashes = NDArray[np.uint64]

WORD, NUMBER, CHARACTER, OPERATOR = 0, 1, 2, 3
CLASS_BITS = np.uint64(3)
SEED = np.uint64(0x243F6A8885A308D3)
SPREAD = np.uint64(0x9E3779B97F4A7C15)
FINISH = np.uint64(0xD6E8FEB86659FD93)
ONE, ALL = np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)
EVERY_HIGH = np.uint64(0x8080808080808080)
# So many letters or digits at each end of a text tell whether it may be one that is looked for.
ENDS = 8


@inlined
def hash_operator(byte):
    """The hash of an operator of one byte."""
    return finish((SEED ^ np.uint64(byte)) * SPREAD, OPERATOR)


@inlined
def finish(state, kind):
    """A hash from the state of its word, with the kind of token in its lowest bits."""
    state = (state ^ (state >> np.uint64(32))) * FINISH
    return (state ^ (state >> np.uint64(32))) & ~CLASS_BITS | np.uint64(kind)


@inlined
def absorb(state, eight):
    """A hash's state after eight more bytes."""
    state = (state ^ eight) * SPREAD
    return state ^ (state >> np.uint64(32))


@inlined
def hash_run(data, start, length, kind):
    """The hash of letters or digits without anything between them; reads up to 8 bytes more."""
    state = SEED
    while length > 8:
        state = absorb(state, lower8(load8(data, start)))
        start += 8
        length -= 8
    last = lower8(load8(data, start)) & (ALL >> np.uint64(64 - 8 * length))
    return finish(absorb(state, last), kind)


@inlined
def lower8(eight):
    """Eight letters or digits in lower case: bit 5 is set in each byte of ASCII."""
    return eight | (~eight & EVERY_HIGH) >> np.uint64(2)


@part
def hash_bytes(data, start, end, kind):
    """As `hash_run`, byte by byte, passing over what stands between the letters or digits."""
    state = SEED
    eight = np.uint64(0)
    filled = np.uint64(0)
    for i in range(start, end):
        if BYTE_CLASS[data[i]] in (LETTER_BYTE, DIGIT_BYTE):
            eight |= np.uint64(LOWER[data[i]]) << filled
            filled += np.uint64(8)
            if filled == 64:
                state = absorb(state, eight)
                eight = filled = np.uint64(0)
    if filled:
        state = absorb(state, eight)
    return finish(state, kind)


@part
def squash(data, start, end):
    """A hash of a folded text's letters and digits alone, whatever stands between them."""
    return hash_bytes(data, start, end, WORD)


@part
def squash_ends(data, start, end):
    """A hash of the first and the last ENDS of a folded text's letters and digits."""
    state = SEED
    i, left = start, ENDS
    while i < end and left > 0:
        if BYTE_CLASS[data[i]] in (LETTER_BYTE, DIGIT_BYTE):
            state = (state ^ np.uint64(LOWER[data[i]])) * SPREAD
            left -= 1
        i += 1
    i, left = end - 1, ENDS
    while i >= start and left > 0:
        if BYTE_CLASS[data[i]] in (LETTER_BYTE, DIGIT_BYTE):
            state = (state ^ np.uint64(LOWER[data[i]])) * SPREAD
            left -= 1
        i -= 1
    return state ^ (state >> np.uint64(32))
