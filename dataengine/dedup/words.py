"""The tokens of a row: its words, or its characters, after decontamination's folding of Unicode.

A word is a run of letters and digits (a character of a script without spaces is a word of its
own), so `3.5` is two and is not `35`. `+ / = < > ^ % &` are words too, and so are `-` as a sign
(`-3`), `- *` between two operands (`48 * 6`) and `#` after a word (`C#`); where these lay out text
(bullets, headings, emphasis) they separate, as everything else does.

Two steps with few branches, because one at every word's end costs more than all else: list where
words start and end (as bits of 64 bytes at a time), hash each word (eight bytes at a time).
"""

from typing import Any

import numpy as np

from dataengine.kernels.folding import FOLDED, FOLDED_LENGTH, fold, is_plain
from dataengine.kernels.hashing import ALL, ONE, absorb, lower8
from dataengine.kernels.jit import inlined, part
from dataengine.kernels.simd import WIDTH, among64, classes64, load8, trailing_zeros

PAD = 2 * WIDTH
"""Bytes to be had beyond a text: kernels read whole blocks, and `fold` writes them."""
EIGHT, HALF, LAST = np.uint64(8), np.uint64(32), np.uint64(WIDTH - 1)
FIRST_BYTES = np.array([(1 << (8 * k)) - 1 for k in range(9)], np.uint64)
"""The mask of the first k bytes of eight."""
TABLES = (FOLDED, FOLDED_LENGTH)


class Scratch:
    """Working memory for one text at a time; grows with the longest and serves one thread."""

    def __init__(self) -> None:
        self.size = 0

    def arrays(self, size: int) -> tuple[Any, ...]:
        """For texts of at most `size` bytes: the folded text, where words start, where they end,
        tokens, shingles."""
        if size > self.size or not self.size:
            self.size = size + size // 4 + 64
            room = 3 * self.size + PAD
            self.held = (
                np.zeros(room, np.uint8),
                (np.empty(room, np.int32), np.empty(room, np.int32)),
                np.empty(room, np.uint64),
                np.empty(room, np.uint64),
            )
        return self.held


OPERAND_ENDS, OPERAND_STARTS = np.zeros(256, np.bool_), np.zeros(256, np.bool_)
OPERAND_ENDS[list(b"0123456789)]}")] = True
OPERAND_STARTS[list(b"0123456789([{")] = True
LETTERS = np.zeros(256, np.bool_)
LETTERS[list(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] = True
SPACE = ord(" ")


@part
def between_operands(text, at, size):
    """Whether the symbol at `at` stands between two numbers, brackets or single letters, with one
    blank at most on each side."""
    left, right = at - 1, at + 1
    if left >= 0 and text[left] == SPACE:
        left -= 1
    if right < size and text[right] == SPACE:
        right += 1
    if left < 0 or right >= size:
        return False
    alone_left = LETTERS[text[left]] and (left == 0 or not is_part(text[left - 1]))
    alone_right = LETTERS[text[right]] and (right + 1 == size or not is_part(text[right + 1]))
    return (OPERAND_ENDS[text[left]] or alone_left) and (OPERAND_STARTS[text[right]] or alone_right)


@inlined
def is_part(byte):
    """A byte of a word."""
    return byte >= 128 or LETTERS[byte] or 48 <= byte <= 57


@inlined
def marks64(text, at, size):
    """Of 64 bytes, a bit for each that is in the text and part of a word, a symbol, a hyphen, a
    sharp sign, an operator where operands stand beside it."""
    if at >= size:
        nothing = np.uint64(0)
        return nothing, nothing, nothing, nothing, nothing
    inside = ALL >> np.uint64(max(0, WIDTH - (size - at)))
    classes = classes64(text, at)
    return (
        (classes[0] | classes[1]) & inside,
        among64(text, at, "+/=<>%&^") & inside,
        among64(text, at, "-") & inside,
        among64(text, at, "#") & inside,
        among64(text, at, "-*") & inside,
    )


@inlined
def list_bits(bits, base, out, at):
    """Write base + place for every bit that is set, lowest first; returns the index after."""
    while bits != 0:
        out[at] = base + trailing_zeros(bits)
        bits &= bits - ONE
        at += ONE
    return at


@part
def split(text, size, starts, ends):
    """List where the words of a text start and end. Returns how many.

    64 bytes at a time, a bit for each: a word starts where none was before, and ends where none
    goes on. A symbol is a word of one byte.
    """
    opened = closed = word_before = symbol_before = np.uint64(0)
    word, symbol, hyphen, sharp, operator = marks64(text, 0, size)
    for at in range(0, size + 1, WIDTH):
        ahead = marks64(text, at + WIDTH, size)
        before, after = word << ONE | word_before, word >> ONE | ahead[0] << LAST
        symbol |= hyphen & ~before & after | sharp & before
        while operator != 0:
            place = trailing_zeros(operator)
            operator &= operator - ONE
            if between_operands(text, at + place, size):
                symbol |= ONE << np.uint64(place)
        first, past = word & ~before | symbol, before & ~word | symbol << ONE | symbol_before
        opened = list_bits(first, at, starts, opened)
        closed = list_bits(past, at, ends, closed)
        word_before, symbol_before = word >> LAST, symbol >> LAST
        word, symbol, hyphen, sharp, operator = ahead
    return np.int64(closed)


@part
def hash_words(text, starts, ends, count, tokens):
    """One hash a word. Words of up to eight bytes that differ never share one: of the symbols only
    `^` changes in lower case, and `~`, which it becomes, is none."""
    for i in range(count):
        place, size = np.int64(starts[i]), np.int64(ends[i]) - np.int64(starts[i])
        state = np.uint64(0)
        while size > 8:
            state = absorb(state, lower8(load8(text, place)))
            place += 8
            size -= 8
        last = lower8(load8(text, place)) & FIRST_BYTES[np.uint64(size)]
        tokens[i] = absorb(state, last)


@part
def characters(text, starts, ends, count, tokens, at):
    """The characters of words into tokens[at:], whatever separates words as one blank; returns
    the index after the last.

    Ends with a blank, so that the texts of two turns do not touch.
    """
    for i in range(count):
        if i > 0 and starts[i] > ends[i - 1]:
            tokens[at] = HALF
            at += 1
        for place in range(starts[i], ends[i]):
            byte = np.uint64(text[place])
            if 128 <= byte < 192 and place > starts[i]:
                tokens[at - 1] = (tokens[at - 1] << EIGHT) | byte
                continue
            tokens[at] = byte | np.uint64(65 <= byte <= 90) << np.uint64(5)
            at += 1
    if count > 0:
        tokens[at] = HALF
        at += 1
    return at


@part
def tokens_of(texts, row, by_character, tables, scratch):
    """Tokens of all pieces of one row into the scratch memory; returns how many."""
    folded, (starts, ends), tokens, _ = scratch
    nowhere = starts[:0]
    at = 0
    for piece in range(texts.rows[row], texts.rows[row + 1]):
        text, start, end = texts.data, texts.starts[piece], texts.ends[piece]
        if end + WIDTH > len(text) or not is_plain(text, start, end):
            end = fold(text, start, end, tables[0], tables[1], folded, nowhere)
            text, start = folded, 0
        text = text[start:]
        count = split(text, end - start, starts, ends)
        if by_character:
            at = characters(text, starts, ends, count, tokens, at)
        else:
            hash_words(text, starts, ends, count, tokens[at:])
            at += count
    return at
