"""Fingerprints: 128 bits of a text without regard to case, layout and Unicode form.

Unicode's NFKC takes `2³` for `23`, so powers and indices are written out first (`2^3`). White space
is layout, except the indentation of lines: without it, Python is another program.
"""

import re
import unicodedata

import numpy as np

from dataengine.dedup.texts import Texts, joined
from dataengine.kernels.jit import kernel, part

NEWLINE, TABULATOR, BLANK = ord("\n"), ord("\t"), ord(" ")
FIRST, SECOND = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


RAISED, LOWERED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎"
FORM = re.compile(rf"([{RAISED}]+)|([{LOWERED}]+)|(?<=\d)(?=[¼-¾⅐-⅞])")
INDENTED = re.compile(r"^(?: {2}|\t)[ \t]*\S", re.MULTILINE)
TAB, LINE, INDENT = 4, "\0", "\1"
"""Columns of a tab, and what stands for a line's end and for each column of its indentation."""


def normalised(text: str) -> str:
    """The text in lower case and NFKC, with every run of white space as one blank.

    Where lines are indented, each stays a line with its indentation, less what all have in common.
    """
    text = unicodedata.normalize("NFKC", FORM.sub(_written, text)).lower()
    if not INDENTED.search(text):
        return " ".join(text.split())
    lines = [line.expandtabs(TAB) for line in text.split("\n") if line.strip()]
    indents = [len(line) - len(line.lstrip()) for line in lines]
    return LINE.join(
        INDENT * (indent - min(indents)) + " ".join(line.split())
        for line, indent in zip(lines, indents, strict=True)
    )


def _written(form: re.Match[str]) -> str:
    raised, lowered = form.groups()
    return f"^{raised}" if raised else f"_{lowered}" if lowered else " "


def fingerprints(texts: Texts) -> np.ndarray:
    """Two numbers (uint64) a row, shape (rows, 2); both are zero where there is no text at all.

    A kernel reads plain ASCII without indented lines; a row with anything else is normalised here
    first.
    """
    found = np.zeros((len(texts.rows) - 1, 2), np.uint64)
    plain = np.zeros(len(found), np.bool_)
    fingerprint_ascii(texts, found, plain)
    for row in np.flatnonzero(~plain).tolist():
        data = np.frombuffer(normalised(joined(texts, row)).encode("utf-8", "replace"), np.uint8)
        first, second, _ = fingerprint_bytes(data, 0, len(data), False, FIRST, SECOND)
        if len(data):
            found[row, 0], found[row, 1] = first, second
    return found


@kernel
def fingerprint_bytes(data, start, end, blank, first, second):
    """Continue two hashes over ASCII text (or text already normalised).

    `blank` says that white space came before: it counts once, and only before more text.
    Returns both hashes and the new `blank`.
    """
    for i in range(start, end):
        c = np.uint64(data[i])
        if c == 32 or 9 <= c <= 13 or 28 <= c <= 31:
            blank = True
            continue
        if blank and first != FIRST:
            first = (first ^ np.uint64(32)) * FIRST
            second = (second ^ np.uint64(32)) * SECOND
        blank = False
        if 65 <= c <= 90:
            c += np.uint64(32)
        first = (first ^ c) * FIRST
        second = (second ^ c) * SECOND
    return first, second, blank


@part
def starts_indented(data, i, end):
    """Whether a line that begins at `i` may be indented: a tab, or two blanks."""
    if data[i] == BLANK and i + 1 < end:
        return data[i + 1] == BLANK
    return data[i] == TABULATOR


@kernel
def fingerprint_ascii(texts, found, plain):
    """Fingerprint every row that is plain ASCII, and say in `plain` which rows are."""
    for row in range(len(plain)):
        first, second, bits, indented = FIRST, SECOND, np.uint8(0), False
        for piece in range(texts.rows[row], texts.rows[row + 1]):
            start, end = texts.starts[piece], texts.ends[piece]
            for i in range(start, end):
                bits |= texts.data[i]
                if i == start or texts.data[i - 1] == NEWLINE:
                    indented |= starts_indented(texts.data, i, end)
            first, second, _ = fingerprint_bytes(texts.data, start, end, True, first, second)
        plain[row] = bits < 128 and not indented
        if plain[row] and first != FIRST:
            found[row, 0], found[row, 1] = first, second
