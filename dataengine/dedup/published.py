"""An existing dataset to hold rows against: any file that the engine reads, as Parquet parts."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from dataengine.dedup.texts import CONVERSATIONS
from dataengine.errors import UserError
from dataengine.row import MESSAGES, Kind, message
from dataengine.rows import formats, shapes
from dataengine.rows.errors import ShapeError

LINES = 20_000
KINDS: tuple[Kind, ...] = ("sft", "preference")


def as_parts(files: Sequence[Path], folder: Path) -> list[Path]:
    """The files as Parquet parts; Parquet with plain turns is one already, others are copied into
    `folder`.

    Raises:
        UserError: a file is not there, is of no known format, or a record of it has no turns.
    """
    parts: list[Path] = []
    for number, file in enumerate(map(Path, files)):
        if not file.is_file():
            raise UserError(f"{file}: no such file to hold rows against")
        if formats.suffix(str(file)) == ".parquet" and _has_turns(pq.read_schema(file)):
            parts.append(file)
            continue
        for chunk, frame in enumerate(_frames(file)):
            parts.append(folder / f"known-{number}-{chunk}.parquet")
            frame.write_parquet(parts[-1], compression="lz4")
    return parts


def _has_turns(schema: pa.Schema) -> bool:
    """Whether a table's conversations are lists of structs, as the engine stores them."""
    held = [schema.field(name).type for name in CONVERSATIONS if name in schema.names]
    return bool(held) and all(
        (pa.types.is_list(kind) or pa.types.is_large_list(kind))
        and pa.types.is_struct(kind.value_type)
        for kind in held
    )


def known_labels(part: Path) -> pl.DataFrame:
    """`id` and `source` (null) of a part of an existing dataset; rows without id by their place."""
    names = pl.read_parquet_schema(part)
    if "id" in names:
        ids = pl.read_parquet(part, columns=["id"])["id"].cast(pl.String)
    else:
        rows = pl.scan_parquet(part).select(pl.len()).collect().item()
        ids = pl.Series("id", [f"{part.name}:{row}" for row in range(rows)], dtype=pl.String)
    return pl.DataFrame({"id": ids, "source": pl.Series([None] * len(ids), dtype=pl.String)})


def own_labels(part: Path) -> pl.DataFrame:
    """`id` and `source` of one of the engine's own parts."""
    return pl.read_parquet(part, columns=["id", "source"]).select(
        "id", pl.col("source").fill_null("")
    )


def _frames(file: Path) -> Iterator[pl.DataFrame]:
    records = formats.records(str(file))
    while chunk := list(islice(records, LINES)):
        rows = [_row(file, record) for record in chunk]
        held = [c for c in CONVERSATIONS if any(row.get(c) for row in rows)]
        yield pl.DataFrame(
            [{"id": row["id"]} | {c: row.get(c) for c in held} for row in rows],
            schema={"id": pl.String} | dict.fromkeys(held, MESSAGES),
        )


def _row(file: Path, record: formats.Record) -> dict[str, Any]:
    where = f"{file}:{record.row}"
    if record.value is None:
        raise UserError(f"{where}: {record.trouble}")
    try:
        columns = _conversations(record.value)
    except ShapeError as error:
        raise UserError(f"{where}: {error}") from None
    turned = {
        name: [message(**turn) for turn in columns[name]]
        for name in CONVERSATIONS
        if name in columns
    }
    return {"id": str(record.value.get("id", where)), **turned}


def _conversations(record: dict[str, Any]) -> dict[str, Any]:
    """The conversations of a record of any kind."""
    for kind in KINDS:
        try:
            shape = shapes.find(record, kind)
        except ShapeError:
            continue
        return shapes.content(record, shape, kind, None).columns
    return shapes.prompt(record).columns
