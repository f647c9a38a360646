"""Dropped rows: what every stage refused, whole, with reason and evidence."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from dataengine.decisions import Written
from dataengine.row import schema
from dataengine.stages.stage import FAILED, recognisable
from dataengine.view import Table, View

AHEAD = 16
"""Parts whose dropped rows are in memory at once."""


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


def gather(table: Table, decided: Sequence[tuple[Lost, Sequence[Path]]], pool: Executor) -> None:
    """Write the rows that each stage dropped, in the order of stages: a row is the first one's that
    refuses it. `decided` has the stage's decisions on each part."""
    work = partial(_gone, table, [files for _, files in decided])
    for first in range(0, len(table.parts), AHEAD):
        for found in pool.map(work, range(first, min(first + AHEAD, len(table.parts)))):
            for stage, rows in found.items():
                failed = rows["failed"]
                lost, _ = decided[stage]
                lost.add(rows.filter(~failed).drop("failed"))
                lost.add(_failed(rows.filter(failed)), "-failed")


def _gone(table: Table, decided: Sequence[Sequence[Path]], number: int) -> dict[int, pl.DataFrame]:
    """The rows of a part that went, by the place of the stage that dropped them."""
    alive = np.ones(table.parts[number].rows, np.bool_)
    found = {place: Written.read(files[number]).take(alive) for place, files in enumerate(decided)}
    return {place: _rows(table, number, gone) for place, gone in found.items() if gone.height}


def _rows(table: Table, number: int, gone: pl.DataFrame) -> pl.DataFrame:
    """Rows of a part, with why they went and whether a stage failed on them."""
    places = gone["place"].to_numpy()
    view = View(table.parts[number], table.sources[number], table.kind, places)
    return view.frame(*schema(table.kind)).with_columns(gone.drop("place").get_columns())


def _failed(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that a stage raised on, in the columns of `FAILED`."""
    told = rows.select("source", "reason", "evidence", pl.col("provenance").struct.field("row"))
    records = rows.drop("reason", "evidence", "failed").iter_rows(named=True)
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
