"""A finished build on disk: its manifest, published rows, dropped rows and evidence tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
import pyarrow.parquet as pq

from dataengine.errors import UserError
from dataengine.published import read, stored

if TYPE_CHECKING:
    from dataengine.publish.hub import Published, Push

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
    """A finished build by its folder: what `dataengine.build` returns, and what `Built.open` finds.

    In a notebook it shows itself, and `print(built)` prints what the command prints."""

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> Built:
        """The finished build in a folder.

        Raises:
            UserError: there is none, or a file of its rows is missing.
        """
        folder = Path(folder)
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

    def rows(self, split: str | None = None) -> pl.DataFrame:
        """The published rows, of one split or of all, with the column `split`.

        A turn is a struct with every field that turns may have, null where it has none; for rows as
        TRL reads them, `datasets.load_dataset(str(built.folder))`.

        Raises:
            UserError: there is no such split.
        """
        if split is not None and split not in self.manifest["splits"]:
            known = ", ".join(self.manifest["splits"])
            raise UserError(f"{self.folder}: no split {split!r}; there are: {known}")
        wanted = [(name, file) for name, file in self.data() if split in (None, name)]
        return _joined(read(file).with_columns(split=pl.lit(name)) for name, file in wanted)

    def dropped(self) -> pl.DataFrame:
        """The rows that stages dropped, whole, with `stage`, `reason` and `evidence` (JSON)."""
        return self._lost("dropped")

    def failed(self) -> pl.DataFrame:
        """The records that never became rows, with `stage`, `reason`, `evidence`, and where each
        stood."""
        return self._lost("failed")

    def evidence(self, name: str = "evidence") -> pl.DataFrame:
        """An evidence table by its name: `evidence` is decontamination's, others are `decisions`,
        `pass_rates`, `candidates`, `judgements`; empty where no stage wrote it."""
        return _joined(map(pl.read_parquet, self.files(name)))

    def files(self, name: str, stage: str | None = None) -> list[Path]:
        """The files of the tables in `dropped/` of one name, of one stage where it is told."""
        named = (table for table in self.tables() if table.name == name)
        return [table.file for table in named if stage in (None, table.stage)]

    @property
    def card(self) -> str:
        """The dataset card (README.md)."""
        return (self.folder / "README.md").read_text(encoding="utf-8")

    def publish(
        self,
        repo: str | None = None,
        *,
        private: bool | None = None,
        allow_unknown_licence: bool = False,
    ) -> Published:
        """Publish to the Hub: where the mixture's `publish:` says, unless `repo` says otherwise.

        Raises:
            UserError: no place to go, an unknown licence, suites that were asked for and not
                checked, or what the Hub answers.
        """
        from dataengine.publish import hub

        place, seen = self._place(repo, private)
        return hub.publish(
            self.folder, place, private=seen, allow_unknown_licence=allow_unknown_licence
        )

    def push(
        self,
        repo: str | None = None,
        *,
        private: bool | None = None,
        allow_unknown_licence: bool = False,
    ) -> Push:
        """What `publish` with the same arguments would send; asks no network.

        Raises:
            UserError: as `publish` would before it asks the Hub.
        """
        from dataengine.publish import hub

        place, seen = self._place(repo, private)
        return hub.push(
            self.folder, place, private=seen, allow_unknown_licence=allow_unknown_licence
        )

    def _place(self, repo: str | None, private: bool | None) -> tuple[str, bool]:
        """Where to publish, and whether for oneself, once nothing unchecked stands in the way."""
        from dataengine.publish.hub import require_checked

        asked = self.mixture
        said = asked.get("publish") or {}
        place = repo or said.get("repo")
        if not place:
            raise UserError(
                f"{self.folder}: its mixture names no publish.repo; say --repo OWNER/NAME, in "
                "Python repo="
            )
        require_checked(self.manifest, (asked.get("decontaminate") or {}).get("missing"))
        return place, bool(said.get("private", True)) if private is None else private

    @property
    def mixture(self) -> dict[str, Any]:
        """The mixture as it was built."""
        from dataengine.document import Document

        found = Document(self.folder / "mixture.lock.yaml").data
        return found if isinstance(found, dict) else {}

    def _lost(self, name: str) -> pl.DataFrame:
        tables = [table for table in self.tables() if table.name == name]
        return _joined(read(table.file).with_columns(stage=pl.lit(table.stage)) for table in tables)

    def __str__(self) -> str:
        from dataengine.show import build_text

        return build_text(self.manifest, self.folder)

    def __repr__(self) -> str:
        splits = ", ".join(
            f"{name} {one['rows']:,}" for name, one in self.manifest["splits"].items()
        )
        return f"<Built {self.manifest['name']}: {splits} rows in {self.folder}>"

    def _repr_html_(self) -> str:
        from dataengine.show import build_html

        return build_html(self.manifest, self.folder)

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


def _joined(tables: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Tables one under the other; a column that some have not is null there."""
    found = list(tables)
    return pl.concat(found, how="diagonal_relaxed") if found else pl.DataFrame()


def matching(file: Path, ids: pl.Series) -> list[dict[str, Any]]:
    """The rows of a file that have one of these ids."""
    held = pl.read_parquet(file, columns=["id"])["id"]
    return rows_at(file, held.is_in(ids.implode()).arg_true().to_list())


def drawn(file: Path, most: int) -> list[dict[str, Any]]:
    """At most so many rows of a file, drawn by hash: a row's id is one."""
    ids = pl.read_parquet(file, columns=["id"]).with_row_index("at").sort("id", "at")
    return rows_at(file, ids["at"].head(most).to_list())


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
