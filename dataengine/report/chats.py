"""Published rows as they read, a few of each source, drawn by hash."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl

from dataengine.built import Built, rows_at
from dataengine.publish.card import flat
from dataengine.report.chat import Column, columns
from dataengine.report.examples import placed

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


def chats(built: Built) -> Iterator[Chat]:
    """Drawn rows, one of every source first."""
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
    for number, at in drawn.select("file", "at").iter_rows():
        yield _chat(rows[number, at], files[number][0], built.manifest["kind"])


SHOWN = ("verifier", "ground_truth", "pass_rate", "chosen_model", "rejected_model", "margin")


def _chat(row: dict[str, Any], split: str, kind: Any) -> Chat:
    held = {name: row[name] for name in SHOWN if row.get(name) is not None}
    facts = [(name.replace("_", " "), str(flat(value))[:500]) for name, value in held.items()]
    place = placed(row["provenance"])
    return Chat(row["id"], split, row["source"], place, facts, columns(row, kind, {}, []))
