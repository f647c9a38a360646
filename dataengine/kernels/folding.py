"""Unicode normalisation: what both sides of every comparison are folded to.

NFKC and case, accents off, zero-width, bidi and soft-hyphen characters out, typographic quotes and
dashes to ASCII, and the Cyrillic and Greek letters that look exactly Latin to Latin. `2³` is read
as `2^3`, `3½` as `3 1/2`: no number takes a raised, lowered or broken one for its own digits.
Traditional Chinese is read as simplified, and what JSON escapes (`\\u4e0b`, `\\n`) as what it
stands for.
"""

import json
import unicodedata
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataengine.kernels.cache import appearing, cache_folder
from dataengine.kernels.characters import NEWLINE, OPERATORS, SPACE, is_digit
from dataengine.kernels.jit import part
from dataengine.kernels.simd import WIDTH, among64, beyond_ascii64, copy64, trailing_zeros

ONE = np.uint64(1)
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
BACKSLASH, LETTER_U, LETTER_N, LETTER_A, LETTER_Z, CARET = map(ord, "\\unaz^")
LENGTH = (1 << KIND) - 1
HEX = np.full(256, -1, np.int64)
for _digit in "0123456789abcdefABCDEF":
    HEX[ord(_digit)] = int(_digit, 16)


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
    with appearing(path) as partial:
        np.savez_compressed(partial, packed=packed, length=length)
    return packed, length


class Folding(NamedTuple):
    """For each code point its folded UTF-8 bytes, packed, and how many, with its kind."""

    packed: NDArray[np.uint64]
    lengths: NDArray[np.uint8]


FOLDED, FOLDED_LENGTH = _fold_table()
FOLDING = Folding(FOLDED, FOLDED_LENGTH)
"""What every kernel that folds is given."""


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
