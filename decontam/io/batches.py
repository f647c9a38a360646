"""Batch reader: files of rows, whatever their format, as packed texts that the kernels read."""

import codecs
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dataengine.errors import UserError
from dataengine.kernels.packed import Offsets, arrow_texts, pack
from dataengine.kernels.scratch import ScratchBuffers
from dataengine.rows import formats
from dataengine.rows.texts import ID_SUFFIX, SKIPPED, Text, texts
from decontam.io.jsonl import (
    KeyHashes,
    Texts,
    counted,
    key_hashes,
    name_keys,
    of_walk,
    read_json_inside,
    source_keys,
    walk,
    walked,
)

BLOCK = 8 << 20
# Of Parquet, as many rows as make a block, between these; so many bytes of the file at a time.
FEWEST_ROWS, ROWS, READ = 64, 8192, 1 << 18


class Columns:
    """Which keys of a row are text: `named` are, with their roles, although they look like
    metadata; `names` gives back the key of a hash."""

    def __init__(self, named: Mapping[str, str] | None = None) -> None:
        self.named = dict(named or {})
        self.skipped = frozenset(SKIPPED) - self.named.keys()
        skipped = key_hashes(sorted(self.skipped))
        self.hashes = KeyHashes(skipped, key_hashes(sorted(self.named)))
        self.names: dict[int, str] = {}

    def name(self, key: int) -> str:
        """The key of a hash; that of no key is of a list that stands alone."""
        return self.names.get(key, "(none)")

    def reads(self, key: str) -> bool:
        """Whether what stands under a key is text."""
        own = key in self.named or not key.endswith(ID_SUFFIX)
        return key not in self.skipped and own


