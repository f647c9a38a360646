"""Stage `at_most`: so many rows of each skill. It looks at all rows before it decides on any."""

from typing import ClassVar

import polars as pl
from pydantic import Field

from dataengine.decisions import Decided
from dataengine.parts import cut
from dataengine.stages.stage import Stage, Survey, evidence


class AtMost(Stage):
    """Keeps the first rows of each skill, and no more than are wanted."""

    name: ClassVar[str] = "at_most"

    rows: int = Field(gt=0)
    """The most rows of one skill."""

    def look(self, view, context):
        return view.frame("skill")

    def settle(self, looks, table, context):
        rows = table.small().with_columns(pl.concat(table.alive_of(looks)))
        place = pl.int_range(pl.len()).over(pl.col("skill").fill_null(""))
        beyond = rows.filter(place >= self.rows)
        return Survey(cut(beyond.select("at", "skill"), table.parts), figures={"most": self.rows})

    def apply(self, view, found):
        told = view.at.join(found, on="place", how="left", maintain_order="left")
        goes = told["place"].is_in(found["place"].to_list())
        facts = [evidence(skill=skill, most=self.rows) for skill in told["skill"]]
        return Decided(
            pl.Series(["enough of its skill" if gone else None for gone in goes], dtype=pl.String),
            pl.Series(
                [fact if gone else None for fact, gone in zip(facts, goes, strict=True)],
                dtype=pl.String,
            ),
        )
