"""Exact duplicates: one row of each prompt (or of each whole row) stays."""

from typing import ClassVar, Literal

import polars as pl

from dataengine.stages.stage import Context, Outcome, Stage, Survey
from dataengine.table import Table


class ExactDedup(Stage):
    """Drops rows whose normalised prompt or whole text has been seen before."""

    name: ClassVar[str] = "exact_dedup"
    version: ClassVar[int] = 2

    side: Literal["prompt", "row"] = "row"
    """What must be equal: the prompt (one answer per prompt stays), or all of the row."""
    protect: tuple[str, ...] = ()
    """Sources whose rows are never dropped; otherwise the first source listed wins."""

    def explain(self) -> str:
        return f"one row per {self.side}" + _protected(self.protect)

    def survey(self, table: Table, context: Context) -> Survey:
        from dataengine.dedup.exact import duplicates  # numba for prompts: not needed to plan

        twins = duplicates(table.parts, self.side, protect=self.protect)
        return Survey(found=twins, figures={"duplicates": twins.height})

    def apply(self, rows: pl.DataFrame, survey: Survey) -> Outcome:
        return without(rows, survey.found, "exact duplicate")


def without(rows: pl.DataFrame, twins: pl.DataFrame, reason: str) -> Outcome:
    """Drop the rows that `twins` names (id, duplicate_of, figures ...); the rest is evidence."""
    facts = [c for c in twins.columns if c != "id"]
    found = rows.select("id").join(
        twins.select("id", pl.struct(facts).struct.json_encode().alias("evidence")),
        on="id",
        how="left",
        maintain_order="left",
    )
    reasons = found.select(pl.when(pl.col("evidence").is_not_null()).then(pl.lit(reason)))
    return Outcome.by_reason(rows, reasons.to_series(), found["evidence"])


def _protected(protect: tuple[str, ...]) -> str:
    return f", never of {', '.join(protect)}" if protect else ""
