"""Tokenisation shared by eval items and training rows.

A text becomes a sequence of tokens, each a 64-bit hash whose low two bits are its class:

* `WORD`: a run of letters, case-folded; an apostrophe inside is dropped (`don't` = `dont`).
* `NUMBER`: a run of digits; thousands commas and the decimal point inside are dropped, so that
  `1,000`, `1000` and full-width digits agree, and so does a copy stripped of its punctuation
  (the price: `3.5` and `35` are one token). Digits and letters never share a token.
* `CHARACTER`: one character of a script written without spaces (Chinese, Japanese, Korean, Thai).
* `OPERATOR`: one of `+ - * / = < > ^ % & | ~` or a mathematical symbol, so that `z^4+z^2` is not
  `z^4-z^2`. A hyphen between words is none, nor is a mark that lays out a line: `> `, `- `, `* `,
  `>>> `, `// ` at its beginning. What only reads words drops these: `h & 3 == OPERATOR`.

Everything else separates. Before that, Unicode is folded (`folding`).

`tokenise(data, offsets) -> (hashes, token_offsets)` is the stable entry for other packages: a batch
of texts as Arrow holds them (UTF-8 bytes and n + 1 offsets; `packed.arrow_texts` gives these from a
pyarrow or polars string column without copying). It releases the GIL. `decontam.io.batches` reads
files, JSONL and Parquet, as such batches.
"""

from typing import NamedTuple

import numpy as np

from dataengine.kernels.characters import (
    APOSTROPHE_BYTE,
    BYTE_CLASS,
    DIGIT_BYTE,
    HYPHEN,
    LETTER_BYTE,
    NINE,
    OPERATOR_BYTE,
    POINT_BYTE,
    is_line_mark,
    is_operator_hyphen,
    joins_digits,
)
from dataengine.kernels.folding import FOLDING, fold, is_plain
from dataengine.kernels.hashing import (
    CHARACTER,
    NUMBER,
    ONE,
    WORD,
    Hashes,
    hash_bytes,
    hash_operator,
    hash_run,
    squash,
    squash_ends,
)
from dataengine.kernels.jit import inlined, kernel, part
from dataengine.kernels.packed import Bytes, Offsets, read_only
from dataengine.kernels.scratch import ScratchBuffers
from dataengine.kernels.simd import WIDTH, classes64, trailing_zeros

# Whether a comma belongs to a number takes four more bytes to tell: a word or number that ends
# later in a window is not decided there.
DECIDED = WIDTH - 5


@part
def run_end(data, start, end):
    """Where the word or number that starts at `start` ends."""
    of = BYTE_CLASS[data[start]]
    i = start + 1
    while i < end:
        inside = BYTE_CLASS[data[i]]
        if inside != of:
            if of == LETTER_BYTE:
                if inside != APOSTROPHE_BYTE or i + 1 >= end or BYTE_CLASS[data[i + 1]] != of:
                    break
            elif inside != POINT_BYTE or not joins_digits(data, i, end):
                break
        i += 1
    return i


@inlined
def run_class(byte, length):
    """NUMBER for digits; CHARACTER for one character of three bytes or more by itself, as `fold`
    leaves these; else WORD."""
    if byte < 0xE0:
        return NUMBER if byte <= NINE else WORD
    return CHARACTER if length == (3 if byte < 0xF0 else 4) else WORD


@inlined
def runs64(data, i, inside):
    """Tokens among 64 bytes, of which `inside` belong to the text, as bits: (where each starts,
    where each has its last byte, which of them are operators, bytes inside a token to pass over).
    """
    letters, digits, operators, apostrophes, points, commas = classes64(data, i)
    if inside < WIDTH:
        text = (ONE << np.uint64(inside)) - ONE
        letters, digits, operators = letters & text, digits & text, operators & text
    # Between two letters an apostrophe is part of the word, between digits a point of the number.
    thousand = digits >> np.uint64(2) & digits >> np.uint64(3) & ~(digits >> np.uint64(4))
    words = letters | apostrophes & letters << ONE & letters >> ONE
    numbers = digits | digits << ONE & digits >> ONE & (points | commas & thousand)
    starts = words & ~(words << ONE) | numbers & ~(numbers << ONE) | operators
    lasts = words & ~(words >> ONE) | numbers & ~(numbers >> ONE) | operators
    return starts, lasts, operators, (words | numbers) & ~(letters | digits)


@part
def tokenise_folded(data, start, end, out, at, spans):
    """Tokens of folded text into `out[at:]`; returns the index after the last.

    `spans`, when not empty, receives each token's byte span: shape (tokens, 2), from row 0.
    """
    base = at if len(spans) else -1
    i = start
    while i < end:
        if i + WIDTH + 8 <= len(data):
            i, at = tokens_of_window(data, i, start, end, out, at, spans, base)
        else:
            i, at = token_at(data, i, start, end, out, at, spans, base)
    return at


