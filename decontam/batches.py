"""Files of rows as batches that the kernels read, whatever their format."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from decontam.jsonl import source_keys, walk
from decontam.room import Room
from decontam.rows import (
    SKIPPED_KEYS,
    TEXT_KEYS,
    InputError,
    Text,
    open_bytes,
    parse_line,
    row_texts,
)
from decontam.simd import WIDTH
from decontam.tokens import Bytes, Offsets, arrow_texts, pack

BLOCK = 8 << 20
# Of Parquet, as many rows as make a block, between these; so many bytes of the file at a time.
FEWEST_ROWS, ROWS, READ = 64, 8192, 1 << 18
JSON_SUFFIXES = (".jsonl", ".json", ".ndjson")


@dataclass
class Batch:
    """Texts in row order: `data[offsets[t]:offsets[t + 1]]` is text t, and row r's texts are
    `row_texts[r]` to `row_texts[r + 1]`. `parsed(r)` is row r as Python objects, `sources()` counts
    rows by source."""

    data: Bytes
    offsets: Offsets
    row_texts: Offsets
    parsed: Callable[[int], dict[str, Any]]
    sources: Callable[[], Counter[str]]
    file: str = ""
    first_row: int = 0
    size: int = 0
    _rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    _texts: dict[int, list[Text]] = field(default_factory=dict)

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
        place = f"{self.file}:{self.first_row + r}"
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
        texts = self.texts(r)
        return texts[turn].role if turn < len(texts) else ""

    @cached_property
    def stem(self) -> str:
        return Path(self.file).stem

    def texts(self, r: int) -> list[Text]:
        if r not in self._texts:
            self._texts[r] = row_texts(self.row(r))
        return self._texts[r]


def read_batches(paths: list[Path]) -> Iterator[Batch]:
    """The rows of JSONL (`.gz`, `.zst` too) and Parquet files, in order.

    Raises `InputError` for a file that is neither, cannot be opened, or a line that is not JSON.
    """
    for path in paths:
        name = path.name.removesuffix(".gz").removesuffix(".zst")
        if name.endswith(".parquet"):
            yield from parquet_batches(path)
        elif name.endswith(JSON_SUFFIXES):
            yield from json_batches(path)
        else:
            raise InputError(f"{path}: neither .jsonl (.gz, .zst) nor .parquet")


def json_batches(path: Path) -> Iterator[Batch]:
    number, room = 0, Room()
    with open_bytes(path) as lines:
        while block := lines.read(BLOCK):
            batch, rows = json_batch(block + rest_of_line(lines), path, number, room)
            yield batch
            number += rows


def rest_of_line(lines: IO[bytes]) -> bytes:
    """What is left of the line that a block ended in, and a newline where the file has none."""
    rest = lines.readline()
    return rest if rest.endswith(b"\n") else rest + b"\n"


def json_batch(block: bytes, path: Path, first_row: int, room: Room) -> tuple[Batch, int]:
    data = np.frombuffer(block, np.uint8)
    # A text costs at least its key, two pairs of quotes and a colon; a row its newline.
    most_texts = len(data) // 4 + 2
    out = np.empty(len(data) + 2 * WIDTH, np.uint8)
    offsets, starts, row_texts, sources = (
        room.array(name, most_texts, np.int64) for name in ("texts", "starts", "rows", "sources")
    )
    rows, bad = walk(data, 0, len(data), out, offsets, row_texts, starts, sources)
    if bad >= 0:
        line = block[starts[bad] :].split(b"\n", 1)[0]
        parse_line(line, f"{path}:{first_row + bad + 1}")
        raise InputError(f"{path}:{first_row + bad + 1}: not a JSON object; fix or remove it")

    def parsed(r: int) -> dict[str, Any]:
        end = int(starts[r + 1]) if r + 1 < rows else len(block)
        row = parse_line(block[starts[r] : end], f"{path}:{first_row + r + 1}")
        return row if isinstance(row, dict) else {"text": row}

    def source_at(place: int) -> str:
        end = block.index(b'"', place)
        while block[end - 1] == ord("\\"):
            end = block.index(b'"', end + 1)
        return parse_line(block[place - 1 : end + 1], str(path))

    def count_sources() -> Counter[str]:
        named = sources[:rows][sources[:rows] >= 0]
        counts = Counter({path.stem: rows - len(named)})
        keys = source_keys(data, named, np.empty(len(named), np.uint64))
        _, first, times = np.unique(keys, return_index=True, return_counts=True)
        for place, number in zip(named[first].tolist(), times.tolist(), strict=True):
            counts[source_at(place)] += number
        return +counts

    # The room is the next batch's; what this one keeps is copied.
    row_texts, starts, sources = (kept[: rows + 1].copy() for kept in (row_texts, starts, sources))
    batch = Batch(
        out,
        offsets[: row_texts[-1] + 1].copy(),
        row_texts,
        parsed,
        count_sources,
        file=str(path),
        first_row=first_row,
        size=len(block),
    )
    return batch, rows


def parquet_batches(path: Path) -> Iterator[Batch]:
    try:
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=READ)
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error})") from error
    names = file.schema_arrow.names
    wanted = [name for name in names if name in (*TEXT_KEYS, "messages", "conversations")]
    nested = [
        name
        for name in names
        if name not in (*wanted, *SKIPPED_KEYS)
        and pa.types.is_nested(file.schema_arrow.field(name).type)
    ]
    if not wanted and not nested:
        raise InputError(f"{path}: no column holds text; it has {', '.join(names)}")
    first_row = 0
    own = [name for name in ("id", "source") if name in names]
    size = sum(file.metadata.row_group(g).total_byte_size for g in range(file.num_row_groups))
    rows = int(np.clip(BLOCK * file.metadata.num_rows // max(size, 1), FEWEST_ROWS, ROWS))
    for table in file.iter_batches(rows, columns=[*own, *wanted, *nested], use_threads=False):
        yield arrow_batch(table, str(path), first_row)
        first_row += table.num_rows


def arrow_batch(table: pa.RecordBatch, file: str, first_row: int) -> Batch:
    """A record batch's texts: each string under a text key, in the order of the parsed row."""
    rows = table.num_rows
    pieces: list[tuple[Any, NDArray[np.int64]]] = []
    for name in table.schema.names:
        if name not in SKIPPED_KEYS:
            collect(table.column(name), name, np.arange(rows, dtype=np.int64), pieces)

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

    if not pieces:
        data, offsets = pack([])
        bounds = np.zeros(rows + 1, np.int64)
    else:
        data, offsets, bounds = in_row_order(pieces, rows)
    return Batch(
        data,
        offsets,
        bounds,
        parsed,
        count_sources,
        file=file,
        first_row=first_row,
        size=table.nbytes,
    )


