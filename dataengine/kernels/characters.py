"""Character classes of bytes: what is a letter, a digit, an operator; blanks and layout marks."""

import numpy as np

from dataengine.kernels.jit import inlined, part

OPERATORS = "+-*/=<>^%&|~"
# Classes of ASCII bytes in folded text; a byte of 128 and more is always part of a letter.
SEPARATOR_BYTE, LETTER_BYTE, DIGIT_BYTE, OPERATOR_BYTE, APOSTROPHE_BYTE, POINT_BYTE = range(6)
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
HYPHEN, POINT, ZERO, NINE = ord("-"), ord("."), ord("0"), ord("9")
SPACE, NEWLINE, TABULATOR, RETURN, GREATER, EQUALS = map(ord, " \n\t\r>=")
# Operators that may be marks of layout at the beginning of a line.
MARK = np.zeros(256, np.bool_)
MARK[list(b"+-*/>%|~")] = True
LONGEST_EQUALS = 3  # more equal signs are a line drawn, not an operator


@inlined
def is_digit(byte):
    """Whether a byte is an ASCII digit."""
    return ZERO <= byte <= NINE


@inlined
def is_blank(byte):
    """Whether a byte is white space within a line."""
    return byte in (SPACE, TABULATOR, RETURN)


@part
def is_operator_hyphen(data, i, start, end):
    """A hyphen is an operator, as in `x-1`, unless it joins words: `well-known`, `16-yard`."""
    if i == start or i + 1 >= end:
        return True
    before, after = BYTE_CLASS[data[i - 1]], BYTE_CLASS[data[i + 1]]
    if before not in (LETTER_BYTE, DIGIT_BYTE) or after not in (LETTER_BYTE, DIGIT_BYTE):
        return True
    two_before = i - 2 >= start and BYTE_CLASS[data[i - 2]] == LETTER_BYTE
    two_after = i + 2 < end and BYTE_CLASS[data[i + 2]] == LETTER_BYTE
    return not ((before == LETTER_BYTE and two_before) or (after == LETTER_BYTE and two_after))


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


@part
def joins_digits(data, i, end):
    """A point or comma at `i`, after a digit, that belongs to the number: `3.14`, `1,000`."""
    if i + 1 >= end or BYTE_CLASS[data[i + 1]] != DIGIT_BYTE:
        return False
    if data[i] == POINT:
        return True
    group = 1
    while i + 1 + group < end and BYTE_CLASS[data[i + 1 + group]] == DIGIT_BYTE:
        group += 1
    return group == 3
