"""Length: rows that are too short or too long, in characters or tokens."""

from typing import ClassVar

import polars as pl
from pydantic import Field, model_validator

from dataengine import tokens
from dataengine.decisions import Decided
from dataengine.row import conversation
from dataengine.stages.filters import Filter
from dataengine.text import whole_texts
from dataengine.view import View


class Length(Filter):
    """Drops rows whose turns, together, are outside the given lengths."""

    name: ClassVar[str] = "length"

    min_chars: int | None = Field(None, gt=0)
    max_chars: int | None = Field(None, gt=0)
    min_tokens: int | None = Field(None, gt=0)
    max_tokens: int | None = Field(None, gt=0)
    tokenizer: tokens.Tokenizer = None
    """The mixture's own where absent; without either, tokens are estimated as bytes / 4."""

    @model_validator(mode="after")
    def _some_limit(self) -> "Length":
        if not any((self.min_chars, self.max_chars, self.min_tokens, self.max_tokens)):
            raise ValueError("length: give min_chars, max_chars, min_tokens or max_tokens")
        return self

    def explain(self) -> str:
        limits = self.model_dump(exclude_none=True, exclude={"tokenizer"})
        counted = f" ({tokens.named(self.tokenizer)})" if self.min_tokens or self.max_tokens else ""
        return ", ".join(f"{k} {v:,}" for k, v in limits.items()) + counted

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        texts = whole_texts(view.frame(*conversation(view.kind)), view.kind)
        reason = pl.lit(None, dtype=pl.String)
        measured = pl.DataFrame({"chars": texts.str.len_chars()})
        if self.min_tokens or self.max_tokens:
            measured = measured.with_columns(tokens.lengths(texts, self.tokenizer))
        for unit in measured.columns:
            low, high = getattr(self, f"min_{unit}"), getattr(self, f"max_{unit}")
            if low:
                reason = pl.when(pl.col(unit) < low).then(pl.lit("too short")).otherwise(reason)
            if high:
                reason = pl.when(pl.col(unit) > high).then(pl.lit("too long")).otherwise(reason)
        decided = measured.select(reason=reason, evidence=pl.struct(pl.all()).struct.json_encode())
        return Decided(decided["reason"], decided["evidence"])