def collect(
    column: Any, key: str, row: NDArray[np.int64], pieces: list[tuple[Any, NDArray[np.int64]]]
) -> None:
    """Append each string array under a text key with the row of each of its values.

    Numbers go through polars: Arrow's own `to_numpy` and `pa.array` import pandas first, a third of
    a second.
    """
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        if key in TEXT_KEYS:
            if column.null_count:
                row = row[pl.Series(column.is_valid()).to_numpy()]
                column = column.drop_null()
            pieces.append((column.cast(pa.large_string()), row))
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lengths = pl.Series(column.value_lengths()).fill_null(0).to_numpy()
        collect(column.flatten(), key, np.repeat(row, lengths), pieces)
    elif pa.types.is_struct(kind):
        inner = zip(kind, column.flatten(), strict=True)
        for child, values in inner:
            if child.name not in SKIPPED_KEYS:
                collect(values, child.name, row, pieces)


def in_row_order(
    pieces: list[tuple[Any, NDArray[np.int64]]], rows: int
) -> tuple[Bytes, Offsets, Offsets]:
    """One string array in row order; within a row, in the order of the pieces."""
    texts, row = pieces[0]
    if len(pieces) > 1:
        texts = pa.concat_arrays([texts for texts, _ in pieces])
        row = np.concatenate([row for _, row in pieces])
        order = np.argsort(row, kind="stable")
        texts, row = texts.take(pl.Series(order).to_arrow()), row[order]
    bounds = np.searchsorted(row, np.arange(rows + 1))
    data, offsets = arrow_texts(texts)
    return data, offsets, bounds.astype(np.int64)
