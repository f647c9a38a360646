"""Character encoding detection: a byte order mark, UTF-8 where the bytes are that, else a guess.

Excel writes "Unicode text" as UTF-16 with a mark, and "CSV" in the code page of its country, which
nothing in the file names; chardet guesses it from how often bytes stand beside each other.
"""

import codecs
from collections.abc import Iterator
from itertools import islice
from typing import IO

from dataengine.errors import UserError

BLOCK = 1 << 20
ASCII = bytes(range(128))
BOMS = {  # the longer ones first: UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
GUESSED_FROM = 2_000
"""Lines with characters outside ASCII that are enough to guess from."""
SURE, CLEARLY = 0.4, 0.1
"""chardet's confidence from which another code page than Windows-1252 is believed, if it is also
so much above that of Windows-1252."""


def encoding(stream: IO[bytes], file: str) -> str:
    """The encoding of a text, read to its end.

    Where more bytes outside ASCII are well-formed UTF-8 than are not, it is UTF-8, with records
    that are broken.

    Raises:
        UserError: nothing that is known fits.
    """
    first = stream.read(BLOCK)
    for mark, name in BOMS.items():
        if first.startswith(mark):
            return name
    if first[:4096].count(0) > len(first[:4096]) // 4:
        return _wide(first[:4096], file)
    strange: list[bytes] = []
    formed = broken = 0
    for lines in _line_blocks(first, stream):
        high = _high(lines)
        well = _high(lines.decode("utf-8", "ignore").encode()) if high else 0
        formed, broken = formed + well, broken + high - well
        if well < high:
            found = (line for line in lines.splitlines(keepends=True) if not line.isascii())
            strange += islice(found, GUESSED_FROM - len(strange))
    return "utf-8" if formed >= broken else _guessed(b"".join(strange), file)


def _high(text: bytes) -> int:
    """How many bytes are outside ASCII."""
    return len(text.translate(None, ASCII))


def _line_blocks(first: bytes, stream: IO[bytes]) -> Iterator[bytes]:
    """Blocks that end where a line does, so that no character is cut."""
    block = first
    while block:
        yield block + stream.readline()
        block = stream.read(BLOCK)


def _wide(sample: bytes, file: str) -> str:
    """UTF-16 without its mark: every other byte of plain letters is zero."""
    for name, place in (("utf-16-le", 1), ("utf-16-be", 0)):
        if sample[place::2].count(0) == sample.count(0):
            return name
    raise UserError(f"{file}: holds zero bytes, so it is no text; save it again as CSV UTF-8")


def _guessed(sample: bytes, file: str) -> str:
    import chardet

    told = {one["encoding"]: one["confidence"] for one in reversed(chardet.detect_all(sample))}
    western = told.pop("WINDOWS-1252", 0.0)
    name, confidence = max(told.items(), key=lambda one: one[1], default=(None, 0.0))
    if name and confidence >= max(SURE, western + CLEARLY):
        return {"SHIFT_JIS": "cp932"}.get(name, codecs.lookup(name).name)
    try:
        sample.decode("cp1252")
    except UnicodeDecodeError:
        raise UserError(
            f"{file}: its encoding cannot be told (not UTF-8 or UTF-16, nor surely a code page); "
            "save it again as CSV UTF-8"
        ) from None
    return "cp1252"