@dataclass
class Batch:
    """Texts in row order: `data[offsets[t]:offsets[t + 1]]` is text t, and row r's texts are
    `row_texts[r]` to `row_texts[r + 1]`. `parsed(r)` is row r as Python objects, `sources()` counts
    rows by source, `numbers` are the rows' numbers in their file."""

    found: Texts
    columns: Columns
    numbers: Offsets
    parsed: Callable[[int], dict[str, Any]]
    sources: Callable[[], Counter[str]]
    file: str = ""
    input: int = 0
    """The file's place among those that are checked."""
    _rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    _texts: dict[int, list[Text]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.data, self.offsets = self.found.data, self.found.offsets
        self.row_texts = self.found.row_texts

    def __len__(self) -> int:
        return len(self.row_texts) - 1

    def row(self, r: int) -> dict[str, Any]:
        if r not in self._rows:
            self._rows[r] = self.parsed(r)
        return self._rows[r]

    def name(self, r: int) -> tuple[str, str]:
        """The row's id (else its place: `file:number`) and its source (else the file's name)."""
        row = self.row(r)
        given, source = row.get("id"), row.get("source")
        place = f"{self.file}:{self.numbers[r]}"
        return (
            place if given is None else str(given),
            self.stem if source is None else str(source),
        )

    def role(self, r: int, turn: int) -> str:
        """Whose turn it is, or the key that it stands under."""
        messages = self.row(r).get("messages")
        turns = int(self.row_texts[r + 1] - self.row_texts[r])
        if isinstance(messages, list) and len(messages) == turns:  # what nearly every row is
            said = messages[turn]
            if isinstance(said, dict) and isinstance(said.get("role"), str):
                return str(said["role"])
        read = self.texts(r)
        return read[turn].role if turn < len(read) else ""

    def keys(self) -> Counter[str]:
        """How many texts stand under each key."""
        hashes, _, times = counted(self.found.keys)
        return Counter(dict(zip(map(self.columns.name, hashes), times, strict=True)))

    def without_text(self) -> list[int]:
        """The rows that hold no text."""
        return np.flatnonzero(np.diff(self.row_texts) == 0).tolist()

    @cached_property
    def stem(self) -> str:
        return Path(self.file).stem

    def texts(self, r: int) -> list[Text]:
        if r not in self._texts:
            self._texts[r] = texts(self.row(r), self.columns.named)
        return self._texts[r]


def read_batches(paths: list[Path], columns: Columns | None = None) -> Iterator[Batch]:
    """The rows of files of any format that `dataengine.rows.formats` reads, in order.

    Raises:
        UserError: a file of no known format, one that cannot be read, or a record that is none.
    """
    columns = columns or Columns()
    for place, path in enumerate(paths):
        kind = formats.suffix(str(path))
        if kind == ".parquet":
            batches = parquet_batches(path, columns)
        elif formats.known(str(path)) and formats.is_lines(str(path)):
            batches = json_batches(path, columns)
        else:
            batches = record_batches(path, columns)
        for batch in batches:
            batch.input = place
            yield batch


def json_batches(path: Path, columns: Columns) -> Iterator[Batch]:
    """JSON lines, read in blocks without making an object of any."""
    read, buffers = 0, ScratchBuffers()
    try:
        with formats.opened(str(path)) as lines:
            while block := lines.read(BLOCK):
                block += rest_of_line(lines)
                block = block if read else block.removeprefix(codecs.BOM_UTF8)
                yield json_batch(block, path, columns, buffers, read)
                read += block.count(b"\n")
    except (OSError, EOFError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def rest_of_line(lines: IO[bytes]) -> bytes:
    """What is left of the line that a block ended in, and a newline where the file has none."""
    rest = lines.readline()
    return rest if rest.endswith(b"\n") else rest + b"\n"


def record_batches(path: Path, columns: Columns) -> Iterator[Batch]:
    """Lists of JSON objects, CSV and Arrow: their records as lines."""
    buffers = ScratchBuffers()
    records = formats.records(str(path))
    while chunk := list(islice(records, ROWS)):
        for record in chunk:
            if record.value is None:
                raise UserError(f"{path}:{record.row}: {record.trouble}; fix or remove it")
        lines = b"".join(_line(record.value) for record in chunk)
        numbers = np.array([record.row for record in chunk], np.int64)
        yield json_batch(lines, path, columns, buffers, numbers=numbers)


def _line(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:  # a lone surrogate, from bytes that were not UTF-8
        text = {k: v.encode("utf-8", "replace").decode() for k, v in value.items()}
        return orjson.dumps(text, option=orjson.OPT_APPEND_NEWLINE)


def json_batch(
    block: bytes,
    path: Path,
    columns: Columns,
    buffers: ScratchBuffers,
    before: int = 0,
    numbers: Offsets | None = None,
) -> Batch:
    """Whole lines of JSON as a batch; `before` lines of the file came before them."""
    data = np.frombuffer(block, np.uint8)
    held = walked(len(data), buffers.array)
    rows, bad = walk(data, 0, len(data), columns.hashes, held)
    place = (held.numbers[:rows] + before) if numbers is None else numbers
    if bad >= 0:
        line = block[held.lines[bad] :].split(b"\n", 1)[0]
        parse(line, f"{path}:{place[bad]}")
        raise UserError(f"{path}:{place[bad]}: not a JSON object; fix or remove it")
    found = of_walk(held, rows)
    name_keys(data, held, len(found.keys), columns.names)
    # The buffers are the next batch's; what this one keeps is copied.
    found = found._replace(**{name: getattr(found, name).copy() for name in Texts._fields[1:]})
    starts, sources = held.lines[:rows].copy(), held.sources[:rows].copy()

    def parsed(r: int) -> dict[str, Any]:
        end = int(starts[r + 1]) if r + 1 < rows else len(block)
        row = parse(block[starts[r] : end], f"{path}:{place[r]}")
        return row if isinstance(row, dict) else {"text": row}

    def source_at(start: int) -> str:
        end = block.index(b'"', start)
        while block[end - 1] == ord("\\"):
            end = block.index(b'"', end + 1)
        return str(parse(block[start - 1 : end + 1], str(path)))

    def count_sources() -> Counter[str]:
        named = sources[sources >= 0]
        counts = Counter({path.stem: rows - len(named)})
        keys = source_keys(data, named, np.empty(len(named), np.uint64))
        _, first, times = np.unique(keys, return_index=True, return_counts=True)
        for start, number in zip(named[first].tolist(), times.tolist(), strict=True):
            counts[source_at(start)] += number
        return +counts

    found = read_json_inside(found, columns.hashes)
    return Batch(found, columns, place.copy(), parsed, count_sources, str(path))


def parse(line: bytes, where: str) -> Any:
    """One JSON line; lone surrogates, which strict parsers refuse, are accepted."""
    try:
        return formats.loads_leniently(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: not a JSON line ({error}); fix or remove it") from None


def parquet_batches(path: Path, columns: Columns) -> Iterator[Batch]:
    """The row groups of a Parquet file; columns that hold no text are not read."""
    try:
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=READ)
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path}: cannot be read as Parquet ({error})") from error
    schema = file.schema_arrow
    wanted = [f.name for f in schema if columns.reads(f.name) and _may_hold_text(f.type)]
    if not wanted:
        raise UserError(f"{path}: no column holds text; it has {', '.join(schema.names)}")
    first = 1
    own = [name for name in ("id", "source") if name in schema.names and name not in wanted]
    size = sum(file.metadata.row_group(g).total_byte_size for g in range(file.num_row_groups))
    rows = int(np.clip(BLOCK * file.metadata.num_rows // max(size, 1), FEWEST_ROWS, ROWS))
    for table in file.iter_batches(rows, columns=[*own, *wanted], use_threads=False):
        numbers = np.arange(first, first + table.num_rows, dtype=np.int64)
        yield arrow_batch(table, str(path), columns, numbers)
        first += table.num_rows


def _may_hold_text(kind: pa.DataType) -> bool:
    return pa.types.is_nested(kind) or _are_strings(kind) or isinstance(kind, pa.BaseExtensionType)


def _are_strings(kind: pa.DataType) -> bool:
    return any(
        test(kind)
        for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )


def arrow_batch(table: pa.RecordBatch, file: str, columns: Columns, numbers: Offsets) -> Batch:
    """A record batch's texts: each string under a text key, in the order of the parsed row."""
    rows = table.num_rows
    pieces: list[Piece] = []
    for name in table.schema.names:
        if columns.reads(name):
            alone = np.arange(rows, dtype=np.int64)
            collect(table.column(name), name, name, alone, None, columns, pieces)

    def parsed(r: int) -> dict[str, Any]:
        return table.slice(r, 1).to_pylist()[0]

    def count_sources() -> Counter[str]:
        if "source" not in table.schema.names:
            return Counter({Path(file).stem: rows})
        counts: Counter[str] = Counter()
        for named in table.column("source").value_counts().to_pylist():
            source = Path(file).stem if named["values"] is None else str(named["values"])
            counts[source] += named["counts"]
        return counts

    found = in_row_order(pieces, rows, columns)
    found = read_json_inside(found, columns.hashes)
    return Batch(found, columns, numbers, parsed, count_sources, file)


class Piece(NamedTuple):
    """Strings of one field: their key, and for each its row and its turn's place among all turns of
    the column (0 where the column has no turns)."""

    strings: Any
    key: str
    column: str
    row: NDArray[np.int64]
    turn: NDArray[np.int64] | None


def collect(
    column: Any,
    key: str,
    top: str,
    row: NDArray[np.int64],
    turn: NDArray[np.int64] | None,
    columns: Columns,
    pieces: list[Piece],
) -> None:
    """Append each string array under a text key as a piece of the column `top`.

    Numbers go through polars: Arrow's own `to_numpy` and `pa.array` import pandas first, a third of
    a second.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):  # objects of `datasets`' Json are JSON text
        collect(column.storage, key, top, row, turn, columns, pieces)
    elif _are_strings(kind):
        if column.null_count:
            there = pl.Series(column.is_valid()).to_numpy()
            row, turn = row[there], None if turn is None else turn[there]
            column = column.drop_null()
        if len(column):
            pieces.append(Piece(column.cast(pa.large_string()), key, top, row, turn))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lengths = pl.Series(column.value_lengths()).fill_null(0).to_numpy()
        values, row = column.flatten(), np.repeat(row, lengths)
        turn = np.arange(len(values)) if turn is None else np.repeat(turn, lengths)
        collect(values, key, top, row, turn, columns, pieces)
    elif pa.types.is_struct(kind):
        inner = zip(kind, column.flatten(), strict=True)
        for child, values in inner:
            if columns.reads(child.name):
                collect(values, child.name, top, row, turn, columns, pieces)


def _within_a_row(pieces: list[Piece]) -> NDArray[np.int64]:
    """For each string of all pieces its place among those of its row: pieces of one column, which
    come one after the other and have turns, are turned into each other."""
    places: list[NDArray[np.int64]] = []
    base = end = 0
    for before, piece in zip([None, *pieces], pieces, strict=False):
        goes_on = before is not None and before.column == piece.column
        base = base if goes_on else end
        turn = np.zeros(len(piece.row), np.int64) if piece.turn is None else piece.turn
        places.append(base + turn)
        end = max(end, base + int(turn.max(initial=0)) + 1)
    return np.concatenate(places)


def in_row_order(pieces: list[Piece], rows: int, columns: Columns) -> Texts:
    """The string arrays as one in row order; within a row column by column, turn by turn."""
    if not pieces:
        data, offsets = pack([])
        return Texts(data, offsets, np.empty(0, np.uint64), np.zeros(rows + 1, np.int64))
    hashes = key_hashes([piece.key for piece in pieces])
    columns.names |= {int(h): piece.key for h, piece in zip(hashes, pieces, strict=True)}
    strings, row = pieces[0].strings, pieces[0].row
    keys = np.repeat(hashes, [len(piece.row) for piece in pieces])
    if len(pieces) > 1:
        strings = pa.concat_arrays([piece.strings for piece in pieces])
        row = np.concatenate([piece.row for piece in pieces])
        order = np.lexsort((_within_a_row(pieces), row))
        strings, row, keys = strings.take(pl.Series(order).to_arrow()), row[order], keys[order]
    bounds = np.searchsorted(row, np.arange(rows + 1))
    data, offsets = arrow_texts(strings)
    return Texts(data, offsets, keys, bounds.astype(np.int64))
