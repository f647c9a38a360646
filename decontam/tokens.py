"""The one text path: what both sides of every comparison are turned into before they are compared.

A text becomes a sequence of tokens, each a 64-bit hash whose low two bits are its class:

* `WORD`: a run of letters, case-folded; an apostrophe inside is dropped (`don't` = `dont`).
* `NUMBER`: a run of digits; thousands commas and the decimal point inside are dropped, so that
  `1,000`, `1000` and full-width digits agree, and so does a copy stripped of its punctuation
  (the price: `3.5` and `35` are one token). Digits and letters never share a token.
* `CHARACTER`: one character of a script written without spaces (Chinese, Japanese, Korean, Thai).
* `OPERATOR`: one of `+ - * / = < > ^ % & | ~` or a mathematical symbol, so that `z^4+z^2` is not
  `z^4-z^2`. A hyphen between words is none, nor is a mark that lays out a line: `> `, `- `, `* `,
  `>>> `, `// ` at its beginning. What only reads words drops these: `h & 3 == OPERATOR`.

Everything else separates. Before that, Unicode is folded: NFKC and case, accents off, zero-width,
bidi and soft-hyphen characters out, typographic quotes and dashes to ASCII, and the Cyrillic and
Greek letters that look exactly Latin to Latin. `2³` is read as `2^3`, `3½` as `3 1/2`: no number
takes a raised, lowered or broken one for its own digits. Traditional Chinese is read as simplified,
and what JSON escapes (`\\u4e0b`, `\\n`) as what it stands for.

`tokenise(data, offsets) -> (hashes, token_offsets)` is the stable entry for other packages: a batch
of texts as Arrow holds them (UTF-8 bytes and n + 1 offsets; `arrow_texts` gives these from a
pyarrow or polars string column without copying). It releases the GIL. `decontam.batches` reads
files, JSONL and Parquet, as such batches.
"""

import json
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from decontam.jit import cache_folder, inlined, kernel, part
from decontam.room import Room
from decontam.simd import (
    WIDTH,
    among64,
    beyond_ascii64,
    classes64,
    copy64,
    load8,
    trailing_zeros,
)

Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int64]
Hashes = NDArray[np.uint64]

WORD, NUMBER, CHARACTER, OPERATOR = 0, 1, 2, 3
CLASS_BITS = np.uint64(3)
OPERATORS = "+-*/=<>^%&|~"
# Letters that cannot be told from Latin ones in print. Cyrillic ones of which only the capital can
# not (`В`, `Т`) are folded in both cases, so that Russian stays the same in both. Greek small ones
# are symbols of mathematics and stay: only the capitals are folded, before case is.
LOOK_ALIKE = str.maketrans("аеорсхуіјѕοвкмнт", "aeopcxyijsobkmht")
CAPITALS = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX")
SYMBOLS = {"×": "*", "÷": "/", "−": "-", "≤": "<", "≥": ">", "⋅": "*", "·": "*", "∗": "*", "⁄": "/"}
NEGATION = "\u0338"  # a stroke through a symbol
APOSTROPHES = "'’‘ʼ`"
# Scripts written without spaces between words.
UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x2E80, 0x2FFF),
    (0x3040, 0x9FFF),
    (0xAC00, 0xD7AF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2FFFF),
)
_CHINESE = json.loads(Path(__file__).with_name("simplified.json").read_text(encoding="utf-8"))
SIMPLIFIED = str.maketrans(_CHINESE["traditional"], _CHINESE["simplified"])
TABLE_SIZE = 0x30000
# What stands apart from the digits before and after it; of the first kind, with a `^` before it.
RAISED, APART = 1, 2
KIND = 4  # a folded character's length is in the lower bits, its kind above

# Classes of ASCII bytes in folded text; a byte of 128 and more is always part of a letter.
SEPARATOR_BYTE, LETTER_BYTE, DIGIT_BYTE, OPERATOR_BYTE, APOSTROPHE_BYTE, POINT_BYTE = range(6)


