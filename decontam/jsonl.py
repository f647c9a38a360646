"""Texts straight from raw JSONL bytes: no Python object is made for a row that has no match.

`walk` finds the same texts in the same order as `rows.row_texts` does on the parsed row, and
unescapes them side by side, which is what Arrow's string columns look like.
"""

import numpy as np

from decontam.jit import inlined, kernel, part
from decontam.rows import SKIPPED_KEYS, TEXT_KEYS
from decontam.simd import WIDTH, among64, copy64, trailing_zeros

DEEPEST = 256
QUOTE, BACKSLASH, COLON, COMMA = ord('"'), ord("\\"), ord(":"), ord(",")
OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST = ord("{"), ord("}"), ord("["), ord("]")
NEWLINE, LETTER_U = ord("\n"), ord("u")
HASH_START, HASH_STEP = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
ESCAPED = np.arange(256, dtype=np.uint8)
for _letter, _byte in (("n", 10), ("t", 9), ("r", 13), ("b", 8), ("f", 12)):
    ESCAPED[ord(_letter)] = _byte
HEX = np.zeros(256, np.int64)
for _digit in "0123456789abcdefABCDEF":
    HEX[ord(_digit)] = int(_digit, 16)


def _key_hash(key: str) -> int:
    state = int(HASH_START)
    for byte in key.encode():
        state = (state ^ byte) * int(HASH_STEP) & 0xFFFFFFFFFFFFFFFF
    return state


TEXT_HASHES = np.array([_key_hash(key) for key in TEXT_KEYS], np.uint64)
SKIPPED_HASHES = np.array([_key_hash(key) for key in SKIPPED_KEYS], np.uint64)

SOURCE_HASH = np.uint64(_key_hash("source"))
# What may stand outside strings besides brackets, commas: numbers, true, false, null, space, colon.
SCALAR = np.zeros(256, np.bool_)
SCALAR[[ord(c) for c in "0123456789+-.eE" + "truefalsn" + " \t\r:"]] = True
# Python writes these; they are read as JavaScript would.
SCALAR[[ord(c) for c in "NaInfinity"]] = True


@inlined
def stops64(data, i):
    """Of 64 bytes, a bit for each that ends plain JSON text: a quote or a backslash."""
    return among64(data, i, '"\\')


@inlined
def plain_length(data, i, end):
    """How many bytes from `i` hold neither a quote nor a backslash, as far as one look reaches."""
    if i + WIDTH <= end:
        return trailing_zeros(stops64(data, i))
    length = 0
    while i + length < end and data[i + length] != QUOTE and data[i + length] != BACKSLASH:
        length += 1
    return length


@inlined
def string_end(data, i, end):
    """The closing quote of the JSON string whose content starts at `i`, or `end`."""
    while i < end:
        i += plain_length(data, i, end)
        if i < end and data[i] == QUOTE:
            return i
        if i < end and data[i] == BACKSLASH:
            i += 2
    return end


@part
def hex_code(data, i):
    return HEX[data[i]] << 12 | HEX[data[i + 1]] << 8 | HEX[data[i + 2]] << 4 | HEX[data[i + 3]]


@inlined
def unescape(data, i, end, out, at):
    """Copy the string whose content starts at `i` unescaped to `out[at:]`.

    Returns (its closing quote or `end`, the index after what was written). `out` needs WIDTH bytes
    more than the string. A lone surrogate is written as its three bytes, as Python's
    "surrogatepass" does.
    """
    while i < end:
        if i + WIDTH <= end:
            copy64(data, i, out, at)
            plain = trailing_zeros(stops64(data, i))
        else:
            plain = plain_length(data, i, end)
            for k in range(plain):
                out[at + k] = data[i + k]
        i += plain
        at += plain
        if i >= end:
            break
        if data[i] == QUOTE:
            return i, at
        if data[i] != BACKSLASH:
            continue
        if i + 1 >= end:
            break
        letter = data[i + 1]
        if letter != LETTER_U:
            out[at] = ESCAPED[letter]
            i += 2
            at += 1
            continue
        if i + 6 > end:
            break
        code = hex_code(data, i + 2)
        i += 6
        paired = i + 6 <= end and data[i] == BACKSLASH
        if 0xD800 <= code < 0xDC00 and paired and data[i + 1] == LETTER_U:
            low = hex_code(data, i + 2)
            if 0xDC00 <= low < 0xE000:
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
                i += 6
        at = put_utf8(out, at, code)
    return end, at


