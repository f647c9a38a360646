"""Plain chats from JSON Lines: the parser's rows and `Ingest`'s, in the order of their lines."""

import codecs
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from dataengine.parts import UNDER, compact, joined, with_constants
from dataengine.row import Kind, schema
from dataengine.rows import formats, shapes
from dataengine.rows.errors import ShapeError
from dataengine.rows.formats import Record
from dataengine.sources import ingest as ingesting
from dataengine.sources.ingest import Ingest
from dataengine.sources.jsonlines import PLAIN, Lines, Names, Parsed, cut, names, parse
from dataengine.sources.source import RecordSource
from dataengine.stages.stage import FAILED, Context, Outcome

SMALL_FILE = 8 << 20
"""Files smaller than this on average are read record by record: compiling the parser takes longer,
and a part would end with each of them."""


def shape_of(source: RecordSource, kind: Kind, files: list[str]) -> shapes.Shape | None:
    """The shape of a source whose lines the parser may take; None where `Ingest` must see all."""
    silent = not (source.columns or source.keep or source.where or source.constraints)
    if kind != "sft" or not silent or source.reasoning != "keep":
        return None
    if not files or any("://" in f or formats.suffix(f) not in formats.LINES for f in files):
        return None
    if sum(map(os.path.getsize, files)) < SMALL_FILE * len(files):
        return None
    try:
        first = next((r for r in formats.records(files[0])), None)
        found = shapes.find(first.value, kind) if first and first.value else None
    except ShapeError:
        return None
    shape = source.shape or found
    return shape if shape == found and shape in PLAIN else None


class Block(NamedTuple):
    """Consecutive lines of a file, or one that is too long to be read."""

    first: int
    """The number of the first line, from 1."""
    lines: Lines | None
    record: Record | None = None


def outcomes(
    ingest: Ingest, shape: shapes.Shape, file: str, name: str | None, context: Context
) -> Iterator[Outcome]:
    """The rows and the quarantined records of a file, a part at a time."""
    ingest.shape = shape
    known = names(shape)
    for block, parsed in _ahead(blocks(file), known, context.pool, context.workers + 1):
        yield _outcome(ingest, block, parsed, name)


def blocks(file: str) -> Iterator[Block]:
    """The lines of a file in blocks of at most PART_ROWS lines and PART_BYTES bytes."""
    most, size = ingesting.PART_ROWS, ingesting.PART_BYTES
    with formats.opened(file) as stream:
        number, rest = 1, stream.read(len(codecs.BOM_UTF8)).removeprefix(codecs.BOM_UTF8)
        while data := rest + _read(stream, size - len(rest)):
            ended = len(data) < size
            whole = data + b"\n" if ended and not data.endswith(b"\n") else data
            lines = cut(whole, most)
            if not len(lines.starts):
                length = len(data) + formats.skip_line(stream)
                yield Block(number, None, formats.too_long(number, data, length))
                number, rest = number + 1, b""
                continue
            yield Block(number, lines)
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
    found: Iterator[Block], known: Names, pool: ThreadPoolExecutor | None, most: int
) -> Iterator[tuple[Block, Parsed | None]]:
    """Blocks in their order, parsed a few ahead by the threads of the run."""
    if pool is None:
        yield from ((block, _parse(block, known)) for block in found)
        return
    waiting: deque[tuple[Block, Future[Parsed | None]]] = deque()
    for block in found:
        waiting.append((block, pool.submit(_parse, block, known)))
        if len(waiting) > most:
            first, future = waiting.popleft()
            yield first, future.result()
    while waiting:
        first, future = waiting.popleft()
        yield first, future.result()


def _parse(block: Block, known: Names) -> Parsed | None:
    return parse(block.lines, known, formats.LONGEST_RECORD) if block.lines else None


def _outcome(ingest: Ingest, block: Block, parsed: Parsed | None, file: str | None) -> Outcome:
    if parsed is None or block.lines is None:
        assert block.record is not None
        rows, failed = ingest.made([block.record._replace(file=file)])
        return Outcome(failed=pl.DataFrame(failed, schema=FAILED), taken=1)
    unusual = list(_records(block, block.lines, parsed, file))
    rows, failed = ingest.made(unusual)
    ingest.lose(parsed.lost)
    table = _table(ingest, block, parsed, file)
    if rows:
        table = _merged(table, pl.DataFrame(rows, schema=schema("sft")))
    return Outcome(
        kept=table if table.num_rows else None,
        failed=pl.DataFrame(failed, schema=FAILED),
        taken=len(parsed.messages) + len(unusual),
    )


def _records(block: Block, lines: Lines, parsed: Parsed, file: str | None) -> Iterator[Record]:
    """The records of the lines that are not plain; blank lines are none."""
    for place in np.flatnonzero(~parsed.plain).tolist():
        number, line = block.first + place, lines.line(place)
        if len(line) > formats.LONGEST_RECORD:
            yield formats.too_long(number, line, len(line) + 1)._replace(file=file)
        elif line and not line.isspace():
            yield formats.line_record(number, line)._replace(file=file)


def _table(ingest: Ingest, block: Block, parsed: Parsed, file: str | None) -> pa.Table:
    """The plain rows as a part holds them."""
    row = pa.array(np.flatnonzero(parsed.plain).astype(np.int64) + block.first)
    columns = {"messages": parsed.messages, UNDER + "row": row}
    if parsed.own.null_count < len(parsed.own):
        columns[UNDER + "source_id"] = parsed.own
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
    return with_constants(pa.table(columns), same)


def _merged(plain: pa.Table, others: pl.DataFrame) -> pa.Table:
    """All rows in the order of their lines."""
    whole = joined([plain, compact(others)], "sft")
    if UNDER + "row" not in whole.schema.names:
        return whole
    order = np.argsort(whole.column(UNDER + "row").to_numpy(), kind="stable")
    return whole.take(pa.array(order))
