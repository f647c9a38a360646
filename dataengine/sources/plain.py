"""Plain chats, a block of records at a time: the parsers' rows and `Ingest`'s, in their order."""

import codecs
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any, NamedTuple, Protocol

import numpy as np
import polars as pl
import pyarrow as pa

from dataengine.parts import UNDER, compact, joined, with_constants
from dataengine.row import Kind, schema
from dataengine.rows import formats, shapes
from dataengine.rows.calls import without_padding
from dataengine.rows.errors import ShapeError
from dataengine.rows.formats import Record
from dataengine.sources import columns, jsonlines
from dataengine.sources import ingest as ingesting
from dataengine.sources.chat_scanner import PLAIN, Names, names
from dataengine.sources.ingest import Ingest
from dataengine.sources.jsonlines import Lines, Parsed, cut
from dataengine.sources.source import RecordSource
from dataengine.stages.stage import FAILED, Context, Outcome

SMALL_FILE = 1 << 20
"""Files smaller than this on average are read record by record: the compiled parser is loaded no
faster, and a part would end with each of them."""


def may_be(source: RecordSource, kind: Kind) -> bool:
    """Whether a source's records may be taken as they stand; else `Ingest` must see all of them."""
    silent = not (source.columns or source.keep or source.where or source.constraints)
    return kind == "sft" and silent and source.reasoning == "keep"


def shape_of(source: RecordSource, first: Record | None) -> shapes.Shape | None:
    """The shape of a source by its first record, where it is one that has plain records."""
    try:
        found = shapes.find(first.value, "sft") if first and first.value else None
    except ShapeError:
        return None
    shape = source.shape or found
    return shape if shape == found and shape in PLAIN else None


def of_files(source: RecordSource, kind: Kind, files: list[str]) -> shapes.Shape | None:
    """The shape of a source of files that may be plain; None where `Ingest` must see all."""
    if not may_be(source, kind) or any("://" in f or not formats.has_blocks(f) for f in files):
        return None
    if sum(map(os.path.getsize, files)) < SMALL_FILE * len(files):
        return None
    return shape_of(source, next((r for f in files for r in formats.records(f)), None))


class Block(Protocol):
    """Consecutive records."""

    def parse(self) -> Parsed:
        """Those that are plain."""
        ...

    def record(self, place: int) -> Record | None:
        """One that is not; None where there is none."""
        ...

    @property
    def first(self) -> int:
        """The number of the first."""
        ...


class LineBlock(NamedTuple):
    """Lines of a file."""

    first: int
    lines: Lines
    names: Names

    def parse(self) -> Parsed:
        return jsonlines.parse(self.lines, self.names, formats.LONGEST_RECORD)

    def record(self, place: int) -> Record | None:
        number, line = self.first + place, self.lines.line(place)
        if len(line) > formats.LONGEST_RECORD:
            return formats.too_long(number, line, len(line) + 1)
        return None if not line or line.isspace() else formats.line_record(number, line)


class LongLine(NamedTuple):
    """One line that is too long to be read."""

    first: int
    only: Record

    def parse(self) -> Parsed:
        return columns.NOTHING._replace(plain=np.zeros(1, np.bool_))

    def record(self, place: int) -> Record | None:
        return self.only


class TableBlock(NamedTuple):
    """Rows of a table."""

    first: int
    table: pa.Table
    shape: shapes.Shape

    def parse(self) -> Parsed:
        return columns.parse(self.table, self.shape)

    def record(self, place: int) -> Record | None:
        return record_at(self.table, place, self.first)


def record_at(table: pa.Table, place: int, first: int = 1) -> Record:
    """A row of a table as a record, whose number is counted from that of the table's first."""
    row = table.slice(place, 1)
    (value,) = row.to_pylist()
    whole = {key: without_padding(held, key) for key, held in value.items()}
    return Record(first + place, whole, row.nbytes)


def outcomes(
    ingest: Ingest, shape: shapes.Shape, found: Iterator[Block], file: str | None, context: Context
) -> Iterator[Outcome]:
    """The rows and the quarantined records of blocks, a part each."""
    ingest.shape = shape
    for block, parsed in _ahead(found, context.pool, context.workers + 1):
        yield _outcome(ingest, block, parsed, file)


