"""Near duplicates: MinHash finds candidates, exact Jaccard decides, one row of a cluster stays."""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import Field

from dataengine.decisions import Decided
from dataengine.errors import UserError
from dataengine.sources.files import matching
from dataengine.stages.exact_dedup import without
from dataengine.stages.stage import Context, Stage, Survey
from dataengine.view import Table, View


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

    def prepare(self) -> None:
        from dataengine.dedup.near_warmup import compile_ahead

        compile_ahead()

    def look(self, view: View, context: Context) -> pl.DataFrame | None:
        """A MinHash sketch of every row."""
        from dataengine.dedup.near_warmup import COMPILING
        from dataengine.dedup.texts import ViewBlock
        from dataengine.kernels.compile_process import wait

        wait(COMPILING)
        return self._settings(context).sketch(ViewBlock(view)).table()

    def looker(self) -> Stage:
        return self.model_copy(update={"keep": "first", "protect": (), "against": ()})

    def settle(
        self, looks: Sequence[pl.DataFrame], table: Table, context: Context
    ) -> Survey | None:
        from dataengine.dedup.near import NEAR_TWIN
        from dataengine.dedup.published import as_parts, known_labels
        from dataengine.dedup.sketches import Sketches
        from dataengine.dedup.texts import blocks
        from dataengine.dedup.twins import Twins

        settings = self._settings(context)
        with tempfile.TemporaryDirectory(prefix="tmp-", dir=context.folder) as scratch:
            files = as_parts(self.known(), Path(scratch))
            known = blocks(files)
            foreign = [settings.sketch(block) for block in known]
            ours = [Sketches.of_table(look) for look in looks]
            none = pl.DataFrame(schema={"id": pl.String, "source": pl.String})
            known_ids = pl.concat([none, *map(known_labels, files)])["id"]
            stay = np.ones(len(known_ids), np.bool_)
            found: Iterator[np.ndarray] = iter(())
            if foreign or ours:
                sketches = Sketches.joined([*foreign, *ours], Path(scratch))
                sketches.forget(~np.concatenate([stay, *table.alive]))
                found = settings.twins(
                    [*known, *table_blocks(table, len(known_ids))],
                    sketches,
                    np.concatenate([stay, table.of(self.protect)]),
                    context.workers,
                    Path(scratch),
                )
            renumbered = (_of_build(twins, len(known_ids)) for twins in found)
            twins = Twins(renumbered, NEAR_TWIN, table, context.folder, known_ids)
        figures = {"duplicates": twins.rows, "curve": settings.bands.curve()}
        return Survey(twins, figures=figures)

    def _settings(self, context: Context) -> Any:
        from dataengine.dedup import near  # numba: not needed to plan
        from dataengine.dedup.shingles import Shingling

        shingling = Shingling.of(self.shingle, None)
        return near.Settings(self.side, self.threshold, shingling, self.keep, context.seed)

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        assert found is not None
        return without(view, found, "near duplicate")


def _of_build(twins: np.ndarray, known: int) -> np.ndarray:
    """Twins among the build's rows by their numbers there; rows of an existing dataset, which have
    the first numbers, come under 0."""
    twins = twins[twins["at"] >= known]
    for name in ("at", "of"):
        twins[name] -= known
    return twins


def table_blocks(table: Table, first: int) -> Iterator[Any]:
    """All rows as blocks, numbered from `first` on."""
    from dataengine.dedup.texts import ViewBlock

    for number in range(len(table.parts)):
        view = table.view(number, everybody=True)
        yield ViewBlock(view, first + view.first)
