"""CSV dialects: the encoding of a file, and what stands between and around its fields.

Excel in much of Europe writes `;` between fields. DuckDB's sniffer finds delimiter, quote and
escape in the file's beginning; a first line `sep=;`, which Excel reads and hides, names the first.
"""

import re
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from dataengine.rows.encoding import encoding

SAMPLE = 1 << 20
"""Bytes of a file that tell what stands between its fields."""
NAMED = re.compile(r"\ufeff?sep=(.)\r?\n")


class Dialect(NamedTuple):
    """How a CSV file is written."""

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    escape: str | None = None
    """What stands before a quote in a field, where it is not doubled."""

    def __str__(self) -> str:
        named = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
        between = named.get(self.delimiter, repr(self.delimiter))
        return f"{between} between fields, encoding {self.encoding.removesuffix('-sig')}"


def dialect(file: str) -> Dialect:
    """The dialect of a CSV or TSV file.

    Raises:
        UserError: its encoding cannot be told.
    """
    remote = "://" in file
    return _dialect(file, None if remote else Path(file).stat().st_mtime_ns)


@lru_cache
def _dialect(file: str, changed: int | None) -> Dialect:
    from dataengine.rows.formats import opened

    with opened(file) as stream:
        written = encoding(stream, file)
    with opened(file) as stream:
        text = stream.read(SAMPLE).decode(written, errors="ignore")
    if len(text) * 4 >= SAMPLE:  # it may end amid a line
        text = text[: text.rfind("\n") + 1] or text
    if named := NAMED.match(text):
        return Dialect(written, named[1])
    found = _sniffed(text) if text.strip() else None
    return Dialect(written, *(found or ("\t" if ".tsv" in file else ",",)))


def _sniffed(text: str) -> tuple[str, str, str | None] | None:
    """Delimiter, quote, escape as DuckDB finds them; None where it finds one column only."""
    import duckdb  # a tenth of a second, for whoever reads no CSV

    with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="utf-8", newline="") as file:
        file.write(text.encode(errors="replace").decode())
        file.flush()
        try:
            found = (
                duckdb.connect(":memory:")
                .execute(
                    'SELECT Delimiter, Quote, "Escape", len(Columns) FROM sniff_csv(?, '
                    "all_varchar = true, header = true, ignore_errors = true)",
                    [file.name],
                )
                .fetchone()
            )
        except duckdb.Error:
            return None
    if found is None or found[3] < 2:
        return None
    delimiter, quote, escape, _ = found
    return delimiter, quote if len(quote) == 1 else '"', "\\" if escape == "\\" else None