def fold_character(character: str) -> str:
    """One character as it takes part in comparison: '' where ignored, ' ' where it separates.

    A character of an unspaced script comes back between spaces: it is a token of its own.
    """
    code = ord(character)
    category = unicodedata.category(character)
    if category == "Cf" or unicodedata.combining(character) or 0xFE00 <= code <= 0xFE0F:
        return ""
    if any(low <= code <= high for low, high in UNSPACED) and category[0] in "LNM":
        return f" {unicodedata.normalize('NFKC', character).translate(SIMPLIFIED)} "
    plain = unicodedata.normalize("NFKD", SYMBOLS.get(character, character))
    plain = unicodedata.normalize("NFKD", plain.translate(CAPITALS).casefold()).translate(
        LOOK_ALIKE
    )
    return "".join(_fold_plain(SYMBOLS.get(piece, piece)) for piece in plain)


def _fold_plain(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] in "LN" or category == "Mc" or character in OPERATORS + ".,":
        return character
    if character in APOSTROPHES:
        return "'"
    if category == "Pd":
        return "-"
    if category == "Sm":
        # An operator of its own for each symbol would need a wider alphabet; the code's residue
        # tells most of them apart.
        return OPERATORS[ord(character) % len(OPERATORS)]
    if character == NEGATION:  # `≠` is no `=`
        return "/"
    return "" if unicodedata.combining(character) else " "


def fold_kind(character: str) -> int:
    """RAISED for a power's digits, APART for an index's, a fraction, a ringed number; else 0."""
    form, category = unicodedata.decomposition(character), unicodedata.category(character)
    if form.startswith("<super>") and (category in ("No", "Sm") or character in "ⁿⁱ"):
        return RAISED
    return APART if category == "No" or (form.startswith("<sub>") and category == "Sm") else 0


def _fold_table() -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """For each code point, its folded UTF-8 bytes (at most eight, packed), and how many, with its
    `fold_kind` in the bits from KIND on."""
    path = cache_folder() / f"fold-{unicodedata.unidata_version}-4.npz"
    if path.exists():
        stored = np.load(path)
        return stored["packed"], stored["length"]
    packed = np.zeros(TABLE_SIZE, np.uint64)
    length = np.zeros(TABLE_SIZE, np.uint8)
    for code in range(TABLE_SIZE):
        folded = " " if 0xD800 <= code < 0xE000 else fold_character(chr(code))
        encoded = folded.encode()[:8].decode(errors="ignore").encode()
        packed[code] = int.from_bytes(encoded, "little")
        length[code] = len(encoded) | fold_kind(chr(code)) << KIND
    partial = path.with_suffix(f".{id(packed)}.npz")
    np.savez_compressed(partial, packed=packed, length=length)
    partial.replace(path)
    return packed, length


FOLDED, FOLDED_LENGTH = _fold_table()
BYTE_CLASS = np.zeros(256, np.uint8)
BYTE_CLASS[128:] = LETTER_BYTE
for _letters, _class in (
    ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", LETTER_BYTE),
    ("0123456789", DIGIT_BYTE),
    (OPERATORS, OPERATOR_BYTE),
    ("'`", APOSTROPHE_BYTE),
    (".,", POINT_BYTE),
):
    BYTE_CLASS[[ord(_l) for _l in _letters]] = _class
LOWER = np.arange(256, dtype=np.uint8)
LOWER[ord("A") : ord("Z") + 1] += 32
FOLDING = (FOLDED, FOLDED_LENGTH, BYTE_CLASS, LOWER)
"""What every kernel that folds and tokenises is given."""

SEED = np.uint64(0x243F6A8885A308D3)
SPREAD = np.uint64(0x9E3779B97F4A7C15)
FINISH = np.uint64(0xD6E8FEB86659FD93)
HYPHEN, POINT, ZERO, NINE = ord("-"), ord("."), ord("0"), ord("9")
SPACE, CARET, LENGTH = ord(" "), ord("^"), (1 << KIND) - 1
ONE, ALL = np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)
EVERY_HIGH = np.uint64(0x8080808080808080)
# Whether a comma belongs to a number takes four more bytes to tell: a word or number that ends
# later in a window is not decided there.
DECIDED = WIDTH - 5
# So many letters or digits at each end of a text tell whether it may be one that is looked for.
ENDS = 8


