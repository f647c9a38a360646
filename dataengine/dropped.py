"""Dropped rows: what every stage refused, whole, with reason and evidence."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from dataengine.decisions import Written
from dataengine.row import schema
from dataengine.stages.stage import FAILED, recognisable
from dataengine.view import Table


class Lost:
    """One stage's files of dropped and failed rows, written as they are found."""

    def __init__(self, folder: Path, name: str, label: str) -> None:
        self.folder, self.name, self.label = folder, name, label
        self._writers: dict[str, pq.ParquetWriter] = {}

    def add(self, rows: pl.DataFrame, suffix: str = "") -> None:
        """Some more rows that went."""
        if not rows.height:
            return
        table = rows.with_columns(stage=pl.lit(self.label)).to_arrow()
        if suffix not in self._writers:
            file = self.folder / f"{self.name}{suffix}.parquet"
            self._writers[suffix] = pq.ParquetWriter(file, table.schema, compression="zstd")
        self._writers[suffix].write_table(table)

    def close(self) -> None:
        """Finish the files."""
        for writer in self._writers.values():
            writer.close()


def gather(table: Table, decided: Sequence[tuple[Lost, Sequence[Path]]]) -> None:
    """Write the rows that each stage dropped, in the order of stages: a row is the first one's that
    refuses it. `decided` has the stage's decisions on each part."""
    for number, part in enumerate(table.parts):
        alive = np.ones(part.rows, np.bool_)
        for lost, files in decided:
            gone = Written.read(files[number]).take(alive)
            if gone.height:
                _write(table, number, lost, gone)


def _write(table: Table, number: int, lost: Lost, gone: pl.DataFrame) -> None:
    part = table.parts[number]
    places = gone["place"].to_numpy()
    columns = [name for name in schema(table.kind) if name != "id"]
    rows = part.frame(table.kind, columns, places).with_columns(part.ids(places))
    rows = rows.select(*schema(table.kind)).with_columns(gone["reason"], gone["evidence"])
    failed = gone["failed"]
    lost.add(rows.filter(~failed))
    lost.add(_failed(rows.filter(failed)), "-failed")


def _failed(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that a stage raised on, in the columns of `FAILED`."""
    told = rows.select("source", "reason", "evidence", pl.col("provenance").struct.field("row"))
    records = rows.drop("reason", "evidence").iter_rows(named=True)
    found = [
        facts | {"record": recognisable(record)}
        for facts, record in zip(told.to_dicts(), records, strict=True)
    ]
    return pl.DataFrame(found, schema=FAILED)


def read_lost(folder: Path) -> Iterator[tuple[str, list[Path]]]:
    """What a reader lost: the files of its dropped and of its failed rows, each with its suffix."""
    for name, suffix in (("dropped", ""), ("failed", "-failed")):
        files = sorted((folder / name).glob("[0-9]*.parquet"))
        if files:
            yield suffix, files
