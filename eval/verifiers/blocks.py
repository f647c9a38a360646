"""Fenced code blocks of a reply (CommonMark 0.31, 4.5), and the JSON that it may hold."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_OPENS = re.compile(
    r"^(?P<indent>[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?)[^\n`~]*?(?P<fence>`{3,}|~{3,})[ \t]*"
    r"(?P<tag>[\w.+#-]*)[^\n`]*$",
    re.MULTILINE,
)


_DECODER = json.JSONDecoder()
_MOST_OBJECTS = 200


class Block(NamedTuple):
    """A fenced block: its tag in small letters, and its lines without the fence's indentation."""

    tag: str
    text: str


def blocks(text: str) -> list[Block]:
    """Every fenced block, in order: indented ones, ones in a list item, ones that open behind
    words in the same line, and a last one that never closes."""
    found: list[Block] = []
    at = 0
    while opens := _OPENS.search(text, at):
        start = opens.end() + 1
        mark = opens["fence"]
        closes = re.compile(
            rf"^[ \t]*{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$|(?<=\S){re.escape(mark)}[ \t]*$",
            re.MULTILINE,
        ).search(text, start)
        end = closes.start() if closes else len(text)
        width = len(opens["indent"].expandtabs(4))
        lines = [_outdented(line, width) for line in text[start:end].splitlines(keepends=True)]
        found.append(Block(opens["tag"].casefold(), "".join(lines)))
        at = closes.end() if closes else len(text)
    return found


def _outdented(line: str, width: int) -> str:
    blank = re.match(rf"[ ]{{0,{width}}}", line)
    return line[blank.end() if blank else 0 :]


def json_value(text: str) -> Any:
    """The JSON value of a reply: the whole of it, or that of its last fenced block.

    Raises:
        ValueError: it has none; NaN, Infinity and -Infinity are not JSON (RFC 8259, section 6).
        RecursionError: it nests too deep.
    """
    try:
        return strict_json(text)
    except ValueError:
        fenced = [block for block in blocks(text) if block.tag in ("", "json")]
        if not fenced:
            raise
        return strict_json(fenced[-1].text)


def json_texts(text: str) -> Iterator[str]:
    """Where a reply that should be JSON may hold it, likeliest first: the whole of it, its fenced
    blocks from the last, the objects in its prose from the longest."""
    yield text
    for block in reversed(blocks(text)):
        if block.tag in ("", "json", "jsonc"):
            yield block.text
    found: list[str] = []
    at, tries = text.find("{"), 0
    while at >= 0:
        tries += 1
        try:
            end = _DECODER.raw_decode(text, at)[1]
            found.append(text[at:end])
        except (ValueError, RecursionError):
            end = at + 1
        at = text.find("{", end) if tries < _MOST_OBJECTS else -1
    yield from sorted(found, key=len, reverse=True)


def strict_json(text: str) -> Any:
    """`json.loads` without the three names that JSON does not have."""
    return json.loads(text, parse_constant=_refused)


def _refused(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
