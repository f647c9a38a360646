"""Row parts: immutable, numbered Arrow IPC files of rows, memory-mapped, with small columns beside.

The reader writes each row once; no stage copies it. A part holds only the columns and the fields of
turns that its rows use: what is the same in all of them (a source's licence, nulls) stands once in
the file's metadata. The small columns are what stages that look at all rows need of each. The file
of small columns comes last: where it is, the part is whole.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.ipc
from numpy.typing import NDArray

from dataengine import storage
from dataengine.row import (
    CONTENT,
    MESSAGE,
    MESSAGES,
    PROVENANCE,
    Kind,
    digest,
    named,
    schema,
)
from dataengine.text import prompt_id, prompt_texts, whole_texts

SMALL = {
    "id": pl.Binary(),
    "row": pl.Int64(),
    "bytes": pl.UInt32(),
    "digest": pl.Binary(),
    "prompt": pl.UInt64(),
}
"""Of each row its id (16 bytes), number in its file, bytes of text, a digest of its content that
equal rows of any source share (16 bytes), and the identity of its prompt."""

FIELDS = tuple(field.name for field in MESSAGE.fields)  # type: ignore[attr-defined]
TOLD = tuple(field.name for field in PROVENANCE.fields)  # type: ignore[attr-defined]
Places = list[int] | NDArray[Any] | None
FEW_ROWS = 2_000
"""So many rows are hashed one by one: compiling the kernels that hash more takes longer."""
UNDER = "provenance."
"""Provenance lies in columns of its own, since most of its fields are the same for all rows."""


class Part(NamedTuple):
    """One part of a source's rows, by the folder of the reading that wrote it and its number."""

    folder: Path
    number: int
    rows: int

    @property
    def file(self) -> Path:
        """The file of rows."""
        return self.folder / f"{self.number:06d}.rows.arrow"

    def small(self, columns: Sequence[str] = tuple(SMALL)) -> pl.DataFrame:
        """The small columns of every row."""
        found = framed(mapped(small_file(self.folder, self.number)).select(list(columns)))
        file = repeats_file(self.folder)
        if "id" not in columns or not storage.exists(file):
            return found
        again = _repeats(file, storage.fetch(file).stat().st_mtime_ns).get(self.number)
        if again is None:
            return found
        named = found["id"].scatter(again["place"].to_list(), again["id"].to_list())
        return found.with_columns(named)

    def ids(self, places: Places = None) -> pl.Series:
        """The ids of all rows or of those at `places`, as people and other builds see them."""
        held = self.small(["id"])["id"]
        return hexed(held if places is None else held.gather(places))

    def table(self) -> pa.Table:
        """The rows as they lie in the file."""
        return mapped(self.file)

    def frame(self, kind: Kind, columns: Iterable[str], places: Places = None) -> pl.DataFrame:
        """These columns of a row's schema, of all rows or of those at `places`, in their order."""
        table = self.table()
        if places is not None:
            wanted = {*columns} | {UNDER + name for name in TOLD if "provenance" in {*columns}}
            held = [name for name in table.schema.names if name in wanted]
            table = table.select(held).take(pl.Series(places, dtype=pl.Int64).to_arrow())
        return frame(table, kind, columns, self.rows if places is None else len(places))


def frame(table: pa.Table, kind: Kind, columns: Iterable[str], rows: int) -> pl.DataFrame:
    """Columns of a row's schema from a table as a part holds it."""
    types = schema(kind)
    return pl.DataFrame([_column(table, name, types[name], rows) for name in columns])


def _column(table: pa.Table, name: str, dtype: Any, rows: int) -> pl.Series:
    """A column of a row's schema, whether the file holds it, says it once, or leaves it out."""
    if name == "provenance":
        told = [_column(table, UNDER + f.name, f.dtype, rows) for f in PROVENANCE.fields]  # type: ignore[attr-defined]
        return pl.DataFrame([s.alias(n) for s, n in zip(told, TOLD, strict=True)]).to_struct(name)
    if name in table.schema.names:
        found = pl.from_arrow(table.column(name))
        assert isinstance(found, pl.Series)
        return (with_all_fields(found) if dtype == MESSAGES else found.cast(dtype)).alias(name)
    return pl.Series(name, [constants(table).get(name)], dtype=dtype).new_from_index(0, rows)


def constants(table: pa.Table) -> dict[str, Any]:
    """The columns that are the same in all rows of a part; one that is named nowhere is null."""
    found: dict[str, Any] = orjson.loads((table.schema.metadata or {}).get(b"constants", b"{}"))
    return found


def with_constants(table: pa.Table, told: dict[str, Any]) -> pa.Table:
    """A table of a part with what is the same in all its rows."""
    return table.replace_schema_metadata({"constants": orjson.dumps(told)})


