"""Script: rows whose answers hold too much, or too little, of a writing system."""

from typing import ClassVar

import polars as pl
from pydantic import Field, field_validator, model_validator

from dataengine.decisions import Decided
from dataengine.row import conversation
from dataengine.stages.filters import Filter
from dataengine.text import said
from dataengine.view import View


class Script(Filter):
    """Drops rows whose assistant turns have a share of a script's letters outside the limits."""

    name: ClassVar[str] = "script"

    script: str
    """A Unicode script by its name: Han, Latin, Cyrillic, Arabic, Hiragana ..."""
    min_share: float | None = Field(None, ge=0, le=1)
    max_share: float | None = Field(None, ge=0, le=1)

    @field_validator("script")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            pl.Series(["a"]).str.contains(rf"\p{{{value}}}")
        except pl.exceptions.ComputeError:
            raise ValueError(f"Unicode has no script called {value!r}") from None
        return value

    @model_validator(mode="after")
    def _some_limit(self) -> "Script":
        if self.min_share is None and self.max_share is None:
            raise ValueError("script: give min_share or max_share")
        return self

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        columns = conversation(view.kind)
        rows = view.frame(*columns)
        turn = pl.element()
        answers = turn.filter(turn.struct.field("role") == "assistant")
        spoken = [said(pl.col(c).list.eval(answers)) for c in columns]
        text = pl.concat_str(spoken, separator="\n", ignore_nulls=True)
        letters = text.str.count_matches(r"\p{L}")
        share = text.str.count_matches(rf"\p{{{self.script}}}") / pl.max_horizontal(letters, 1)
        measured = rows.select(share=share, letters=letters)
        wrong = pl.lit(False)
        if self.max_share is not None:
            wrong = wrong | (pl.col("share") > self.max_share)
        if self.min_share is not None:
            wrong = wrong | (pl.col("share") < self.min_share)
        decided = measured.select(
            reason=pl.when(wrong & (pl.col("letters") > 0)).then(
                pl.lit(f"share of {self.script} script")
            ),
            evidence=pl.struct("share", "letters").struct.json_encode(),
        )
        return Decided(decided["reason"], decided["evidence"])
