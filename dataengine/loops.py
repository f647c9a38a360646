"""Loop detector over flat texts: which of them may repeat themselves, without the GIL.

Two conditions, one is enough. *Sentences*: pieces between any marks that may end a sentence are
counted by their letters and digits alone, with sizes that are never too small against a whole that
is never too large; whatever repeats a sentence in the sense of the `repetition` filter meets it.
*Novelty*: of runs of eight bytes, a sample, at most half as many are new as there are bytes. A text
that compresses tenfold has few new ones; that this holds for every such text is no proof, but was
true of all that were tried, real ones and injected loops.
"""

import threading
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataengine.kernels.jit import inlined, kernel, part
from dataengine.kernels.simd import load8
from dataengine.parts import arrow

TIMES, SHARE = 4, 0.18
"""A sentence that comes so often counts; so much of the words must be of such ones. The rule asks
for a fifth: what lies between covers the few letters that are counted as none."""
NEW = 0.5
SLOTS, GRAMS = 1 << 14, 1 << 16
STEP, MIX = np.uint64(0x100000001B3), np.uint64(0x9E3779B97F4A7C15)

WORD, LETTER = np.zeros(256, np.bool_), np.zeros(256, np.bool_)
for _byte in range(256):
    LETTER[_byte] = chr(_byte).isalpha() or _byte == ord("_") or _byte >= 128
    WORD[_byte] = LETTER[_byte] or (chr(_byte).isdigit() and _byte < 128)
ENDS = np.zeros(256, np.bool_)
ENDS[list(b".!?\r\x0b\x0c\x1c\x1d\x1e")] = True
SURE = np.zeros(256, np.bool_)
"""Bytes that only letters and digits have: ASCII's, and those that lead Latin, Greek, Cyrillic, Han
and Hangul ones."""
SURE[:128] = WORD[:128]
for _low, _high in ((0xC3, 0xCB), (0xCE, 0xD4), (0xE4, 0xE9), (0xEB, 0xEC)):
    SURE[_low : _high + 1] = True
LENGTH = np.ones(256, np.int64)
LENGTH[0xC0:0xE0], LENGTH[0xE0:0xF0], LENGTH[0xF0:] = 2, 3, 4
CODE_FIRST = np.zeros(256, np.bool_)
CODE_FIRST[list(b"dcrifp#")] = True
"""How a line may begin that the rule takes for code: def, class, return, import, from, print ..."""
NEWLINE, SPACE, TAB, QUOTED = 10, 32, 9, ord(">")
BACKTICK, TILDE, EQUALS, LESS = (ord(c) for c in "`~=<")


class Scratch(NamedTuple):
    """Memory that serves text after text: a table of pieces, one of runs, and the words."""

    keys: NDArray[np.uint64]
    stamps: NDArray[np.int64]
    counts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    hot: NDArray[np.int64]
    grams: NDArray[np.uint64]


_local = threading.local()


def suspects(texts: pl.Series, shortest: int, shortest_loop: int) -> NDArray[np.bool_]:
    """Which texts may repeat a sentence, or loop; so many bytes are needed for the one and the
    other."""
    array = arrow(texts)
    _, offsets, data = array.buffers()
    edges = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    held = np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8)
    flags = np.zeros(len(array), np.bool_)
    longest = int(np.diff(edges).max(initial=0))
    words = np.empty(longest + 64, np.uint8)
    if not hasattr(_local, "scratch"):
        stamps, counts, sizes, hot = np.zeros((4, SLOTS), np.int64)
        keys, grams = np.zeros(SLOTS, np.uint64), np.zeros(GRAMS, np.uint64)
        _local.scratch = Scratch(keys, stamps, counts, sizes, hot, grams)
        _local.stamp = 0
    padded = np.concatenate([held, np.zeros(8, np.uint8)])
    judge(padded, edges, shortest, shortest_loop, flags, _local.scratch, words, _local.stamp)
    _local.stamp += len(array)
    return flags


@part
def fence(data, i, end):
    """The mark and the length of a fence at the beginning of a line; 0 where there is none."""
    spaces = 0
    while i < end and data[i] == SPACE and spaces < 3:
        i += 1
        spaces += 1
    if i < end and data[i] == QUOTED:
        i += 1
        i += i < end and data[i] == SPACE
    mark = data[i] if i < end else np.uint8(0)
    if mark != BACKTICK and mark != TILDE:
        return np.uint8(0), 0, i
    first = i
    while i < end and data[i] == mark:
        i += 1
    return mark, (i - first if i - first >= 3 else 0), i


@inlined
def end_length(data, i):
    """Bytes of the mark at `i` that may end a sentence, 0 where there is none."""
    byte = data[i]
    if byte < 128:
        return 1 if ENDS[byte] else 0
    second, third = data[i + 1], data[i + 2]
    if byte == 0xC2:
        return 2 if second == 0x85 else 0
    if byte == 0xD8:
        return 2 if second == 0x9F else 0
    if byte == 0xE0:
        return 3 if second == 0xA5 and (third == 0xA4 or third == 0xA5) else 0
    if byte == 0xE2:
        return 3 if second == 0x80 and (third == 0xA6 or third == 0xA8 or third == 0xA9) else 0
    if byte == 0xE3:
        return 3 if second == 0x80 and third == 0x82 else 0
    if byte == 0xEF:
        full = second == 0xBC and (third == 0x81 or third == 0x9F)
        return 3 if full or (second == 0xBD and third == 0xA1) else 0
    return 0


