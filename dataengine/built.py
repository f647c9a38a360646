"""A finished build on disk: its manifest, published rows, dropped rows and evidence tables."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow.parquet as pq

from dataengine.errors import UserError
from dataengine.published import stored

COUNTS = {
    "number": pl.Int64(),
    "stage": pl.String(),
    "source": pl.String(),
    "reason": pl.String(),
    "rows": pl.Int64(),
}


class Beside(NamedTuple):
    """A table in `dropped/`: the rows that a stage dropped or failed on, or its evidence."""

    number: int
    """The stage's place in the build."""
    stage: str
    name: str
    """`dropped`, `failed`, or the evidence table's own."""
    file: Path

    @property
    def lost(self) -> bool:
        """Whether it holds rows that went, rather than what speaks of rows."""
        return self.name in ("dropped", "failed")


class Built(NamedTuple):
    """A build by the folder that holds it."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "Built":
        """The finished build in a folder.

        Raises:
            UserError: there is none, or a file of its rows is missing.
        """
        try:
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            manifest["stages"], manifest["splits"]
        except (OSError, ValueError, KeyError, TypeError):
            raise UserError(
                f"{folder}: no finished build here (no manifest.json of one); "
                "name the folder that `build` wrote"
            ) from None
        built = cls(folder, manifest)
        for _, file in built.data():
            if not file.is_file():
                raise UserError(f"{file}: is not there any more; build again to mend it")
        return built

    def data(self) -> Iterator[tuple[str, Path]]:
        """The files of published rows, each with its split."""
        for split, held in self.manifest["splits"].items():
            for file in held["files"]:
                yield split, self.folder / file["path"]

    def tables(self) -> list[Beside]:
        """The tables in `dropped/`, in the order of stages."""
        found = []
        for number, stage in enumerate(self.manifest["stages"]):
            prefix = f"{number:02d}-{stage['label'].replace(' ', '-')}"
            for file in sorted((self.folder / "dropped").glob(f"{number:02d}-*.parquet")):
                if file.stem.startswith(prefix):
                    name = file.stem.removeprefix(prefix).removeprefix("-") or "dropped"
                    found.append(Beside(number, stage["label"], name, file))
        return found

    def evidence(self, name: str) -> list[Path]:
        """The evidence tables of one name."""
        return [table.file for table in self.tables() if table.name == name]

    def lost(self) -> pl.DataFrame:
        """Rows dropped and failed, counted by stage, source and reason, in `COUNTS`."""
        counted = [
            pl.scan_parquet(table.file)
            .group_by("source", "reason")
            .agg(pl.len().cast(pl.Int64).alias("rows"))
            .with_columns(number=pl.lit(table.number, pl.Int64), stage=pl.lit(table.stage))
            .select(*COUNTS)
            .collect()
            for table in self.tables()
            if table.lost
        ]
        return pl.concat([pl.DataFrame(schema=COUNTS), *counted]).sort("number", "source", "reason")

    def find(self, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Rows by their ids, wherever they are: published (with `split`) or dropped (with `stage`,
        `reason` and `evidence`)."""
        wanted = pl.Series("id", sorted(set(ids)), dtype=pl.String)
        found: dict[str, dict[str, Any]] = {}
        for split, file in self.data():
            for row in matching(file, wanted):
                found[row["id"]] = row | {"split": split}
        for table in self.tables():
            if table.name == "dropped":
                for row in matching(table.file, wanted):
                    found.setdefault(row["id"], row | {"number": table.number})
        return found


def matching(file: Path, ids: pl.Series) -> list[dict[str, Any]]:
    """The rows of a file that have one of these ids."""
    held = pl.read_parquet(file, columns=["id"])["id"]
    return rows_at(file, held.is_in(ids.implode()).arg_true().to_list())


def rows_at(file: Path, places: Iterable[int]) -> list[dict[str, Any]]:
    """Rows of a file of ours by their places, ascending; only the row groups that hold them are
    read."""
    wanted = sorted(places)
    found: list[dict[str, Any]] = []
    with pq.ParquetFile(file) as parquet:
        first = 0
        for group in range(parquet.num_row_groups):
            end = first + parquet.metadata.row_group(group).num_rows
            mine = [place - first for place in wanted if first <= place < end]
            if mine:
                found += stored(parquet.read_row_group(group).take(mine)).to_dicts()
            first = end
    return found
