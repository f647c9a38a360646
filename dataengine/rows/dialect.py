"""CSV dialects: the encoding of a file, and what stands between and around its fields.

Excel in much of Europe writes `;` between fields and Windows-1252 or UTF-16. DuckDB's sniffer finds
delimiter and quote in the file's beginning.
"""

import codecs
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

SAMPLE = 1 << 20
"""Bytes of a file that tell its dialect."""
BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class Dialect(NamedTuple):
    """How a CSV file is written."""

    encoding: str = "utf-8-sig"
    delimiter: str = ","
    quote: str = '"'

    def __str__(self) -> str:
        named = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}
        between = named.get(self.delimiter, repr(self.delimiter))
        return f"{between} between fields, encoding {self.encoding.removesuffix('-sig')}"


@lru_cache
def dialect(file: str) -> Dialect:
    """The dialect of a CSV or TSV file, from its first megabyte."""
    from dataengine.rows.formats import opened

    with opened(file) as stream:
        sample = stream.read(SAMPLE)
    encoding = _encoding(sample)
    text = sample.decode(encoding, errors="ignore")
    if len(sample) == SAMPLE:
        text = text[: text.rfind("\n") + 1]
    found = _sniffed(text) if text.strip() else None
    delimiter, quote = found or ("\t" if ".tsv" in file else ",", '"')
    return Dialect(encoding, delimiter, quote)


def _encoding(sample: bytes) -> str:
    """From a byte order mark; else UTF-8 where the sample is that, else Windows-1252."""
    for mark, name in BOMS.items():
        if sample.startswith(mark):
            return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _sniffed(text: str) -> tuple[str, str] | None:
    """Delimiter and quote as DuckDB finds them; None where it finds one column only."""
    import duckdb  # a tenth of a second, for whoever reads no CSV

    with tempfile.NamedTemporaryFile("w", suffix=".csv", encoding="utf-8", newline="") as file:
        file.write(text.encode(errors="replace").decode())
        file.flush()
        try:
            found = (
                duckdb.connect(":memory:")
                .execute(
                    "SELECT Delimiter, Quote, len(Columns) FROM sniff_csv(?, all_varchar = true, "
                    "header = true, ignore_errors = true)",
                    [str(Path(file.name))],
                )
                .fetchone()
            )
        except duckdb.Error:
            return None
    if found is None or found[2] < 2:
        return None
    return found[0], found[1] if len(found[1]) == 1 and found[1] != "\0" else '"'
