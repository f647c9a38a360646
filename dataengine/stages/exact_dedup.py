"""Exact duplicates: one row of each prompt (or of each whole row) stays."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl

from dataengine.decisions import Decided
from dataengine.stages.stage import Context, Stage, Survey
from dataengine.view import Table, View

_SIDES = {"row": "text", "prompt": "prompt"}


class ExactDedup(Stage):
    """Drops rows whose normalised prompt or whole text has been seen before."""

    name: ClassVar[str] = "exact_dedup"
    version: ClassVar[int] = 2

    side: Literal["prompt", "row"] = "row"
    """What must be equal: the prompt (one answer per prompt stays), or all of the row."""
    protect: tuple[str, ...] = ()
    """Sources whose rows are never dropped; otherwise the first source listed wins."""

    def explain(self) -> str:
        return f"one of the rows with an equal {_SIDES[self.side]}" + _protected(self.protect)

    def look(self, view: View, context: Context) -> pl.DataFrame | None:
        """128 bits of each row's prompt; those of whole rows are small columns already."""
        if self.side == "row":
            return None
        from dataengine.dedup.exact import prompt_keys  # numba: not needed to plan

        return prompt_keys(view)

    def looker(self) -> Stage:
        return self.model_copy(update={"protect": ()})

    def settle(
        self, looks: Sequence[pl.DataFrame], table: Table, context: Context
    ) -> Survey | None:
        from dataengine.dedup.exact import Keyed, duplicates, row_keys
        from dataengine.dedup.twins import TWIN, Twins

        def parts() -> Iterator[Keyed]:
            for view in table.views():
                at = view.first + view.places.astype(np.int64)
                if looks:
                    keys = looks[view.number].to_numpy()[view.places]
                else:
                    keys = row_keys(view.part.small(["digest"])["digest"].gather(view.places))
                yield Keyed(keys, at, view.source in self.protect)

        rows = sum(int(alive.sum()) for alive in table.alive)
        found = duplicates(parts(), rows, context.folder)
        twins = Twins(found, TWIN, table, context.folder)
        return Survey(twins, figures={"duplicates": twins.rows})

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        assert found is not None
        return without(view, found, "exact duplicate")


def without(view: View, twins: pl.DataFrame, reason: str) -> Decided:
    """Drop the rows that `twins` names (place, duplicate_of, figures ...); the rest is evidence."""
    facts = [c for c in twins.columns if c != "place"]
    told = twins.select("place", pl.struct(facts).struct.json_encode().alias("evidence"))
    found = view.at.join(told, on="place", how="left", maintain_order="left")
    reasons = found.select(pl.when(pl.col("evidence").is_not_null()).then(pl.lit(reason)))
    return Decided(reasons.to_series(), found["evidence"])


def _protected(protect: tuple[str, ...]) -> str:
    return f", never of {', '.join(protect)}" if protect else ""
