"""Kernels that only kernels call, for tests to call."""

import re
from collections.abc import Callable
from typing import Any

import numba

from dataengine.kernels import folding


def from_python(part: Callable) -> Callable:
    """`part` behind an entry of its own; signed integers become what other kernels pass."""

    @numba.njit
    def entry(*arguments: Any) -> Any:
        return part(*arguments)

    return entry


ESCAPED = re.compile(
    r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\n(?![a-z])"
)


def _unescaped(found: re.Match[str]) -> str:
    high, low, code = found.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00))
    return chr(int(code, 16)) if code else "\n"


def plain_fold(text: str) -> str:
    """What `folding.fold` makes of a text, in Python that is plain rather than fast."""
    out, before = "", 0
    for character in ESCAPED.sub(_unescaped, text):
        code = ord(character)
        if code >= folding.TABLE_SIZE:
            continue
        if code < 128:
            out += " " * (before > 0 and character.isdigit()) + character
            before = 0
            continue
        surrogate = 0xD800 <= code < 0xE000
        kind = 0 if surrogate else folding.fold_kind(character)
        if kind == folding.RAISED and before != folding.RAISED:
            out += "^"
        elif kind == folding.APART and before == 0 and out[-1:].isascii() and out[-1:].isdigit():
            out += " "
        before = kind
        folded = " " if surrogate else folding.fold_character(character)
        out += folded.encode()[:8].decode(errors="ignore")
    return out
