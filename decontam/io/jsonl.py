"""JSON scanner: texts straight from raw JSONL bytes, without a Python object for each row.

`walk` finds the strings of a parsed row that `dataengine.rows.texts` calls text, in the same order,
and unescapes them side by side, which is what Arrow's string columns look like; `read_json_inside`
adds those that stand in texts that are JSON themselves.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataengine.kernels.jit import inlined, kernel, part
from dataengine.kernels.packed import Bytes, Offsets, read_only
from dataengine.kernels.simd import WIDTH, among64, copy64, trailing_zeros
from dataengine.rows.texts import DEEPEST as DEEPEST_TEXT
from dataengine.rows.texts import ID_SUFFIX, STRUCTURE

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


def key_hashes(keys):
    """The hashes of keys, for `walk` and `read_json_inside`."""
    return np.array([_key_hash(key) for key in keys], np.uint64)


STRUCTURE_HASHES = key_hashes(STRUCTURE)
NO_KEY = HASH_START
"""The key of a text that stands under none, in a list of its own."""
SUFFIX = sum(byte << 8 * (len(ID_SUFFIX) - 1 - i) for i, byte in enumerate(ID_SUFFIX.encode()))
SUFFIX_MASK = (1 << 8 * len(ID_SUFFIX)) - 1

SOURCE_HASH = np.uint64(_key_hash("source"))
# What may stand outside strings besides brackets, commas: numbers, true, false, null, space, colon.
SCALAR = np.zeros(256, np.bool_)
SCALAR[[ord(c) for c in "0123456789+-.eE" + "truefalsn" + " \t\r:"]] = True
# Python writes these; they are read as JavaScript would.
SCALAR[[ord(c) for c in "NaInfinity"]] = True


@inlined
def stops64(data, i):
    """Of 64 bytes, a bit for each that ends plain JSON text: a quote, a backslash, a newline."""
    return among64(data, i, '"\\\n')


@inlined
def plain_length(data, i, end):
    """How many bytes from `i` hold no quote, backslash or newline, as far as one look reaches."""
    if i + WIDTH <= end:
        return trailing_zeros(stops64(data, i))
    length = 0
    while i + length < end and not is_stop(data[i + length]):
        length += 1
    return length


@inlined
def is_stop(byte):
    """Whether a byte ends a run of plain bytes in a string."""
    return byte in (QUOTE, BACKSLASH, NEWLINE)


@inlined
def string_end(data, i, end):
    """The closing quote of the JSON string whose content starts at `i`; where it does not close,
    the end of its line, or `end`."""
    while i < end:
        i += plain_length(data, i, end)
        if i < end and (data[i] == QUOTE or data[i] == NEWLINE):
            return i
        if i < end and data[i] == BACKSLASH:
            i += 1
            i += i < end and data[i] != NEWLINE
    return end


@part
def hex_code(data, i):
    """The code of four hexadecimal digits."""
    return HEX[data[i]] << 12 | HEX[data[i + 1]] << 8 | HEX[data[i + 2]] << 4 | HEX[data[i + 3]]


@inlined
def unescape(data, i, end, out, at):
    """Copy the string whose content starts at `i` unescaped to `out[at:]`.

    Returns (its closing quote or, where it does not close, the end of its line or `end`; the index
    after what was written). `out` needs WIDTH bytes more than the string. A lone surrogate is
    written as its three bytes, as Python's "surrogatepass" does.
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
        if data[i] == QUOTE or data[i] == NEWLINE:
            return i, at
        if data[i] != BACKSLASH:
            continue
        if i + 1 >= end:
            break
        letter = data[i + 1]
        if letter == NEWLINE:
            return i + 1, at
        if letter != LETTER_U:
            out[at] = ESCAPED[letter]
            i += 2
            at += 1
            continue
        if i + 6 > end:
            break
        for k in range(2, 6):
            if data[i + k] == NEWLINE:
                return i + k, at
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
    """Write a code point in UTF-8; returns where the next goes."""
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
    """Whether a hash is among some."""
    found = False
    for i in range(len(hashes)):
        found |= hashes[i] == key
    return found


class Walked(NamedTuple):
    """What `walk` fills. Texts: bytes, bounds, hash of the key, where the key starts. Rows: bounds
    among the texts, where its line starts, its line's number from 1, where its own "source" string
    starts or -1."""

    out: Bytes
    offsets: Offsets
    keys: NDArray[np.uint64]
    places: Offsets
    row_texts: Offsets
    lines: Offsets
    numbers: Offsets
    sources: Offsets


def walked(size: int, array: Callable[..., NDArray[Any]] | None = None) -> Walked:
    """Buffers for what `walk` finds in so many bytes; `array(name, size, type)` lends it."""
    lend: Any = array or (lambda name, size, kind: np.empty(size, kind))
    # A text costs at least its two quotes and a comma; a broken row one character and a newline.
    most = size // 2 + 2
    bounds = ("offsets", "places", "row_texts", "lines", "numbers", "sources")
    return Walked(
        out=np.empty(size + 2 * WIDTH, np.uint8),
        keys=lend("keys", most, np.uint64),
        **{name: lend(name, most, np.int64) for name in bounds},
    )