def with_all_fields(turns: pl.Series) -> pl.Series:
    """Lists of turns with every field of a stored turn; those that the file leaves out are null."""
    there = {field.name for field in turns.dtype.inner.fields}  # type: ignore[attr-defined]
    if len(there) == len(FIELDS):
        return turns
    fields = [
        pl.element().struct.field(field.name)
        if field.name in there
        else pl.lit(None, field.dtype).alias(field.name)
        for field in MESSAGE.fields  # type: ignore[attr-defined]
    ]
    made = turns.to_frame("turns").select(pl.col("turns").list.eval(pl.struct(fields)))
    return made.to_series().cast(MESSAGES)


def arrow(held: pl.DataFrame | pl.Series) -> Any:
    """A frame as an Arrow table, a series as an array, in types that all readers of Arrow know."""
    return held.to_arrow(compat_level=pl.CompatLevel.oldest())


def framed(table: pa.Table) -> pl.DataFrame:
    """An Arrow table as a frame."""
    found = pl.from_arrow(table)
    assert isinstance(found, pl.DataFrame)
    return found


def mapped(file: Path) -> pa.Table:
    """An Arrow IPC file, memory-mapped: nothing is read until it is looked at."""
    with pa.memory_map(str(storage.fetch(file))) as source:
        return pa.ipc.open_file(source).read_all()


@lru_cache(maxsize=64)
def _repeats(file: Path, written: int) -> dict[int, pl.DataFrame]:
    """The ids of rows that are equal to an earlier one of their source, by part; the file's time of
    writing tells a file from the one that lay there before."""
    found = framed(mapped(file))
    return {int(number): rows for (number,), rows in found.group_by("number")}  # type: ignore[call-overload]


def repeats_file(folder: Path) -> Path:
    """Where those ids lie."""
    return folder / "repeats.arrow"


def small_file(folder: Path, number: int) -> Path:
    """Where the small columns of a part lie."""
    return folder / f"{number:06d}.small.arrow"


def write(
    folder: Path, number: int, rows: pa.Table, small: pl.DataFrame, compression: str | None = None
) -> Part:
    """Write a part, each of its two files by one rename; rows in lz4 or zstd where told."""
    written(rows, folder / f"{number:06d}.rows.arrow", compression)
    written(arrow(small), small_file(folder, number))
    return Part(folder, number, small.height)


def written(table: pa.Table, file: Path, compression: str | None = None) -> None:
    """Write an Arrow IPC file under its name by one rename."""
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with (
        storage.writing(file) as partial,
        pa.OSFile(str(partial), "wb") as sink,
        pa.ipc.new_file(sink, table.schema, options=options) as out,
    ):
        out.write_table(table.combine_chunks())


def rows_at(table: pa.Table, places: NDArray[Any]) -> pa.Table:
    """Rows of a table of one chunk at ascending places, uncopied where they follow each other."""
    low, high = int(places[0]), int(places[-1]) + 1
    if high - low == len(places):
        return table.slice(low, high - low)
    return table.take(pl.Series(places, dtype=pl.Int64).to_arrow()).combine_chunks()


def compact(rows: pl.DataFrame) -> pa.Table:
    """Rows of the full schema as a part stores them: constant columns and unused fields once, in
    the metadata."""
    flat = rows.with_columns(
        pl.col("provenance").struct.field(name).alias(UNDER + name) for name in TOLD
    ).drop("provenance", "id")
    same: dict[str, Any] = {}
    columns: dict[str, pa.Array] = {}
    for name, column in flat.to_dict().items():
        if column.dtype == MESSAGES:
            columns[name] = _used_fields(column)
        elif rows.height and column.n_unique() == 1:
            same[name] = column[0]
        else:
            columns[name] = arrow(column)
    return with_constants(pa.table(columns), same)


def joined(tables: Sequence[pa.Table], kind: Kind) -> pa.Table:
    """The rows of several tables as a part holds them, one after the other."""
    told = [constants(table) for table in tables]
    names = dict.fromkeys(name for table in tables for name in table.schema.names)
    named = dict.fromkeys(name for same in told for name in same)
    same = {}
    for name in named:
        values = [held.get(name) for held in told]
        if name not in names and any(value != values[0] for value in values):
            names[name] = None
        elif name not in names:
            same[name] = values[0]
    types = {UNDER + field.name: field.dtype for field in PROVENANCE.fields}  # type: ignore[attr-defined]
    types |= schema(kind)
    columns = {}
    for name in names:
        if types[name] == MESSAGES:
            columns[name] = _turns_joined([table.column(name) for table in tables])
        else:
            held = [_column(table, name, types[name], table.num_rows) for table in tables]
            columns[name] = arrow(pl.concat(held))
    return with_constants(pa.table(columns), same)