HEX = np.full(256, -1, np.int64)
for _digit in "0123456789abcdefABCDEF":
    HEX[ord(_digit)] = int(_digit, 16)
BACKSLASH, LETTER_U, LETTER_N, LETTER_A, LETTER_Z = map(ord, "\\unaz")
NEWLINE, TABULATOR, RETURN, GREATER, EQUALS = map(ord, "\n\t\r>=")
# Operators that may be marks of layout at the beginning of a line.
MARK = np.zeros(256, np.bool_)
MARK[list(b"+-*/>%|~")] = True
LONGEST_EQUALS = 3  # more equal signs are a line drawn, not an operator


@part
def is_plain(data, start, end):
    """Whether a text is ASCII without what JSON escapes: it folds to itself."""
    bits = escapes = np.uint8(0)
    for i in range(np.uint64(start), np.uint64(end)):
        bits |= data[i]
    if bits >= 128:
        return False
    for i in range(np.uint64(start) + ONE, np.uint64(end)):
        letter = (data[i] == LETTER_U) | (data[i] == LETTER_N)
        escapes |= np.uint8((data[i - ONE] == BACKSLASH) & letter)
    if not escapes:
        return True
    found = 0
    for i in range(start, end):
        if data[i] == BACKSLASH:
            found += escaped(data, i, end)[1]
    return found == 0


@part
def escaped(data, i, end):
    """What the JSON escape at `i` stands for, and how many bytes it has; 0 where there is none.

    `\\n` is one where no small letter follows: LaTeX has `\\nabla`.
    """
    i, end = np.int64(i), np.int64(end)
    if i + 1 >= end:
        return 0, 0
    if data[i + 1] == LETTER_N:
        small = i + 2 < end and LETTER_A <= data[i + 2] <= LETTER_Z
        return (0, 0) if small else (NEWLINE, 2)
    code = hex_at(data, i, end)
    if code < 0:
        return 0, 0
    if 0xD800 <= code < 0xDC00:
        low = hex_at(data, i + 6, end)
        if 0xDC00 <= low < 0xE000:
            return 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00), 12
    return code, 6


@part
def hex_at(data, i, end):
    """The number that `\\uXXXX` at `i` gives, or -1."""
    if i + 6 > end or data[i] != BACKSLASH or data[i + 1] != LETTER_U:
        return -1
    code = 0
    for k in range(i + 2, i + 6):
        digit = HEX[data[k]]
        if digit < 0:
            return -1
        code = code << 4 | digit
    return code


@inlined
def is_digit(byte):
    return ZERO <= byte <= NINE


