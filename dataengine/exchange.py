"""Shuffle exchange: rows scattered from parts into buckets by files, each bucket gathered at once.

While the page cache holds the parts, a bucket is taken from them as they lie. Beyond it every
bucket would read every part again from disk; then one pass over the parts writes each row under
its bucket, and a bucket is one piece of each of these files.
"""

import os
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import polars as pl
import pyarrow as pa
import pyarrow.ipc

from dataengine import storage
from dataengine.parts import arrow, framed
from dataengine.row import schema
from dataengine.stages.stage import Context
from dataengine.view import Table

SCATTERED_BYTES = 64 << 20
"""Bytes of parts that are scattered into one file: each thread holds that much, some times over."""
AHEAD = 16
"""Files that wait to be scattered at once."""
CACHED = 0.5
"""The share of memory that parts may take to be read again and again."""
TOLD = ("to", "bytes")
LIMIT = Path("/sys/fs/cgroup/memory.max")


class Wanted(Protocol):
    """Rows to write, told by `part`, `place` and `copy`, with their `bytes`, their `bucket` and
    their place there (`to`), sorted by the first three."""

    @property
    def buckets(self) -> Sequence[Any]:
        """As many as there are buckets."""
        ...

    def bucket(self, number: int) -> pl.DataFrame:
        """Those of a bucket."""
        ...

    def of_parts(self, edges: Sequence[int], folder: Path) -> Iterator[pl.DataFrame]:
        """Those of the parts from each edge up to the next; `folder` is for temporary files."""
        ...


class Buckets(Protocol):
    """Rows by bucket."""

    def gather(self, bucket: int) -> pl.DataFrame:
        """The rows of a bucket: the columns of their kind, their place in it (`to`), `bytes`."""
        ...


@contextmanager
def buckets(table: Table, wanted: Wanted, context: Context) -> Iterator[Buckets]:
    """Rows of a table by bucket."""
    size = sum(storage.fetch(part.file).stat().st_size for part in table.parts)
    assert context.pool is not None
    if context.compression is None and size <= CACHED * memory():
        yield Taken(table, wanted)
        return
    folder = context.folder / "scattered"
    folder.mkdir(exist_ok=True)
    yield Scattered.of(table, wanted, folder, context.pool)
    shutil.rmtree(folder)


def memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its control group's."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = LIMIT.read_text().strip() if LIMIT.is_file() else "max"
    return min(whole, int(limit)) if limit.isdecimal() else whole


class Taken:
    """Buckets taken from the parts as they lie."""

    def __init__(self, table: Table, wanted: Wanted) -> None:
        self.table, self.wanted = table, wanted

    def gather(self, bucket: int) -> pl.DataFrame:
        """The rows of a bucket; each part that holds some is read once."""
        return rows_of(self.table, self.wanted.bucket(bucket))


class Scattered:
    """Buckets in files: each file has the rows of some parts, a record batch for each bucket."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files

    @classmethod
    def of(cls, table: Table, wanted: Wanted, folder: Path, pool: Executor) -> "Scattered":
        """Scatter the rows of all parts; a file that is there is not made again."""
        count, edges = len(wanted.buckets), [*_edges(table)]
        files = [folder / f"{number:06d}.arrow" for number in range(len(edges) - 1)]
        waiting: deque[Future[Path]] = deque()
        for held, file in zip(wanted.of_parts(edges, folder), files, strict=True):
            waiting.append(pool.submit(scatter, table, held, count, file))
            if len(waiting) > AHEAD:
                waiting.popleft().result()
        for last in waiting:
            last.result()
        return cls(files)

    def gather(self, bucket: int) -> pl.DataFrame:
        """The rows of a bucket: one piece of each file."""
        pieces = []
        for file in self.files:
            with pa.memory_map(str(file)) as source:
                pieces.append(pa.ipc.open_file(source).get_batch(bucket))
        return framed(pa.Table.from_batches(pieces))


def _edges(table: Table) -> Iterator[int]:
    """The first of some consecutive parts of SCATTERED_BYTES and more, of the next, and the end."""
    yield 0
    size = 0
    for number, part in enumerate(table.parts, 1):
        size += storage.fetch(part.file).stat().st_size
        if size >= SCATTERED_BYTES or number == len(table.parts):
            yield number
            size = 0


def scatter(table: Table, wanted: pl.DataFrame, count: int, file: Path) -> Path:
    """Write rows of some parts as one batch for each of `count` buckets, by one rename."""
    if file.exists():
        return file
    rows = rows_of(table, wanted)
    ordered = wanted.with_row_index("at").sort("bucket", "to")
    edges = ordered["bucket"].search_sorted(pl.Series(range(count + 1)), side="left").to_list()
    held = arrow(rows[ordered["at"]]).combine_chunks()
    partial = file.with_name(f"tmp-{file.name}")
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with (
        pa.OSFile(str(partial), "wb") as sink,
        pa.ipc.new_file(sink, held.schema, options=options) as out,
    ):
        (whole,) = held.to_batches() or [pa.RecordBatch.from_pylist([], held.schema)]
        for low, high in pairwise(edges):
            out.write_batch(whole.slice(low, high - low))
    partial.rename(file)
    return file


def rows_of(table: Table, wanted: pl.DataFrame) -> pl.DataFrame:
    """The rows that `wanted` names, in its order, with their `to` and `bytes`."""
    types: dict[str, Any] = {**schema(table.kind), **wanted.select(TOLD).schema}
    found = [
        _of_part(table, int(number), held)  # type: ignore[call-overload]
        for (number,), held in wanted.group_by("part", maintain_order=True)
    ]
    return pl.concat([pl.DataFrame(schema=types), *found], how="vertical", rechunk=True)


def _of_part(table: Table, number: int, wanted: pl.DataFrame) -> pl.DataFrame:
    """Rows of one part, as often as they are wanted, in the columns of their kind."""
    part, added = table.parts[number], table.added[number]
    places = wanted["place"].to_numpy()
    columns = [name for name in schema(table.kind) if name != "id"]
    extra = [] if added is None else [c for c in added.columns if c in columns]
    found = part.frame(table.kind, [c for c in columns if c not in extra], places)
    named = pl.DataFrame([part.ids(places), wanted["copy"]]).select(copied()).to_series()
    more = [] if added is None else [added[c].gather(places) for c in extra]
    rows = found.with_columns(named, *more).select(*schema(table.kind))
    return rows.with_columns(wanted.select(TOLD).get_columns())


def copied() -> pl.Expr:
    """The id of a copy says which copy it is."""
    number = pl.col("copy")
    named = pl.format("{}-{}", pl.col("id"), number)
    return pl.when(number == 0).then(pl.col("id")).otherwise(named).alias("id")
