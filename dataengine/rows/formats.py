"""File formats: JSON lines and arrays, Parquet, Arrow and CSV, packed or not, as numbered records.

A record is identified by its file and its number: the line for JSON lines, as editors count; the
row for CSV, as spreadsheets count (the header is 1); the place from 1 in a list or table. What
cannot be read as a record says why (`trouble`).
"""

import codecs
import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dataengine.errors import UserError
from dataengine.rows import delimited
from dataengine.rows.calls import without_padding
from dataengine.rows.dialect import Dialect, dialect

LONGEST_RECORD = 16 << 20
"""Bytes of one record; a longer one is no training row and would not fit beside its kin."""
BATCH = 1_024
"""Records of a table made into Python objects at a time."""

RECORD_KEYS = {"messages", "conversations", "prompt", "instruction", "output", "completion"} | {
    *("chosen", "rejected", "ground_truth", "answer")
}
"""A JSON object with one of these is a record, not the wrapping of a list of records."""


class Record(NamedTuple):
    """One record of a file, or why there is none where one should be."""

    row: int
    """Its number in its file."""
    value: dict[str, Any] | None
    size: int = 0
    """Bytes it took in its file, as far as known."""
    trouble: str | None = None
    raw: str = ""
    file: str | None = None
    """Its file, where a source has several."""


def records(file: str) -> Iterator[Record]:
    """The records of a file, by its suffix.

    Raises:
        UserError: the file cannot be read, or is of no known format.
    """
    try:
        yield from _format(file)(file)
    except (OSError, EOFError, pa.ArrowException, zlib.error) as error:
        raise UserError(f"{file}: cannot be read: {error}") from None


def known(file: str) -> bool:
    """Whether a file is of a known format, by its name."""
    return suffix(file) in FORMATS


def note(file: str) -> str | None:
    """How a file is read, where that was found out and is not the usual."""
    if suffix(file) not in (".csv", ".tsv") or str(dialect(file)) == str(Dialect()):
        return None
    return f"{Path(file).name} is read with {dialect(file)}"


def suffix(file: str) -> str:
    """The suffix that tells a file's format, without that of its compression."""
    path = Path(file)
    return (Path(path.stem).suffix if path.suffix in PACKED else path.suffix).lower()


def count(file: str) -> int | None:
    """Records of a local file where counting is cheap: lines, or what Parquet's footer says."""
    if "://" in file or file.endswith(PACKED):
        return None
    if suffix(file) == ".parquet":
        return int(pq.read_metadata(file).num_rows)
    if suffix(file) not in LINES:
        return None
    with Path(file).open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))


@contextmanager
def opened(file: str) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked where it is packed."""
    if "://" in file:
        import fsspec

        with fsspec.open(file, "rb", compression="infer") as stream:
            yield stream
    elif file.endswith(".gz"):
        with gzip.open(file) as packed:
            yield cast(IO[bytes], packed)
    elif file.endswith(".zst"):
        with pa.OSFile(file) as raw, pa.CompressedInputStream(raw, "zstd") as unpacked:
            yield io.BufferedReader(cast(Any, unpacked), 1 << 20)
    else:
        with Path(file).open("rb", buffering=1 << 20) as stream:
            yield stream


def is_lines(file: str) -> bool:
    """Whether a file holds one JSON object a line, whatever its suffix says."""
    if suffix(file) in LINES:
        return True
    if suffix(file) != ".json":
        return False
    with opened(file) as stream:
        first = stream.readline(LONGEST_RECORD).removeprefix(codecs.BOM_UTF8)
        return _is_object(first) and stream.read(1) != b""


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _json_lines(file: str) -> Iterator[Record]:
    with opened(file) as stream:
        number = 0
        while line := stream.readline(LONGEST_RECORD + 1):
            number += 1
            line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            size = len(line)
            if size > LONGEST_RECORD and not line.endswith(b"\n"):
                size += skip_line(stream)
                yield too_long(number, line, size)
                continue
            if line.isspace():
                continue
            yield line_record(number, line.removesuffix(b"\n"))


def skip_line(stream: IO[bytes]) -> int:
    """Read on to the end of a line; returns how many bytes that was."""
    skipped = 0
    while piece := stream.readline(LONGEST_RECORD):
        skipped += len(piece)
        if piece.endswith(b"\n"):
            break
    return skipped


def too_long(number: int, line: bytes, size: int) -> Record:
    """A record that would not fit beside its kin, from its beginning."""
    return _bad(number, line, f"too long: {size:,} bytes in one record")


def line_record(number: int, line: bytes) -> Record:
    """The record of one line."""
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return _bad(number, line, trouble(line, error))
    if not isinstance(value, dict):
        return _bad(number, line, f"not an object: a {type(value).__name__}")
    return Record(number, value, len(line))


def trouble(line: bytes, error: orjson.JSONDecodeError) -> str:
    """What is wrong with a line, in the words of the invariant it breaks."""
    try:
        line.decode()
    except UnicodeDecodeError as wrong:
        return f"not UTF-8: byte {wrong.start}"
    if "surrogate" in str(error):
        return "lone surrogate"
    if b"\0" in line:
        return "NUL character"
    return f"not JSON: {error.msg} at column {error.colno}"


def _bad(number: int, line: bytes, why: str) -> Record:
    return Record(number, None, 0, why, line[:4_096].decode(errors="replace"))


def _json(file: str) -> Iterator[Record]:
    if is_lines(file):
        yield from _json_lines(file)
        return
    with opened(file) as stream:
        text = stream.read().removeprefix(codecs.BOM_UTF8)
    try:
        values = listed(orjson.loads(text), file)
    except orjson.JSONDecodeError as error:
        raise UserError(f"{file}:{error.lineno}: not JSON: {error.msg}") from None
    for number, value in enumerate(values, 1):
        if isinstance(value, dict):
            yield Record(number, value, len(text) // len(values))
        else:
            yield _bad(number, repr(value).encode(), "not an object")


def listed(values: Any, file: str) -> list[Any]:
    """The list of records that a JSON document is, or is wrapped around."""
    if isinstance(values, list):
        return values
    if not isinstance(values, dict):
        raise UserError(f"{file}: holds a {type(values).__name__}, not a list of objects")
    lists = [value for value in values.values() if isinstance(value, list)]
    whole = len(lists) != 1 or values.keys() & RECORD_KEYS
    return [values] if whole else lists[0]


def has_blocks(file: str) -> bool:
    """Whether a file can be read many records at a time: lines, and columns."""
    return suffix(file) in (*LINES, ".parquet", ".arrow", ".feather")


def tables(file: str, rows: int) -> Iterator[pa.Table]:
    """The rows of a file of columns, as tables of so many.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        for batch in _batches(file, rows):
            starts = range(0, batch.num_rows, rows)
            yield from (pa.Table.from_batches([batch.slice(i, rows)]) for i in starts)
    except (OSError, EOFError, pa.ArrowException) as error:
        raise UserError(f"{file}: cannot be read: {error}") from None