@part
def put_utf8(out, at, code):
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | code >> 6
        out[at + 1] = 0x80 | code & 63
        return at + 2
    if code < 0x10000:
        out[at] = 0xE0 | code >> 12
        out[at + 1] = 0x80 | code >> 6 & 63
        out[at + 2] = 0x80 | code & 63
        return at + 3
    out[at] = 0xF0 | code >> 18
    out[at + 1] = 0x80 | code >> 12 & 63
    out[at + 2] = 0x80 | code >> 6 & 63
    out[at + 3] = 0x80 | code & 63
    return at + 4


@inlined
def contains(hashes, key):
    found = False
    for i in range(len(hashes)):
        found |= hashes[i] == key
    return found


@kernel
def walk(data, start, end, out, offsets, row_texts, lines, sources):
    """The texts of the rows in `data[start:end]`, whole lines of JSONL.

    Fills `out` with the texts' bytes, `offsets` with their bounds, `row_texts` with each row's
    bounds among the texts, `lines` with where each row's line starts and `sources` with where its
    own "source" string starts, or -1. Returns (rows, first bad line or -1). A line is bad, and has
    no texts, where its brackets or strings do not close or a value is no JSON; the rest of JSON's
    grammar is not checked.
    """
    is_object = np.zeros(DEEPEST, np.bool_)
    is_text = np.zeros(DEEPEST, np.bool_)
    rows = texts = at = 0
    offsets[0] = row_texts[0] = 0
    bad = -1
    i = start
    while i < end:
        depth = 0
        skipped_below = DEEPEST
        expects_key = False
        lines[rows] = i
        sources[rows] = -1
        is_source = False
        opened = False
        fits = True
        while i < end and data[i] != NEWLINE:
            byte = data[i]
            i += 1
            if byte == QUOTE:
                if expects_key:
                    key = HASH_START
                    while i < end and data[i] != QUOTE and data[i] != NEWLINE:
                        key = (key ^ np.uint64(data[i])) * HASH_STEP
                        i += 2 if data[i] == BACKSLASH else 1
                    is_text[depth] = contains(TEXT_HASHES, key)
                    if skipped_below == DEEPEST and contains(SKIPPED_HASHES, key):
                        skipped_below = depth
                    is_source = depth == 1 and key == SOURCE_HASH
                    expects_key = False
                elif is_source and depth == 1:
                    sources[rows] = i
                    is_source = False
                    i = string_end(data, i, end)
                elif is_text[depth] and skipped_below == DEEPEST and depth > 0:
                    i, at = unescape(data, i, end, out, at)
                    texts += 1
                    offsets[texts] = at
                else:
                    i = string_end(data, i, end)
                fits = fits and i < end
                i += 1
            elif byte in (OPEN_OBJECT, OPEN_LIST):
                depth += 1
                if depth == DEEPEST:
                    fits = False
                    depth -= 1
                opened = True
                is_object[depth] = byte == OPEN_OBJECT
                is_text[depth] = is_text[depth - 1] and byte == OPEN_LIST
                expects_key = is_object[depth]
            elif byte in (CLOSE_OBJECT, CLOSE_LIST):
                depth -= 1
                if depth < 0:
                    fits = False
                    depth = 0
                expects_key = False
                if depth <= skipped_below:
                    skipped_below = DEEPEST if depth < skipped_below else skipped_below
            elif byte == COMMA:
                expects_key = is_object[depth] and depth > 0
                if depth == skipped_below:
                    skipped_below = DEEPEST
            elif not SCALAR[byte]:
                fits = False
        i += 1
        if depth != 0 or not fits:
            texts = row_texts[rows]
            at = offsets[texts]
            if bad < 0:
                bad = rows
        if opened or depth != 0 or not fits:
            rows += 1
            row_texts[rows] = texts
    return rows, bad


@kernel
def source_keys(data, places, keys):
    """A hash of the JSON string that starts at each place."""
    for i in range(len(places)):
        end = string_end(data, places[i], len(data))
        key = HASH_START
        for j in range(places[i], end):
            key = (key ^ np.uint64(data[j])) * HASH_STEP
        keys[i] = key
    return keys
