"""Duplicates: the row that stayed, and what the one that went has in other words."""

from typing import Any, NamedTuple

import orjson
import polars as pl
from markupsafe import Markup

from dataengine.built import Beside, Built, drawn
from dataengine.report.text import word_diff
from dataengine.row import conversation
from dataengine.text import spoken

MOST = 40
"""Pairs of duplicates that are drawn by hash, of each stage that finds any."""


class Twin(NamedTuple):
    """A row that went, and the one in its favour."""

    stage: str
    reason: str
    gone: str
    source: str
    stayed: str
    of: str
    """The source of the row that stayed; empty where it lies in another dataset."""
    jaccard: float | None
    diff: Markup


class Twins(NamedTuple):
    """The pairs that are shown, of so many."""

    shown: list[Twin]
    pairs: int


def twins(built: Built, hidden: int) -> Twins:
    """Drawn duplicates of each stage; of stages before the place `hidden` without texts."""
    tables = [table for table in built.tables() if table.name == "dropped" and _finds(table)]
    pairs = [(table, row) for table in tables for row in drawn(table.file, MOST)]
    stayed = built.find(orjson.loads(row["evidence"])["duplicate_of"] for _, row in pairs)
    made = [_twin(table, row, stayed, built, table.number < hidden) for table, row in pairs]
    count = sum(pl.scan_parquet(table.file).select(pl.len()).collect().item() for table in tables)
    return Twins(made, count)


def _finds(table: Beside) -> bool:
    first = pl.read_parquet(table.file, columns=["evidence"], n_rows=1)["evidence"][0]
    return "duplicate_of" in (orjson.loads(first) if first else {})


def _twin(table: Beside, row: dict[str, Any], found: Any, built: Built, hidden: bool) -> Twin:
    told = orjson.loads(row["evidence"])
    other = found.get(told["duplicate_of"])
    said = [_said(one, built.manifest["kind"]) for one in (other, row) if one and not hidden]
    return Twin(
        stage=table.stage,
        reason=row["reason"],
        gone=row["id"],
        source=row["source"],
        stayed=told["duplicate_of"],
        of=other["source"] if other else "",
        jaccard=told.get("exact"),
        diff=word_diff(*said) if len(said) == 2 else Markup(),
    )


def _said(row: dict[str, Any], kind: Any) -> str:
    return "\n".join(spoken(row[name] or []) for name in conversation(kind))
