"""The text of rows as bytes and spans, straight from Parquet's buffers, a batch at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from dataengine.errors import UserError
from dataengine.parts import rows_at
from dataengine.view import View

Side = Literal["prompt", "row"]
"""`prompt`: what the user said, over all turns. `row`: everything that anybody said."""

BATCH = 1024
READ = 1 << 18
"""Rows and bytes read at a time: few, so that the same memory serves again and again."""
CONVERSATIONS = ("messages", "prompt", "chosen", "rejected")
"""The columns that may hold messages, in reading order."""


class Texts(NamedTuple):
    """The texts of consecutive rows: that of row i is the pieces rows[i] to rows[i + 1] - 1.

    `data` is UTF-8 (uint8); `starts` and `ends` (int64) hold one number a piece, `rows` (int64)
    one more than there are rows.
    """

    data: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    rows: np.ndarray


def longest(texts: Texts) -> int:
    """The bytes of the longest text."""
    sizes = _offsets(texts.ends - texts.starts)[texts.rows]
    return int(np.diff(sizes).max(initial=0))


def joined(texts: Texts, row: int) -> str:
    """The text of one row, its pieces one line each."""
    pieces = range(texts.rows[row], texts.rows[row + 1])
    return "\n".join(
        texts.data[texts.starts[p] : texts.ends[p]].tobytes().decode("utf-8", "replace")
        for p in pieces
    )


def pick(texts: Texts, rows: np.ndarray) -> Texts:
    """The texts of these rows alone, without copying a byte of them."""
    counts = np.diff(texts.rows)[rows]
    offsets = _offsets(counts)
    pieces = np.repeat(texts.rows[rows] - offsets[:-1], counts) + np.arange(offsets[-1])
    return Texts(texts.data, texts.starts[pieces], texts.ends[pieces], offsets)


class Block(Protocol):
    """Consecutive rows: where they stand among all rows, and how to read them."""

    @property
    def first(self) -> int:
        """The number of the first row."""
        ...

    @property
    def rows(self) -> int:
        """How many rows."""
        ...

    def texts(self, side: Side) -> Iterator[tuple[int, Texts]]:
        """Texts a batch at a time, each with the number of its first row among all."""
        ...


@dataclass(frozen=True)
class ParquetBlock:
    """One row group of a Parquet file."""

    path: Path
    group: int
    first: int
    rows: int

    def texts(self, side: Side) -> Iterator[tuple[int, Texts]]:
        """See `Block`."""
        first = self.first
        columns = conversations(str(self.path), pq.read_schema(self.path).names, side)
        with pq.ParquetFile(self.path, pre_buffer=False, buffer_size=READ) as file:
            for batch in file.iter_batches(BATCH, [self.group], columns, use_threads=False):
                yield first, texts(batch.select(columns), side)
                first += batch.num_rows


@dataclass(frozen=True)
class ViewBlock:
    """The rows of a view."""

    view: View
    first: int = 0

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.view)

    def texts(self, side: Side) -> Iterator[tuple[int, Texts]]:
        """See `Block`."""
        table = self.view.part.table()
        columns = conversations(str(self.view.part.file), table.schema.names, side)
        whole = table.select(columns).combine_chunks()
        for start in range(0, len(self.view), BATCH):
            places = self.view.places[start : start + BATCH]
            batch = rows_at(whole, places).to_batches()[0]
            yield self.first + start, texts(batch, side)


def blocks(files: Sequence[Path]) -> list[ParquetBlock]:
    """The row groups of Parquet files, in order."""
    found: list[ParquetBlock] = []
    first = 0
    for path in files:
        metadata = pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group).num_rows
            found.append(ParquetBlock(Path(path), group, first, rows))
            first += rows
    return found


def conversations(path: str, names: Sequence[str], side: Side) -> list[str]:
    """The columns of a table that make up this side of its rows. Raises UserError without any."""
    held = [name for name in CONVERSATIONS if name in names]
    if not held:
        wanted = " or ".join(CONVERSATIONS)
        raise UserError(f"{path}: no column named {wanted} (it has {', '.join(names)})")
    return held[:1] if side == "prompt" else held


def texts(batch: pa.RecordBatch, side: Side) -> Texts:
    """The pieces of text on one side of rows: `batch` holds the columns of `conversations`."""
    found = [piece for column in batch.columns for piece in _pieces(column, side)]
    strings = [strings for strings, _, _ in found]
    data, bounds = _buffers(_joined(strings))
    base = np.cumsum([0, *(len(s) for s in strings)])
    turns = np.concatenate([t + b for (_, t, _), b in zip(found, base, strict=False)])
    owners = np.concatenate([owners for _, _, owners in found])
    said = bounds[turns] < bounds[turns + 1]
    turns, owners = turns[said], owners[said]
    order = np.argsort(owners, kind="stable")
    turns, counts = turns[order], np.bincount(owners, minlength=batch.num_rows)
    return Texts(data, bounds[turns], bounds[turns + 1], _offsets(counts))


def _pieces(column: pa.Array, side: Side) -> Iterator[tuple[pa.Array, np.ndarray, np.ndarray]]:
    """Strings, the turns among them that count, and the row that each of those belongs to."""
    if _are_strings(column):
        yield column, np.arange(len(column)), np.arange(len(column))
        return
    bounds = _bounds(column)
    turns = column.values[bounds[0] : bounds[-1]]
    owners = np.repeat(np.arange(len(column)), np.diff(bounds))
    if side == "prompt":
        spoken = (pl.Series(turns.field("role")) == "user").fill_null(False)
        wanted = np.flatnonzero(spoken.to_numpy())
        yield turns.field("content"), wanted, owners[wanted]
        return
    everyone = np.arange(len(turns))
    yield turns.field("content"), everyone, owners
    for name in ("reasoning_content", "tool_calls"):
        more = turns.field(name) if turns.type.get_field_index(name) >= 0 else None
        if more is not None and more.null_count < len(more):
            yield more, everyone, owners


def _are_strings(column: pa.Array) -> bool:
    return pa.types.is_string(column.type) or pa.types.is_large_string(column.type)


def _joined(strings: list[pa.Array]) -> pa.Array:
    """Several arrays of strings as one."""
    if len(strings) == 1 and _are_strings(strings[0]):
        return strings[0]
    return pa.concat_arrays([s.cast(pa.large_string()) for s in strings])


def _bounds(array: pa.Array) -> np.ndarray:
    """Where the strings or lists of an array start and end, as one more number than there are.

    From the buffer itself: Arrow's own ways (`to_numpy`, `flatten`) import pandas and more, which
    takes as long as reading a hundred thousand rows. Where Parquet is read, a null is empty.
    """
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_list(array.type)
    bounds = np.frombuffer(array.buffers()[1] or bytes(8), np.int64 if wide else np.int32)
    return bounds[array.offset : array.offset + len(array) + 1].astype(np.int64, copy=False)


def _buffers(strings: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The bytes of an Arrow string array and the bounds of its strings, without copying.

    The bytes are read-only, whatever Arrow says of its memory: kernels are compiled for that.
    """
    characters = np.frombuffer(strings.buffers()[2] or b"\0", np.uint8)
    characters.flags.writeable = False
    return characters, _bounds(strings)


def _offsets(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
