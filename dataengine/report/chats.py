"""Published rows as they read, a few of each source, drawn by hash."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import polars as pl

from dataengine.built import Built, rows_at
from dataengine.publish.card import flat
from dataengine.report.beside import names
from dataengine.report.chat import Column, columns
from dataengine.report.examples import placed
from dataengine.report.mask import Template, Trained

MOST = 120
"""Rows that are drawn, of every source as many."""


class Chat(NamedTuple):
    """One published row."""

    anchor: str
    split: str
    source: str
    place: str
    facts: list[tuple[str, str]]
    columns: list[Column]
    trouble: str
    """Why a template says nothing of what is learned of it."""


def chats(built: Built, template: Template | None = None) -> Iterator[Chat]:
    """Drawn rows, one of every source first; their trained turns as a template has them."""
    files = list(built.data())
    drawn = pl.concat(
        pl.read_parquet(file, columns=["id", "source"])
        .with_row_index("at")
        .with_columns(pl.lit(number).alias("file"))
        for number, (_, file) in enumerate(files)
    ).sort("id")
    nth = pl.int_range(pl.len()).over("source").alias("nth")
    drawn = drawn.with_columns(nth).sort("nth", "source").head(MOST)
    rows = {}
    for number, (_, file) in enumerate(files):
        places = drawn.filter(pl.col("file") == number)["at"].sort().to_list()
        held = zip(places, rows_at(file, places), strict=True)
        rows.update({(number, place): row for place, row in held})
    shown = dict.fromkeys(["ground_truth", *names(built)])
    for number, at in drawn.select("file", "at").iter_rows():
        row = rows[number, at]
        mask = template.trained(row) if template else None
        yield _chat(row, files[number][0], built.manifest["kind"], shown, mask)


def _chat(
    row: dict[str, Any], split: str, kind: Any, shown: Iterable[str], mask: Trained | None
) -> Chat:
    held = {name: row[name] for name in shown if row.get(name) is not None}
    facts = [(name.replace("_", " "), str(flat(value))[:500]) for name, value in held.items()]
    place = placed(row["provenance"])
    turns = columns(row, kind, mask=mask)
    trouble = mask.trouble if mask else ""
    return Chat(row["id"], split, row["source"], place, facts, turns, trouble)