@part
def fold(data, start, end, packed, lengths, out, origin):
    """Fold UTF-8 `data[start:end]` into `out`; returns the bytes written.

    `out` needs three bytes for each byte of the text, and WIDTH more: `½` has two, and is `1/2`
    between spaces. `origin`, when not empty,
    receives for each byte written the index of the character (not byte) that it came from.
    """
    written = 0
    character = 0
    kind = 0
    i = start
    while i < end:
        if kind and data[i] < 128:
            if is_digit(data[i]):
                out[written] = SPACE
                if len(origin):
                    origin[written] = character
                written += 1
            kind = 0
        if len(origin) == 0 and i + WIDTH <= end:
            copy64(data, i, out, written)
            plain = trailing_zeros(beyond_ascii64(data, i) | among64(data, i, "\\"))
            i += plain
            written += plain
            if plain == WIDTH:
                continue
        first = np.int64(data[i])
        code, size = escaped(data, i, end) if first == BACKSLASH else (0, 0)
        if size and code < 128:
            out[written] = code
            if len(origin):
                origin[written] = character
            written += 1
            character += size
            i += size
            continue
        if first < 128 and not size:
            out[written] = data[i]
            if len(origin):
                origin[written] = character
            written += 1
            character += 1
            i += 1
            continue
        if size:
            i += size
            character += size - 1
        elif first < 0xE0 and i + 1 < end:
            code = (first & 31) << 6 | np.int64(data[i + 1]) & 63
            i += 2
        elif first < 0xF0 and i + 2 < end:
            code = (first & 15) << 12 | (np.int64(data[i + 1]) & 63) << 6
            code |= np.int64(data[i + 2]) & 63
            i += 3
        elif i + 3 < end:
            code = (first & 7) << 18 | (np.int64(data[i + 1]) & 63) << 12
            code |= (np.int64(data[i + 2]) & 63) << 6 | np.int64(data[i + 3]) & 63
            i += 4
        else:
            break
        if code < len(packed):
            rest = packed[code]
            before, kind = kind, lengths[code] >> KIND
            if kind and (kind == APART or before != RAISED):
                # A raised number is one number; beside a digit, a broken one is another.
                digit = written > 0 and is_digit(out[written - 1])
                if kind == RAISED or (digit and before == 0):
                    out[written] = CARET if kind == RAISED else SPACE
                    if len(origin):
                        origin[written] = character
                    written += 1
            for _ in range(np.int64(lengths[code]) & LENGTH):
                out[written] = rest & np.uint64(255)
                if len(origin):
                    origin[written] = character
                rest >>= np.uint64(8)
                written += 1
        character += 1
    return written


@part
def is_operator_hyphen(data, i, start, end, classes):
    """A hyphen is an operator, as in `x-1`, unless it joins words: `well-known`, `16-yard`."""
    if i == start or i + 1 >= end:
        return True
    before, after = classes[data[i - 1]], classes[data[i + 1]]
    if before not in (LETTER_BYTE, DIGIT_BYTE) or after not in (LETTER_BYTE, DIGIT_BYTE):
        return True
    word_before = before == LETTER_BYTE and i - 2 >= start and classes[data[i - 2]] == LETTER_BYTE
    word_after = after == LETTER_BYTE and i + 2 < end and classes[data[i + 2]] == LETTER_BYTE
    return not (word_before or word_after)


@part
def is_line_mark(data, i, start, end):
    """Whether the operator at `i` only lays out its line: a mark of a quotation, a list, a comment
    or a table at its beginning, or a line drawn."""
    mark = data[i]
    if not MARK[mark] and mark != EQUALS:
        return False
    after = i + 1
    while after < end and data[after] == mark:
        after += 1
    before = i - 1
    while before >= start and data[before] == mark:
        before -= 1
    blank = after == end or is_blank(data[after]) or data[after] == NEWLINE
    if mark == EQUALS:
        joined = before >= start and data[before] == GREATER
        if joined or not blank or after - before - 1 <= LONGEST_EQUALS:
            return False
    if not blank and (mark != GREATER or data[after] == EQUALS):
        return False
    while before >= start:
        other, follows = data[before], data[before + 1]
        marks = MARK[other] and (follows == other or is_blank(follows))
        if not (is_blank(other) or other == GREATER or marks):
            break
        before -= 1
    return before < start or data[before] == NEWLINE


@inlined
def is_blank(byte):
    return byte in (SPACE, TABULATOR, RETURN)


@part
def joins_digits(data, i, end, classes):
    """A point or comma at `i`, after a digit, that belongs to the number: `3.14`, `1,000`."""
    if i + 1 >= end or classes[data[i + 1]] != DIGIT_BYTE:
        return False
    if data[i] == POINT:
        return True
    group = 1
    while i + 1 + group < end and classes[data[i + 1 + group]] == DIGIT_BYTE:
        group += 1
    return group == 3


@inlined
def hash_operator(byte):
    return finish((SEED ^ np.uint64(byte)) * SPREAD, OPERATOR)


