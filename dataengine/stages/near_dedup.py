"""Near duplicates: MinHash finds candidates, exact Jaccard decides, one row of a cluster stays."""

import hashlib
from pathlib import Path
from typing import Any, ClassVar, Literal

import polars as pl
from pydantic import Field

from dataengine.errors import UserError
from dataengine.sources.files import matching
from dataengine.stages.exact_dedup import without
from dataengine.stages.stage import Context, Outcome, Stage, Survey
from dataengine.table import Table


class NearDedup(Stage):
    """Drops rows that share most of their shingles with a row that stays."""

    name: ClassVar[str] = "near_dedup"
    version: ClassVar[int] = 2

    threshold: float = Field(0.8, ge=0.7, lt=1)
    """Jaccard similarity of the shingle sets from which two rows count as one."""
    side: Literal["prompt", "row"] = "row"
    shingle: Literal["word", "char"] = "word"
    keep: Literal["first", "longest"] = "first"
    """Which row of a cluster stays: of the source listed first, or the longest."""
    protect: tuple[str, ...] = ()
    """Sources whose rows are never dropped."""
    against: tuple[str, ...] = ()
    """Existing datasets (.parquet, .jsonl; files or globs beside the mixture) whose rows stay."""
    base: Path = Field(default=Path(), exclude=True)

    def explain(self) -> str:
        known = f", against {', '.join(self.against)}" if self.against else ""
        return (
            f"Jaccard >= {self.threshold:g} of {self.shingle} shingles, one per {self.side}{known}"
        )

    def identity(self) -> dict[str, Any]:
        """Without the names of the files it holds rows against: their content is in `needs`."""
        return {k: v for k, v in super().identity().items() if k != "against"}

    def needs(self) -> dict[str, str]:
        whole = hashlib.blake2b(digest_size=16)
        for file in self.known():
            with file.open("rb") as stream:
                whole.update(hashlib.file_digest(stream, "blake2b").digest())
        return {"against": whole.hexdigest()} if self.against else {}

    def known(self) -> list[Path]:
        """The files of `against`, in order.

        Raises:
            UserError: one of its names means no file.
        """
        found: list[Path] = []
        for name in self.against:
            files = matching(self.base / name)
            if not files:
                raise UserError(f"dedup: minhash: against: there is no file {self.base / name}")
            found += files
        return found

    def survey(self, table: Table, context: Context) -> Survey:
        from dataengine.dedup import near  # numba: not needed to plan
        from dataengine.dedup.minhash import Bands

        twins = near.duplicates(
            table.parts,
            self.side,
            threshold=self.threshold,
            shingle=self.shingle,
            keep=self.keep,
            protect=self.protect,
            against=self.known(),
            threads=context.workers,
            seed=context.seed,
            folder=context.folder,
        )
        curve = Bands.of(self.threshold).curve()
        return Survey(found=twins, figures={"duplicates": twins.height, "curve": curve})

    def apply(self, rows: pl.DataFrame, survey: Survey) -> Outcome:
        return without(rows, survey.found, "near duplicate")
