"""Delimited text (CSV, TSV): its rows, numbered as a spreadsheet numbers them, each with its text.

Parsing is strict: a quote that is never closed would else swallow every row after it.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from typing import IO, NamedTuple

from dataengine.errors import UserError
from dataengine.rows.dialect import NAMED, Dialect

LONGEST_NAME = 100
"""Characters of a column's name; a longer one is the text of a row."""


class Line(NamedTuple):
    """One row. `number`: the header's is 1; blank ones count; a first line `sep=;` is 0."""

    number: int
    fields: list[str]
    text: str
    """It as it stands in the file, with its end of line."""
    trouble: str | None = None


def lines(stream: IO[bytes], how: Dialect, longest: int) -> Iterator[Line]:
    """The rows of a file; `longest`: characters of one field."""
    text = io.TextIOWrapper(stream, how.encoding, errors="surrogateescape", newline="")
    taken: list[str] = []

    def noted() -> Iterator[str]:
        for line in text:
            taken.append(line)
            yield line

    csv.field_size_limit(longest)
    reader = csv.reader(
        noted(), delimiter=how.delimiter, quotechar=how.quote, escapechar=how.escape, strict=True
    )
    number = 0
    while True:
        fields, trouble = [], None
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            trouble = _said(error)
        raw = "".join(taken)
        taken.clear()
        if number or not NAMED.fullmatch(raw):
            number += 1
        yield Line(number, fields, raw, trouble)


def _said(error: csv.Error) -> str:
    told = str(error)
    if "unexpected end" in told:
        return "broken quotes: one is opened and never closed, so what follows is no row"
    if "expected after" in told:
        return "broken quotes: more text after the closing one"
    return f"not CSV: {told}"


def columns(header: Line, file: str) -> list[str]:
    """The names in the first row; a column without one is called by its place.

    Raises:
        UserError: they name nothing, or two columns alike.
    """
    names = [name.strip() for name in header.fields]
    where = f"{file}:{header.number}"
    no_name = next((n for n in names if len(n) > LONGEST_NAME or "\n" in n), None)
    if header.trouble or no_name is not None or not any(names):
        said = header.trouble or f"{(no_name or '').strip()[:40]!r} is no column's name"
        raise UserError(
            f"{where}: the first row does not name the columns ({said}); put a row of names "
            "first, for example prompt,completion"
        )
    twice = [name for name, times in Counter(filter(None, names)).items() if times > 1]
    if twice:
        raise UserError(f"{where}: two columns are called {twice[0]}; rename one of them")
    return [name or f"column {place}" for place, name in enumerate(names, 1)]