@kernel
def walk(data, start, end, keys, found):
    """The texts of the rows in `data[start:end]`, whole lines of JSONL, into `found`.

    A string is text unless its key, or one that it stands under, says something about the record
    (`keys`). Returns (rows, first bad line or -1). A line is bad, and has no texts, where its
    brackets or strings do not close or a value is no JSON; no more of JSON's grammar is checked.
    """
    out, offsets, row_texts = found.out, found.offsets, found.row_texts
    is_object = np.zeros(DEEPEST, np.bool_)
    key_at = np.zeros(DEEPEST, np.int64)
    key_of = np.zeros(DEEPEST, np.uint64)
    rows = texts = at = number = 0
    offsets[0] = row_texts[0] = 0
    bad = -1
    i = start
    while i < end:
        depth = 0
        skipped_below = DEEPEST
        expects_key = False
        number += 1
        found.lines[rows] = i
        found.numbers[rows] = number
        found.sources[rows] = -1
        key_of[0] = HASH_START
        is_source = False
        opened = False
        fits = True
        while i < end and data[i] != NEWLINE:
            byte = data[i]
            i += 1
            if byte == QUOTE:
                if expects_key:
                    key = HASH_START
                    last = 0
                    key_at[depth] = i
                    while i < end and data[i] != QUOTE and data[i] != NEWLINE:
                        key = (key ^ np.uint64(data[i])) * HASH_STEP
                        last = (last << 8 | data[i]) & SUFFIX_MASK
                        i += 1
                        if data[i - 1] == BACKSLASH:
                            i += i < end and data[i] != NEWLINE
                    key_of[depth] = key
                    if skipped_below == DEEPEST and leaves_out(keys, key, last):
                        skipped_below = depth
                    is_source = depth == 1 and key == SOURCE_HASH
                    expects_key = False
                elif is_source and depth == 1:
                    found.sources[rows] = i
                    is_source = False
                    i = string_end(data, i, end)
                elif skipped_below == DEEPEST and depth > 0:
                    i, at = unescape(data, i, end, out, at)
                    found.keys[texts] = key_of[depth]
                    found.places[texts] = key_at[depth]
                    texts += 1
                    offsets[texts] = at
                else:
                    i = string_end(data, i, end)
                closed = i < end and data[i] == QUOTE
                fits = fits and closed
                i += closed
            elif byte in (OPEN_OBJECT, OPEN_LIST):
                depth += 1
                if depth == DEEPEST:
                    fits = False
                    depth -= 1
                opened = True
                is_object[depth] = byte == OPEN_OBJECT
                key_of[depth] = key_of[depth - 1]
                key_at[depth] = key_at[depth - 1]
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


class KeyHashes(NamedTuple):
    """Keys by their hashes: those that are no text, and those that are, however they end."""

    skipped: NDArray[np.uint64]
    named: NDArray[np.uint64]


@inlined
def leaves_out(keys, key, last):
    """Whether a key says something about the record; `last` are its last bytes."""
    return contains(keys.skipped, key) or (last == SUFFIX and not contains(keys.named, key))


@kernel
def find_json(data, offsets, which):
    """The texts that begin and end as a JSON object or list with something in it does, into
    `which`; returns how many, and their bytes with one for each line's end."""
    found = size = 0
    for text in range(len(offsets) - 1):
        first, last = offsets[text], offsets[text + 1] - 1
        while first < last and is_blank(data[first]):
            first += 1
        while last > first and is_blank(data[last]):
            last -= 1
        if last - first < 3 or not (
            (data[first] == OPEN_OBJECT and data[last] == CLOSE_OBJECT)
            or (data[first] == OPEN_LIST and data[last] == CLOSE_LIST)
        ):
            continue
        first += 1
        while is_blank(data[first]):
            first += 1
        if data[first] in (QUOTE, OPEN_OBJECT, OPEN_LIST):
            which[found] = text
            found += 1
            size += offsets[text + 1] - offsets[text] + 1
    return found, size


@inlined
def is_blank(byte):
    """Whether a byte is JSON's white space."""
    return byte == 32 or byte == 9 or byte == 10 or byte == 13


@kernel
def lines_of(data, offsets, which, block):
    """Texts as lines of JSONL: a newline in JSON text is a blank."""
    at = 0
    for text in which:
        for i in range(offsets[text], offsets[text + 1]):
            block[at] = 32 if data[i] == NEWLINE else data[i]
            at += 1
        block[at] = NEWLINE
        at += 1


