"""Filters: stages that a mixture lists by name. Adding one is one file here."""

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from functools import cache
from typing import ClassVar, NamedTuple

import orjson
import polars as pl

from dataengine.row import MESSAGES, Message
from dataengine.rows.texts import texts
from dataengine.stages.stage import Outcome, Stage, Survey, evidence
from dataengine.text import SAID


@cache
def known() -> dict[str, type[Stage]]:
    """Every filter by its name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return {f.name: f for f in _descendants(Filter) if hasattr(f, "name")}


def _descendants(stage: type[Stage]) -> Iterator[type[Stage]]:
    for child in stage.__subclasses__():
        yield child
        yield from _descendants(child)


class Filter(Stage):
    """A stage that drops rows for what stands in them, each row on its own."""


class Finding(NamedTuple):
    """What a turn filter found: the reason to count it under, and where it stands in the text."""

    reason: str
    start: int
    end: int


class TurnFilter(Filter):
    """A filter that reads what turns say: content, reasoning, and what stands in their calls. A row
    goes when any of these gives a reason to."""

    roles: ClassVar[tuple[str, ...]] = ("assistant",)
    """Whose turns are read."""

    def gate(self, texts: pl.Series) -> pl.Series:
        """A condition that every text with a finding meets, told fast; all of them by default."""
        return texts.is_not_null()

    def find(self, text: str, turns: Sequence[Message], number: int) -> Finding | None:
        """What is wrong with a text of turn `number` of a conversation, or None."""
        raise NotImplementedError

    def apply(self, rows: pl.DataFrame, survey: Survey) -> Outcome:
        read = texts_of(rows).filter(pl.col("role").is_in(self.roles))
        suspects = read.filter(self.gate(read["text"]))
        reasons: list[str | None] = [None] * rows.height
        found: list[str | None] = [None] * rows.height
        places = suspects["place"].unique(maintain_order=True)
        columns = suspects["column"].unique().to_list()
        turns = dict(
            zip(places, rows.select(columns).gather(places).iter_rows(named=True), strict=True)
        )
        for place, column, number, field, text, role in suspects.iter_rows():
            if reasons[place] is not None:
                continue
            told = inside(text) if field == "tool_calls" else text
            finding = self.find(told, turns[place][column], number)
            if finding:
                reasons[place], start, end = finding
                where = {"column": column, "turn": number, "role": role, "field": field}
                where |= {"start": start, "end": end, "text": told[start : min(end, start + 200)]}
                found[place] = evidence(**where)
        return Outcome.by_reason(
            rows, pl.Series(reasons, dtype=pl.String), pl.Series(found, dtype=pl.String)
        )


def texts_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Everything that turns say, a text a row in reading order: `place` among the rows, `column`,
    `number` of the turn, `field` of it, `text`, `role`."""
    found: list[pl.DataFrame] = []
    for column in (name for name, dtype in rows.schema.items() if dtype == MESSAGES):
        turns = (
            rows.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("place"), turn=column)
            .filter(pl.col("turn").list.len() > 0)
            .with_columns(number=pl.int_ranges(pl.col("turn").list.len()))
            .explode("turn", "number")
            .unnest("turn")
        )
        for field in SAID:
            said = turns.filter(pl.col(field).is_not_null())
            if said.height:
                named = (pl.lit(column).alias("column"), "number", pl.lit(field).alias("field"))
                found.append(said.select("place", *named, pl.col(field).alias("text"), "role"))
    if len(found) == 1:
        return found[0]
    order = pl.concat(found) if found else pl.DataFrame(schema=TEXTS)
    return order.sort("place", maintain_order=True)


TEXTS = {
    "place": pl.UInt32,
    "column": pl.String,
    "number": pl.Int64,
    "field": pl.String,
    "text": pl.String,
    "role": pl.String,
}


def inside(calls: str) -> str:
    """The texts in the arguments of tool calls, one a line."""
    return "\n".join(said.text for said in texts(orjson.loads(calls)))
