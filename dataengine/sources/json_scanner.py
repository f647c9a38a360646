"""JSON scanner: strict kernels that skip a value or copy a text, byte by byte, without an object.

Each takes the bytes, where something starts and where its line ends, and returns where it ends, or
UNUSUAL. WIDTH more bytes must follow the line; a byte that ends no value stands at its end.
"""

import numpy as np

from dataengine.kernels.jit import inlined, part
from dataengine.kernels.simd import WIDTH, copy64, escaped64, trailing_zeros
from decontam.io.jsonl import ESCAPED, HASH_START, HASH_STEP, hex_code, put_utf8

DEEPEST = 60
LONGEST_NUMBER, LONGEST_FRACTION, LONGEST_EXPONENT = 17, 40, 2
"""What is deeper, or holds numbers of more digits, is left to a parser that knows all of JSON."""
NULL, EMPTY, SAYS = range(3)
"""What a value says: nothing at all, nothing, something."""
UNUSUAL = -1
"""In place of an index: what was read is no JSON, or more unusual than is known here."""

HEX, LETTER = np.zeros(256, np.bool_), np.zeros(256, np.bool_)
HEX[list(b"0123456789abcdefABCDEF")] = True
LETTER[list(b'"\\/bfnrt')] = True
TRUE, FALSE, NOTHING = (np.frombuffer(word, np.uint8) for word in (b"true", b"false", b"null"))
QUOTE, BACKSLASH, COLON, COMMA, MINUS, PLUS, POINT = (ord(c) for c in '"\\:,-+.')
OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST = (ord(c) for c in "{}[]")
LETTER_U, LETTER_E = ord("u"), ord("e")
ZERO, NINE = ord("0"), ord("9")


@inlined
def skip_space(data, i):
    """The next place that holds no white space."""
    while data[i] == 32 or data[i] == 9 or data[i] == 13:
        i += 1
    return i


@inlined
def escaped_length(data, i):
    """Bytes of the escape that starts at `i`, UNUSUAL for one that a text cannot hold."""
    if data[i + 1] != LETTER_U:
        return 2 if LETTER[data[i + 1]] else UNUSUAL
    for k in range(2, 6):
        if not HEX[data[i + k]]:
            return UNUSUAL
    code = hex_code(data, i + 2)
    if code == 0 or 0xDC00 <= code < 0xE000:
        return UNUSUAL
    if code < 0xD800 or code >= 0xDC00:
        return 6
    if data[i + 6] != BACKSLASH or data[i + 7] != LETTER_U:
        return UNUSUAL
    for k in range(8, 12):
        if not HEX[data[i + k]]:
            return UNUSUAL
    return 12 if 0xDC00 <= hex_code(data, i + 8) < 0xE000 else UNUSUAL


@part
def skip_string(data, i, end):
    """The closing quote of the string whose content starts at `i`."""
    while i < end:
        plain = trailing_zeros(escaped64(data, i))
        i += plain
        if plain == WIDTH:
            continue
        if i >= end or data[i] < 32:
            return UNUSUAL
        if data[i] == QUOTE:
            return i
        length = escaped_length(data, i)
        if length < 0:
            return UNUSUAL
        i += length
    return UNUSUAL


@part
def take_string(data, i, end, out, at):
    """Copy a string unescaped to `out[at:]`; returns its closing quote and where the copy ends."""
    while i < end:
        copy64(data, i, out, at)
        plain = trailing_zeros(escaped64(data, i))
        i += plain
        at += plain
        if plain == WIDTH:
            continue
        if i >= end or data[i] < 32:
            break
        if data[i] == QUOTE:
            return i, at
        length = escaped_length(data, i)
        if length < 0:
            break
        if length == 2:
            out[at] = ESCAPED[data[i + 1]]
            at += 1
        else:
            code = hex_code(data, i + 2)
            if length == 12:
                code = 0x10000 + ((code - 0xD800) << 10) + (hex_code(data, i + 8) - 0xDC00)
            at = put_utf8(out, at, code)
        i += length
    return UNUSUAL, at


@part
def digits(data, i, most):
    """The place after one or more digits, and no more than `most`."""
    first = i
    while ZERO <= data[i] <= NINE:
        i += 1
    return i if 0 < i - first <= most else UNUSUAL