@kernel
def interleave(found, which, structure, inner, inner_of, merged):
    """Texts with those that were found inside of some (`which`) behind them, into `merged`.

    Text which[n] holds the texts inner_of[n] to inner_of[n + 1] of `inner`; it goes itself where
    its key is one of `structure` and it holds any.
    """
    data, offsets, keys, row_texts = found.data, found.offsets, found.keys, found.row_texts
    at = texts = n = row = 0
    merged.offsets[0] = merged.row_texts[0] = 0
    for text in range(len(offsets) - 1):
        while row_texts[row + 1] <= text:
            row += 1
            merged.row_texts[row] = texts
        held = n < len(which) and which[n] == text
        first = inner_of[n] if held else 0
        last = inner_of[n + 1] if held else 0
        if last == first or not contains(structure, keys[text]):
            for i in range(offsets[text], offsets[text + 1]):
                merged.out[at] = data[i]
                at += 1
            merged.keys[texts] = keys[text]
            texts += 1
            merged.offsets[texts] = at
        for t in range(first, last):
            for i in range(inner.offsets[t], inner.offsets[t + 1]):
                merged.out[at] = inner.out[i]
                at += 1
            merged.keys[texts] = keys[text]
            texts += 1
            merged.offsets[texts] = at
        n += held
    while row + 1 < len(row_texts):
        row += 1
        merged.row_texts[row] = texts
    return texts


class Texts(NamedTuple):
    """Texts in row order: bytes, their bounds, each text's key as a hash, each row's bounds."""

    data: Bytes
    offsets: Offsets
    keys: NDArray[np.uint64]
    row_texts: Offsets


def read_json_inside(found: Texts, keys: KeyHashes, deepest: int = DEEPEST_TEXT) -> Texts:
    """`found` with the texts of the JSON that some of its texts are, behind those and under the
    same key."""
    which = np.empty(len(found.offsets) - 1, np.int64)
    data = read_only(found.data)
    held, size = find_json(data, found.offsets, which) if deepest else (0, 0)
    if not held:
        return found
    which = which[:held]
    block = np.empty(size, np.uint8)
    lines_of(data, found.offsets, which, block)
    inside = walked(size)
    rows, _ = walk(read_only(block), 0, size, keys, inside)
    assert rows == held, "each text is one line of JSON, broken or not"
    texts = read_json_inside(of_walk(inside, rows), keys, deepest - 1)
    inner = inside._replace(
        out=texts.data, offsets=texts.offsets, keys=texts.keys, row_texts=texts.row_texts
    )
    most = len(found.offsets) + len(texts.offsets)
    merged = walked(0)._replace(
        out=np.empty(len(found.data) + len(texts.data) + 2 * WIDTH, np.uint8),
        offsets=np.empty(most, np.int64),
        keys=np.empty(most, np.uint64),
        row_texts=np.empty(len(found.row_texts), np.int64),
    )
    read = found._replace(data=data)
    count = interleave(read, which, STRUCTURE_HASHES, inner, texts.row_texts, merged)
    return Texts(merged.out, merged.offsets[: count + 1], merged.keys[:count], merged.row_texts)


def of_walk(found: Walked, rows: int) -> Texts:
    """The texts of so many rows that `walk` found."""
    texts = int(found.row_texts[rows])
    return Texts(
        found.out, found.offsets[: texts + 1], found.keys[:texts], found.row_texts[: rows + 1]
    )


MOST_KEYS = 256
"""So many different keys of a batch are told apart; a list beats a table for the usual ten."""


@kernel
def count_keys(keys, known, first, counts):
    """The different keys, the first text of each, and how many texts there are of it; returns how
    many keys. What is beyond `MOST_KEYS` is counted with the last."""
    held = 0
    last = 0
    for text in range(len(keys)):
        key = keys[text]
        if held == 0 or known[last] != key:
            last = 0
            while last < held and known[last] != key:
                last += 1
            last = min(last, MOST_KEYS - 1)
            if last == held:
                known[held] = key
                first[held] = text
                counts[held] = 0
                held += 1
        counts[last] += 1
    return held


def counted(keys: NDArray[np.uint64]) -> tuple[list[int], list[int], list[int]]:
    """Keys by their hashes, the first text of each, and how many texts it has."""
    known, first = np.empty(MOST_KEYS, np.uint64), np.empty(MOST_KEYS, np.int64)
    counts = np.empty(MOST_KEYS, np.int64)
    held = count_keys(read_only(keys), known, first, counts)
    return known[:held].tolist(), first[:held].tolist(), counts[:held].tolist()


def name_keys(data: Bytes, found: Walked, texts: int, names: dict[int, str]) -> None:
    """Add to `names` the keys of texts that are not there yet, by their hashes."""
    for key, text, _ in zip(*counted(found.keys[:texts]), strict=True):
        if key not in names:
            start = end = int(found.places[text])
            while data[end] != QUOTE:
                end += 2 if data[end] == BACKSLASH else 1
            names[key] = data[start:end].tobytes().decode("utf-8", "replace")


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