@part
def is_code(data, i, end):
    """Whether a line is code for the rule: indented, ends in a brace or semicolon, or is a tag."""
    if data[i] == TAB:
        return True
    first = i
    while i < end and data[i] == SPACE:
        i += 1
    if i - first >= 4:
        return True
    while end > i and (data[end - 1] == SPACE or data[end - 1] == TAB or data[end - 1] == 13):
        end -= 1
    if end <= i:
        return False
    last = data[end - 1]
    if last == 123 or last == 125 or last == 59:
        return True
    tag = i + 1 + (data[i + 1] == 47)
    return data[i] == LESS and tag < end and data[tag] < 128 and WORD[data[tag]]


@inlined
def may_be_code(data, i, end):
    """Whether the rule may take a line for code."""
    while i < end and data[i] == SPACE:
        i += 1
    if i < end and CODE_FIRST[data[i]]:
        return True
    assigns = False
    for k in range(i, end):
        assigns |= data[k] == EQUALS
    return assigns


@inlined
def count(piece, size, scratch, stamp, hot):
    """Count a piece; returns how many come TIMES times by now."""
    slot = np.int64((piece * MIX) >> np.uint64(50))
    while scratch.stamps[slot] == stamp and scratch.keys[slot] != piece:
        slot = (slot + 1) & (SLOTS - 1)
    if scratch.stamps[slot] != stamp:
        scratch.stamps[slot], scratch.keys[slot] = stamp, piece
        scratch.counts[slot] = scratch.sizes[slot] = 0
    scratch.counts[slot] += 1
    scratch.sizes[slot] = max(scratch.sizes[slot], size)
    if scratch.counts[slot] == TIMES:
        scratch.hot[hot] = slot
        hot += 1
    return hot


@part
def repeats(data, first, last, scratch, stamp):
    """Whether a text may repeat a sentence."""
    whole, hot, pieces = 0, 0, 0
    mark, length = np.uint8(0), 0
    i = first
    while i < last:
        end = i
        while end < last and data[end] != NEWLINE:
            end += 1
        found, run, after = fence(data, i, end)
        if length:
            if found == mark and run >= length:
                i = after - run + length
                length = 0
            else:
                i = end + 1
                continue
        elif run:
            mark, length = found, run
            i = end + 1
            continue
        if is_code(data, i, end):
            i = end + 1
            continue
        start, sure = i, 0
        piece, size = np.uint64(0), 0
        while i <= end:
            ended = 1 if i == end else end_length(data, i)
            if ended:
                if size:
                    hot = count(piece, size, scratch, stamp, hot)
                    pieces += 1
                    if pieces > SLOTS // 2:
                        return True
                piece, size = np.uint64(0), 0
                i += ended
                continue
            byte = data[i]
            if byte < 128:
                sure += WORD[byte]
                if WORD[byte] and (size or LETTER[byte]):
                    piece = (piece ^ np.uint64(byte)) * STEP + np.uint64(1)
                    size += 1
                i += 1
                continue
            width = LENGTH[byte]
            bullet = (byte == 0xC2 and data[i + 1] == 0xB7) or (
                byte == 0xE2 and data[i + 1] == 0x80 and data[i + 2] == 0xA2
            )
            if size or not bullet:
                for k in range(i, min(i + width, end)):
                    piece = (piece ^ np.uint64(data[k])) * STEP + np.uint64(1)
                size += width
            sure += width * SURE[byte]
            i += width
        if not may_be_code(data, start, end):
            whole += sure
    told = 0
    for k in range(hot):
        told += scratch.counts[scratch.hot[k]] * scratch.sizes[scratch.hot[k]]
    return hot > 0 and told >= SHARE * whole


@part
def loops(data, first, last, grams, words, stamp):
    """Whether the words of a text hold few new runs of eight bytes."""
    at, space = 0, True
    for i in range(first, last):
        byte = data[i]
        if WORD[byte]:
            words[at] = byte
            at += 1
            space = False
        elif not space:
            words[at] = SPACE
            at += 1
            space = True
    new = 0
    for i in range(at - 7):
        mixed = load8(words, i) * MIX
        mixed ^= mixed >> np.uint64(32)
        mixed *= MIX
        if mixed >> np.uint64(61) == 0:
            slot = np.int64((mixed >> np.uint64(45)) & np.uint64(GRAMS - 1))
            tag = (mixed << np.uint64(20)) ^ np.uint64(stamp)
            if grams[slot] != tag:
                new += 1
                grams[slot] = tag
    return 8 * new <= NEW * at


@kernel
def judge(data, offsets, shortest, shortest_loop, flags, scratch, words, stamp):
    """Flag the texts that may repeat a sentence or loop; 8 more bytes follow the texts."""
    for text in range(len(flags)):
        first, last = offsets[text], offsets[text + 1]
        stamp += 1
        if last - first < shortest:
            continue
        flags[text] = repeats(data, first, last, scratch, stamp) or (
            last - first >= shortest_loop and loops(data, first, last, scratch.grams, words, stamp)
        )