@inlined
def tokens_of_window(data, i, start, end, out, at, spans, base):
    """The tokens of the 64 bytes from `i`; returns where the next window starts, and `at`.

    A word or number that may go on beyond the window starts the next one; one that fills it is
    read byte by byte.
    """
    starts, lasts, operators, between = runs64(data, i, end - i)
    decided = DECIDED if end - i > WIDTH else WIDTH
    while starts:
        place, length = trailing_zeros(starts), trailing_zeros(lasts) + 1 - trailing_zeros(starts)
        first = i + place
        if place + length > decided:
            if place:
                return first, at
            return token_at(data, first, start, end, out, at, spans, base)
        lowest = starts & (~starts + ONE)
        starts ^= lowest
        lasts &= lasts - ONE
        if operators & lowest:
            hyphen = data[first] == HYPHEN
            if hyphen and not is_operator_hyphen(data, first, start, end):
                continue
            if is_line_mark(data, first, start, end):
                continue
            token = hash_operator(data[first])
        elif between >> np.uint64(place) << np.uint64(WIDTH - length):
            kind = run_class(data[first], length)
            token = hash_bytes(data, first, first + length, kind)
        else:
            token = hash_run(data, first, length, run_class(data[first], length))
        put(out, spans, at, base, token, first, first + length)
        at += 1
    return min(i + WIDTH, end), at


@part
def token_at(data, i, start, end, out, at, spans, base):
    """The token at `i`, if there is one, byte by byte; returns where to go on, and `at`."""
    of = BYTE_CLASS[data[i]]
    stop = i + 1
    if of in (LETTER_BYTE, DIGIT_BYTE):
        stop = run_end(data, i, end)
        kind = run_class(data[i], stop - i)
        token = hash_bytes(data, i, stop, kind)
    elif (
        of == OPERATOR_BYTE
        and (data[i] != HYPHEN or is_operator_hyphen(data, i, start, end))
        and not is_line_mark(data, i, start, end)
    ):
        token = hash_operator(data[i])
    else:
        return stop, at
    put(out, spans, at, base, token, i, stop)
    return stop, at + 1


@inlined
def put(out, spans, at, base, token, first, stop):
    """Write a token and, where spans are asked for, its first byte and one past its last."""
    out[np.uint64(at)] = token
    if base >= 0:
        spans[at - base, 0] = first
        spans[at - base, 1] = stop


class Squashes(NamedTuple):
    """Hashes of whole texts, letter by letter, where they may be ones that are looked for.

    of: each text's `squash`, or 0; empty where none are wanted. ends: a Bloom filter of the
    `squash_ends` of what is looked for. learn: whether the texts are what is looked for.
    """

    of: Hashes
    ends: Hashes
    learn: bool


@kernel
def tokenise_batch(data, offsets, folding, squashes, scratch, out, token_offsets):
    """Tokens of a batch of texts into `out`, each text's bounds into `token_offsets`."""
    none = np.empty(0, np.int32)
    no_spans = np.empty((0, 2), np.int64)
    squashed, ends = squashes.of, squashes.ends
    at = 0
    token_offsets[0] = 0
    for text in range(len(offsets) - 1):
        start, end = offsets[text], offsets[text + 1]
        folded = data
        if not is_plain(data, start, end):
            end = fold(data, start, end, folding.packed, folding.lengths, scratch, none)
            start = 0
            folded = scratch
        at = tokenise_folded(folded, start, end, out, at, no_spans)
        token_offsets[text + 1] = at
        if len(squashed):
            bit = squash_ends(folded, start, end) & np.uint64(64 * len(ends) - 1)
            place, mark = bit >> np.uint64(6), ONE << (bit & np.uint64(63))
            if squashes.learn:
                ends[place] |= mark
            squashed[text] = 0
            if ends[place] & mark:
                squashed[text] = squash(folded, start, end)
    return at


def tokenise(
    data: Bytes,
    offsets: Offsets,
    squashed: Hashes | None = None,
    ends: Hashes | None = None,
    learn: bool = False,
    buffers: ScratchBuffers | None = None,
) -> tuple[Hashes, Offsets]:
    """Tokens of a batch of texts.

    `data`: UTF-8 bytes (uint8) of all texts; `offsets`: n + 1 positions in it (int64), text i being
    `data[offsets[i]:offsets[i + 1]]`. Returns all tokens' hashes (uint64) in order and n + 1
    positions in them (int64). Takes up to 12 bytes of working memory for each byte of text.
    `squashed`, where given, receives each text's `squash`, or 0 where `ends`, a set of bits, does
    not hold that of its `squash_ends`; `learn` sets the bits instead. The hashes lie in `buffers`.
    """
    longest = int(np.diff(offsets).max(initial=0))
    size = int(offsets[-1] - offsets[0]) if len(offsets) else 0
    # No character is more tokens for its bytes than `½`: two bytes, and three tokens.
    hashes = (buffers or ScratchBuffers()).array("hashes", size + size // 2 + 1, np.uint64)
    token_offsets = np.empty(max(len(offsets), 1), np.int64)
    scratch = np.empty(3 * longest + 2 * WIDTH, np.uint8)
    nothing = np.empty(0, np.uint64)
    wanted = Squashes(
        nothing if squashed is None else squashed, nothing if ends is None else ends, learn
    )
    data = read_only(data)
    count = tokenise_batch(data, offsets, FOLDING, wanted, scratch, hashes, token_offsets)
    return hashes[:count], token_offsets