@inlined
def finish(state, kind):
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
def hash_bytes(data, start, end, classes, lower, kind):
    """As `hash_run`, byte by byte, passing over what stands between the letters or digits."""
    state = SEED
    eight = np.uint64(0)
    filled = np.uint64(0)
    for i in range(start, end):
        if classes[data[i]] in (LETTER_BYTE, DIGIT_BYTE):
            eight |= np.uint64(lower[data[i]]) << filled
            filled += np.uint64(8)
            if filled == 64:
                state = absorb(state, eight)
                eight = filled = np.uint64(0)
    if filled:
        state = absorb(state, eight)
    return finish(state, kind)


@part
def run_end(data, start, end, classes):
    """Where the word or number that starts at `start` ends."""
    of = classes[data[start]]
    i = start + 1
    while i < end:
        inside = classes[data[i]]
        if inside != of:
            if of == LETTER_BYTE:
                if inside != APOSTROPHE_BYTE or i + 1 >= end or classes[data[i + 1]] != of:
                    break
            elif inside != POINT_BYTE or not joins_digits(data, i, end, classes):
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
def tokenise_folded(data, start, end, classes, lower, out, at, spans):
    """Tokens of folded text into `out[at:]`; returns the index after the last.

    `spans`, when not empty, receives each token's byte span: shape (tokens, 2), from row 0.
    """
    base = at if len(spans) else -1
    i = start
    while i < end:
        if i + WIDTH + 8 <= len(data):
            i, at = tokens_of_window(data, i, start, end, classes, lower, out, at, spans, base)
        else:
            i, at = token_at(data, i, start, end, classes, lower, out, at, spans, base)
    return at


@inlined
def tokens_of_window(data, i, start, end, classes, lower, out, at, spans, base):
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
            return token_at(data, first, start, end, classes, lower, out, at, spans, base)
        lowest = starts & (~starts + ONE)
        starts ^= lowest
        lasts &= lasts - ONE
        if operators & lowest:
            hyphen = data[first] == HYPHEN
            if hyphen and not is_operator_hyphen(data, first, start, end, classes):
                continue
            if is_line_mark(data, first, start, end):
                continue
            token = hash_operator(data[first])
        elif between >> np.uint64(place) << np.uint64(WIDTH - length):
            kind = run_class(data[first], length)
            token = hash_bytes(data, first, first + length, classes, lower, kind)
        else:
            token = hash_run(data, first, length, run_class(data[first], length))
        put(out, spans, at, base, token, first, first + length)
        at += 1
    return min(i + WIDTH, end), at


@part
def token_at(data, i, start, end, classes, lower, out, at, spans, base):
    """The token at `i`, if there is one, byte by byte; returns where to go on, and `at`."""
    of = classes[data[i]]
    stop = i + 1
    if of in (LETTER_BYTE, DIGIT_BYTE):
        stop = run_end(data, i, end, classes)
        kind = run_class(data[i], stop - i)
        token = hash_bytes(data, i, stop, classes, lower, kind)
    elif (
        of == OPERATOR_BYTE
        and (data[i] != HYPHEN or is_operator_hyphen(data, i, start, end, classes))
        and not is_line_mark(data, i, start, end)
    ):
        token = hash_operator(data[i])
    else:
        return stop, at
    put(out, spans, at, base, token, i, stop)
    return stop, at + 1


@inlined
def put(out, spans, at, base, token, first, stop):
    out[np.uint64(at)] = token
    if base >= 0:
        spans[at - base, 0] = first
        spans[at - base, 1] = stop


@part
def squash(data, start, end, classes, lower):
    """A hash of a folded text's letters and digits alone, whatever stands between them."""
    return hash_bytes(data, start, end, classes, lower, WORD)


@part
def squash_ends(data, start, end, classes, lower):
    """A hash of the first and the last ENDS of a folded text's letters and digits."""
    state = SEED
    i, left = start, ENDS
    while i < end and left > 0:
        if classes[data[i]] in (LETTER_BYTE, DIGIT_BYTE):
            state = (state ^ np.uint64(lower[data[i]])) * SPREAD
            left -= 1
        i += 1
    i, left = end - 1, ENDS
    while i >= start and left > 0:
        if classes[data[i]] in (LETTER_BYTE, DIGIT_BYTE):
            state = (state ^ np.uint64(lower[data[i]])) * SPREAD
            left -= 1
        i -= 1
    return state ^ (state >> np.uint64(32))


