"""Filters: stages that a mixture lists by name. Adding one is one file here."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import polars as pl

from dataengine.decisions import Decided
from dataengine.registry import Registry, class_in, files
from dataengine.row import Message
from dataengine.stages.stage import Stage, evidence
from dataengine.view import View

REGISTRY: Registry[type[Stage]] = Registry(
    "filter",
    own=lambda: files(Path(__file__).parent, __name__),
    fit=lambda name, found: class_in(found, name, Stage),
    groups=("dataengine.filters", "dataengine.stages"),
)
"""Filters by name: a file here with a stage of the file's name, and what other packages bring."""


def known() -> Mapping[str, type[Stage]]:
    """Every filter by its name, imported; also those that were defined in this process, as in a
    notebook."""
    found = {name: REGISTRY.get(name) for name in REGISTRY.names()}
    return {f.name: f for f in _descendants(Filter) if "name" in vars(f)} | found


def named(name: str) -> type[Stage] | None:
    """The filter of this name; None where there is none. Of ours only that one is imported."""
    return REGISTRY.get(name) if name in REGISTRY else known().get(name)


def _descendants(stage: type[Stage]) -> Iterator[type[Stage]]:
    for child in stage.__subclasses__():
        yield child
        yield from _descendants(child)


class Filter(Stage):
    """A stage that drops rows for what stands in them, each row on its own."""

    alone: ClassVar[bool] = True


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

    def gate(self, texts: pl.DataFrame) -> pl.Series:
        """A condition that every text with a finding meets, told fast; all of them by default.
        `texts` has `text`, and `before`: what the turn before said."""
        return texts["text"].is_not_null()

    def find(self, text: str, turns: Sequence[Message], number: int) -> Finding | None:
        """What is wrong with a text of turn `number` of a conversation, or None."""
        raise NotImplementedError

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        read = view.texts.filter(pl.col("role").is_in(self.roles))
        suspects = read.filter(self.gate(read))
        reasons: list[str | None] = [None] * len(view)
        facts: list[str | None] = [None] * len(view)
        places = suspects["place"].unique(maintain_order=True)
        columns = suspects["column"].unique().to_list()
        rows = view.frame(*columns).gather(places) if columns else pl.DataFrame()
        turns = dict(zip(places, rows.iter_rows(named=True), strict=True))
        wanted = ("place", "column", "number", "field", "text", "role")
        for place, column, number, field, told, role in suspects.select(wanted).iter_rows():
            if reasons[place] is not None:
                continue
            finding = self.find(told, turns[place][column], number)
            if finding:
                reasons[place], start, end = finding
                where = {"column": column, "turn": number, "role": role, "field": field}
                where |= {"start": start, "end": end, "text": told[start : min(end, start + 200)]}
                facts[place] = evidence(**where)
        return Decided(pl.Series(reasons, dtype=pl.String), pl.Series(facts, dtype=pl.String))