def file_blocks(file: str, shape: shapes.Shape) -> Iterator[Block]:
    """The records of a file in blocks of at most PART_ROWS and PART_BYTES bytes."""
    if formats.suffix(file) in formats.LINES:
        return line_blocks(file, names(shape))
    return table_blocks(formats.tables(file, ingesting.PART_ROWS), shape)


def table_blocks(tables: Iterator[pa.Table], shape: shapes.Shape) -> Iterator[Block]:
    """Tables as blocks, those of too many bytes in halves."""
    first = 1
    for table in tables:
        for piece in _halved(table):
            yield TableBlock(first, piece, shape)
            first += piece.num_rows


def _halved(table: pa.Table) -> Iterator[pa.Table]:
    if table.num_rows < 2 or table.nbytes <= ingesting.PART_BYTES:
        yield table
        return
    half = table.num_rows // 2
    yield from _halved(table.slice(0, half))
    yield from _halved(table.slice(half))


def line_blocks(file: str, known: Names) -> Iterator[Block]:
    """The lines of a file as blocks."""
    most, size = ingesting.PART_ROWS, ingesting.PART_BYTES
    with formats.opened(file) as stream:
        number, rest = 1, stream.read(len(codecs.BOM_UTF8)).removeprefix(codecs.BOM_UTF8)
        while data := rest + _read(stream, size - len(rest)):
            ended = len(data) < size
            whole = data + b"\n" if ended and not data.endswith(b"\n") else data
            lines = cut(whole, most)
            if not len(lines.starts):
                length = len(data) + formats.skip_line(stream)
                yield LongLine(number, formats.too_long(number, data, length))
                number, rest = number + 1, b""
                continue
            yield LineBlock(number, lines, known)
            number += len(lines.starts)
            rest = data[int(lines.ends[-1]) + 1 :]


def _read(stream: IO[bytes], size: int) -> bytes:
    """So many bytes, fewer at the end of the file alone."""
    pieces = []
    while size > 0 and (piece := stream.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _ahead(
    found: Iterator[Block], pool: ThreadPoolExecutor | None, most: int
) -> Iterator[tuple[Block, Parsed]]:
    """Blocks in their order, parsed a few ahead by the threads of the run."""
    if pool is None:
        yield from ((block, block.parse()) for block in found)
        return
    waiting: deque[tuple[Block, Future[Parsed]]] = deque()
    for block in found:
        waiting.append((block, pool.submit(block.parse)))
        if len(waiting) > most:
            first, future = waiting.popleft()
            yield first, future.result()
    while waiting:
        first, future = waiting.popleft()
        yield first, future.result()


def _outcome(ingest: Ingest, block: Block, parsed: Parsed, file: str | None) -> Outcome:
    places = np.flatnonzero(~parsed.plain).tolist()
    unusual = [record._replace(file=file) for p in places if (record := block.record(p))]
    rows, failed = ingest.made(unusual)
    ingest.lose(parsed.lost)
    tables = [_table(ingest, block, parsed, file)] if parsed.plain.any() else []
    if rows:
        tables.append(compact(pl.DataFrame(rows, schema=schema("sft"))))
    return Outcome(
        kept=_merged(tables) if tables else None,
        failed=pl.DataFrame(failed, schema=FAILED),
        taken=int(parsed.plain.sum()) + len(unusual),
    )


def _table(ingest: Ingest, block: Block, parsed: Parsed, file: str | None) -> pa.Table:
    """The plain rows as a part holds them."""
    row = pa.array(np.flatnonzero(parsed.plain).astype(np.int64) + block.first)
    held = {"messages": parsed.messages, **parsed.beside, UNDER + "row": row}
    if parsed.own.null_count < len(parsed.own):
        held[UNDER + "source_id"] = parsed.own
    source = ingest.source
    same: dict[str, Any] = {
        "source": source.name,
        "skill": source.skill,
        "language": source.language,
        "licence": source.licence,
        UNDER + "dataset": ingest.dataset,
        UNDER + "revision": ingest.revision,
        UNDER + "file": file,
    }
    return with_constants(pa.table(held), same)


def _merged(tables: list[pa.Table]) -> pa.Table:
    """All rows in the order of their records."""
    whole = joined(tables, "sft") if len(tables) > 1 else tables[0]
    if UNDER + "row" not in whole.schema.names:
        return whole
    order = np.argsort(whole.column(UNDER + "row").to_numpy(), kind="stable")
    return whole if len(tables) == 1 else whole.take(pa.array(order))