@kernel
def tokenise_batch(
    data,
    offsets,
    packed,
    lengths,
    classes,
    lower,
    scratch,
    out,
    token_offsets,
    squashed,
    ends,
    learn,
):
    none = np.empty(0, np.int32)
    no_spans = np.empty((0, 2), np.int64)
    at = 0
    token_offsets[0] = 0
    for text in range(len(offsets) - 1):
        start, end = offsets[text], offsets[text + 1]
        folded = data
        if not is_plain(data, start, end):
            end = fold(data, start, end, packed, lengths, scratch, none)
            start = 0
            folded = scratch
        at = tokenise_folded(folded, start, end, classes, lower, out, at, no_spans)
        token_offsets[text + 1] = at
        if len(squashed):
            bit = squash_ends(folded, start, end, classes, lower) & np.uint64(64 * len(ends) - 1)
            place, mark = bit >> np.uint64(6), ONE << (bit & np.uint64(63))
            if learn:
                ends[place] |= mark
            squashed[text] = 0
            if ends[place] & mark:
                squashed[text] = squash(folded, start, end, classes, lower)
    return at


def tokenise(
    data: Bytes,
    offsets: Offsets,
    squashed: Hashes | None = None,
    ends: Hashes | None = None,
    learn: bool = False,
    room: Room | None = None,
) -> tuple[Hashes, Offsets]:
    """Tokens of a batch of texts.

    `data`: UTF-8 bytes (uint8) of all texts; `offsets`: n + 1 positions in it (int64), text i being
    `data[offsets[i]:offsets[i + 1]]`. Returns all tokens' hashes (uint64) in order and n + 1
    positions in them (int64). Takes up to 12 bytes of working memory for each byte of text.
    `squashed`, where given, receives each text's `squash`, or 0 where `ends`, a set of bits, does
    not hold that of its `squash_ends`; `learn` sets the bits instead. The hashes lie in `room`.
    """
    longest = int(np.diff(offsets).max(initial=0))
    size = int(offsets[-1] - offsets[0]) if len(offsets) else 0
    # No character is more tokens for its bytes than `½`: two bytes, and three tokens.
    hashes = (room or Room()).array("hashes", size + size // 2 + 1, np.uint64)
    token_offsets = np.empty(max(len(offsets), 1), np.int64)
    scratch = np.empty(3 * longest + 2 * WIDTH, np.uint8)
    nothing = np.empty(0, np.uint64)
    count = tokenise_batch(
        read_only(data),
        offsets,
        *FOLDING,
        scratch,
        hashes,
        token_offsets,
        nothing if squashed is None else squashed,
        nothing if ends is None else ends,
        learn,
    )
    return hashes[:count], token_offsets


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """The same array, not to be written: so kernels are compiled for one kind of array, not two."""
    view = array.view()
    view.flags.writeable = False
    return view


def pack(texts: Iterable[str]) -> tuple[Bytes, Offsets]:
    """Python strings as the pair that `tokenise` takes; lone surrogates survive as separators."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(e) for e in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded) or b"\0", np.uint8), offsets


def text_at(data: Bytes, offsets: Offsets, number: int) -> str:
    """One text of what `pack` and `arrow_texts` give."""
    start, end = offsets[number : number + 2].tolist()
    return data[start:end].tobytes().decode("utf-8", "replace")


def arrow_texts(column: Any) -> tuple[Bytes, Offsets]:
    """A pyarrow string array as the pair that `tokenise` takes, in place; a null is empty."""
    array = column if isinstance(column, pa.LargeStringArray) else column.cast(pa.large_string())
    if array.null_count:
        array = array.fill_null("")
    _, offset_buffer, data_buffer = array.buffers()
    if data_buffer is None or not len(array):
        return np.zeros(1, np.uint8), np.zeros(len(array) + 1, np.int64)
    offsets = np.frombuffer(offset_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data_buffer, np.uint8), offsets