def _turns_joined(columns: Sequence[pa.ChunkedArray]) -> pa.Array:
    """Lists of turns one after the other, with the fields that any of them has."""
    lists = [whole(column) for column in columns]
    used = [n for n in FIELDS if any(held.values.type.get_field_index(n) >= 0 for held in lists)]
    types = {
        field.name: field.type
        for held in lists
        for field in map(held.values.type.field, range(held.values.type.num_fields))
    }
    made = []
    for held in lists:
        turns = held.values
        fields = [
            turns.field(name)
            if turns.type.get_field_index(name) >= 0
            else pa.nulls(len(turns), types[name])
            for name in used
        ]
        struct = pa.StructArray.from_arrays(fields, used)
        made.append(pa.LargeListArray.from_arrays(held.offsets, struct))
    return pa.concat_arrays(made)


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column in one piece."""
    if isinstance(column, pa.Array):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _used_fields(turns: pl.Series) -> pa.Array:
    fields = turns.explode(keep_nulls=False, empty_as_null=False).struct.unnest()
    used = [n for n in FIELDS if n in ("role", "content") or fields[n].null_count() < fields.height]
    kept = pl.struct(pl.element().struct.field(name) for name in used)
    made = turns.to_frame("turns").select(pl.col("turns").list.eval(kept)).to_series()
    return arrow(made)


def small_of(
    table: pa.Table, kind: Kind, source: str, ids: Sequence[str] | None = None
) -> pl.DataFrame:
    """The small columns of rows as a part holds them; `ids`, where rows have one already."""
    made = _of_chats(table) if _is_bulk(table, kind) else _of_any(table, kind)
    known = [bytes.fromhex(i) for i in ids] if ids else [named(source, d) for d in made["digest"]]
    row = _column(table, UNDER + "row", SMALL["row"], table.num_rows).alias("row")
    return pl.DataFrame({"id": known, "row": row, **made}, schema=SMALL)


def _is_bulk(table: pa.Table, kind: Kind) -> bool:
    """Whether kernels hash these rows: chats, and enough of them."""
    return kind == "sft" and table.num_rows >= FEW_ROWS


def _of_chats(table: pa.Table) -> dict[str, Any]:
    from dataengine import digests  # numba: not needed to plan

    messages = whole(table.column("messages"))
    turns = digests.flat(messages, [_texts(table, name) for name in digests.BESIDE])
    prompts = digests.prompts(turns, messages)
    return {"bytes": turns.bytes, "digest": digests.digests(turns), "prompt": prompts}


def _texts(table: pa.Table, name: str) -> pa.Array | None:
    """A column of texts that some rows have."""
    if name in table.schema.names:
        return whole(table.column(name)).cast(pa.large_string())
    told = constants(table).get(name)
    return None if told is None else pa.repeat(pa.scalar(told, pa.large_string()), table.num_rows)


def _of_any(table: pa.Table, kind: Kind) -> dict[str, Any]:
    rows = frame(table, kind, CONTENT[kind], table.num_rows)
    return {
        "bytes": whole_texts(rows, kind).str.len_bytes(),
        "digest": [digest(row) for row in rows.iter_rows(named=True)],
        "prompt": [int(prompt_id(text), 16) for text in prompt_texts(rows, kind)],
    }


def hexed(ids: pl.Series) -> pl.Series:
    """Ids as people and other builds see them."""
    return ids.bin.encode("hex")


def prompts_hexed(prompts: pl.Series) -> pl.Series:
    """Identities of prompts as 16 hexadecimal digits."""
    return pl.Series(prompts.name, [f"{number:016x}" for number in prompts], dtype=pl.String)


class ByPart(Sequence[pl.DataFrame]):
    """A small table for each part, made when it is asked for."""

    def __init__(self, parts: int, make: Callable[[int], pl.DataFrame]) -> None:
        self.parts, self.make = parts, make

    def __len__(self) -> int:
        return self.parts

    def __getitem__(self, number: Any) -> Any:
        """The table of a part."""
        if not 0 <= number < self.parts:
            raise IndexError(number)
        return self.make(number)


def bounds(parts: Sequence[Part]) -> NDArray[np.int64]:
    """Where each part's rows begin among all, and the end of the last."""
    return np.cumsum([0, *(part.rows for part in parts)])


def cut(frame: pl.DataFrame, parts: Sequence[Part]) -> list[pl.DataFrame]:
    """A table by row number (`at`, ascending) as one for each part, with `place` in the part."""
    edges = bounds(parts)
    found = np.searchsorted(frame["at"].to_numpy(), edges)
    return [
        frame[int(low) : int(high)]
        .with_columns((pl.col("at") - int(edge)).cast(pl.UInt32).alias("place"))
        .drop("at")
        for edge, (low, high) in zip(edges[:-1], pairwise(found), strict=True)
    ]