@part
def skip_number(data, i):
    """The place after a JSON number, UNUSUAL where there is none."""
    i += data[i] == MINUS
    zero, first = data[i] == ZERO, i
    i = digits(data, i, LONGEST_NUMBER)
    if i < 0 or (zero and i > first + 1):
        return UNUSUAL
    if data[i] == POINT:
        i = digits(data, i + 1, LONGEST_FRACTION)
    if i >= 0 and data[i] | 32 == LETTER_E:
        i += 1
        i = digits(data, i + (data[i] == MINUS or data[i] == PLUS), LONGEST_EXPONENT)
    return i


@part
def is_word(data, i, word):
    """Whether a literal (`true`, `false`, `null`) stands at a place."""
    same = True
    for k in range(len(word)):
        same &= data[i + k] == word[k]
    return same


@part
def skip_scalar(data, i, end):
    """The place after a text, number, true, false or null."""
    if data[i] == QUOTE:
        close = skip_string(data, i + 1, end)
        return close + 1 if close >= 0 else UNUSUAL
    if data[i] == MINUS or ZERO <= data[i] <= NINE:
        return skip_number(data, i)
    if is_word(data, i, TRUE) or is_word(data, i, NOTHING):
        return i + 4
    return i + 5 if is_word(data, i, FALSE) else UNUSUAL


@inlined
def hashed(data, first, last):
    """The hash of a key or role, as `key_hashes` makes it."""
    state = HASH_START
    for k in range(first, last):
        state = (state ^ np.uint64(data[k])) * HASH_STEP
    return state


@part
def take_key(data, i, end):
    """A key and its colon: the key's hash, its bounds, and where its value starts."""
    if data[i] != QUOTE:
        return HASH_START, 0, 0, UNUSUAL
    first = i + 1
    last = skip_string(data, first, end)
    if last < 0:
        return HASH_START, 0, 0, UNUSUAL
    for k in range(first, last):
        if data[k] == BACKSLASH:
            return HASH_START, 0, 0, UNUSUAL
    i = skip_space(data, last + 1)
    return (
        hashed(data, first, last),
        first,
        last,
        (skip_space(data, i + 1) if data[i] == COLON else UNUSUAL),
    )


@part
def skip_value(data, i, end):
    """The place after any value, which starts at `i`."""
    depth, objects = 0, np.uint64(0)
    while True:
        opens_object = data[i] == OPEN_OBJECT
        if opens_object or data[i] == OPEN_LIST:
            depth += 1
            if depth > DEEPEST:
                return UNUSUAL
            objects = objects << np.uint64(1) | np.uint64(opens_object)
            i = skip_space(data, i + 1)
            if data[i] != (CLOSE_OBJECT if opens_object else CLOSE_LIST):
                if opens_object:
                    _, _, _, i = take_key(data, i, end)
                    if i < 0:
                        return UNUSUAL
                continue
        else:
            i = skip_scalar(data, i, end)
            if i < 0:
                return UNUSUAL
        while True:
            if depth == 0:
                return i
            i = skip_space(data, i)
            in_object = objects & np.uint64(1) == np.uint64(1)
            if data[i] == COMMA:
                i = skip_space(data, i + 1)
                if in_object:
                    _, _, _, i = take_key(data, i, end)
                    if i < 0:
                        return UNUSUAL
                break
            if data[i] != (CLOSE_OBJECT if in_object else CLOSE_LIST):
                return UNUSUAL
            i += 1
            depth -= 1
            objects >>= np.uint64(1)


@part
def says(data, i, end):
    """What the value from `i` to `end` says."""
    if is_word(data, i, NOTHING):
        return NULL
    if data[i] == QUOTE:
        return EMPTY if end == i + 2 else SAYS
    if data[i] == OPEN_OBJECT or data[i] == OPEN_LIST:
        return EMPTY if skip_space(data, i + 1) == end - 1 else SAYS
    return SAYS


@inlined
def after_value(data, i, close):
    """Whether a list or object ends after a value, and where its next one starts or it ends."""
    i = skip_space(data, i)
    if data[i] == COMMA:
        return False, skip_space(data, i + 1)
    return True, (i + 1 if data[i] == close else UNUSUAL)