def _batches(file: str, rows: int) -> Iterator[pa.RecordBatch]:
    """The record batches of a file of columns: of Parquet of so many rows, else as they lie."""
    with opened(file) as stream:
        if suffix(file) == ".parquet":
            yield from pq.ParquetFile(stream, page_checksum_verification=True).iter_batches(rows)
        else:
            yield from arrow_batches(stream)


def _columns(file: str) -> Iterator[Record]:
    number = 0
    for batch in _batches(file, BATCH):
        size = batch.nbytes // max(batch.num_rows, 1)
        nested = [field.name for field in batch.schema if _holds_structs(field.type)]
        for value in batch.to_pylist():
            for name in nested:
                value[name] = without_padding(value[name], name)
            number += 1
            yield Record(number, value, size)


def _holds_structs(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _holds_structs(kind.value_type)
    return pa.types.is_struct(kind)


def arrow_batches(stream: IO[bytes]) -> Iterator[pa.RecordBatch]:
    """Both of Arrow's forms: the file format, and the stream that `datasets` writes."""
    if stream.read(6) == b"ARROW1":
        stream.seek(0)
        whole = pa.ipc.open_file(stream)
        yield from (whole.get_batch(i) for i in range(whole.num_record_batches))
    else:
        stream.seek(0)
        yield from pa.ipc.open_stream(stream)


def _csv(file: str) -> Iterator[Record]:
    names: list[str] = []
    with opened(file) as stream:
        for line in delimited.lines(stream, dialect(file), LONGEST_RECORD):
            if not line.number or not line.text.strip():
                continue
            if not names:
                names = delimited.columns(line, file)
                continue
            more = line.fields[len(names) :]
            if line.trouble or any(more):
                why = line.trouble or f"more fields than headers: {len(more)} more"
                yield _bad(line.number, line.text.encode(errors="replace"), why)
            else:
                value = dict(zip(names, line.fields, strict=False))
                kept = {n: v for n, v in value.items() if v or not n.startswith("column ")}
                yield Record(line.number, kept, len(line.text))


LINES = (".jsonl", ".ndjson")
FORMATS: dict[str, Callable[[str], Iterator[Record]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".parquet": _columns,
    ".csv": _csv,
    ".tsv": _csv,
    ".arrow": _columns,
    ".feather": _columns,
}
PACKED = (".gz", ".zst")


def _format(file: str) -> Callable[[str], Iterator[Record]]:
    if not known(file):
        raise UserError(
            f"{file} is of no known format ({' '.join(FORMATS)}, {' '.join(PACKED)} of text)"
        )
    return FORMATS[suffix(file)]


def loads_leniently(line: bytes) -> Any:
    """JSON with lone surrogates or bytes that are not UTF-8, which strict parsers refuse.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line.decode("utf-8", "replace"))
