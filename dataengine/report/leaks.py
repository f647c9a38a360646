"""Contamination side by side: what a row and an eval item share, those in doubt first."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import polars as pl
from markupsafe import Markup

from dataengine.built import Built
from dataengine.report.text import marked

MOST = 300
"""Pairs of a row and an item that are drawn."""
FIELDS = (
    *("row_id", "source", "suite", "eval_id", "decision", "rule", "reason", "score", "needed"),
    *("turn", "role", "row_spans", "item_spans", "row_text", "row_text_start", "item_text"),
)


class Leak(NamedTuple):
    """A row and an item that it resembles."""

    row: str
    source: str
    suite: str
    item: str
    decision: str
    rule: str
    reason: str
    score: float
    needed: float | None
    role: str
    row_text: Markup
    item_text: Markup


def evidence(built: Built) -> pl.DataFrame:
    """The most doubtful pairs of each suite, source and decision first, then the most doubtful of
    the others; with `pairs`, how many there are in all."""
    files = built.files("evidence")
    if not files:
        return pl.DataFrame()
    key = ["suite", "source", "decision"]
    # A verdict lies on the side that its score is of what was needed: nearest is most in doubt.
    doubt = (pl.col("score") - pl.col("needed")).abs().fill_null(0).fill_nan(0).alias("doubt")
    small = pl.concat(
        pl.scan_parquet(file)
        .with_row_index("at")
        .select("at", pl.lit(number).alias("file"), *key, "row_id", "eval_id", doubt)
        for number, file in enumerate(files)
    ).collect()
    order = ["doubt", "row_id", "eval_id", "file", "at"]
    ranked = small.sort(order).with_columns(pl.int_range(pl.len()).over(key).alias("nth"))
    chosen = ranked.sort(pl.col("nth") > 0, *order).head(MOST)
    read = [
        pl.scan_parquet(file)
        .select(*FIELDS)
        .with_row_index("at")
        .filter(pl.col("at").is_in(chosen.filter(pl.col("file") == number)["at"].implode()))
        .with_columns(pl.lit(number).alias("file"))
        .collect()
        for number, file in enumerate(files)
    ]
    found = chosen.select("file", "at", "doubt").join(pl.concat(read), on=["file", "at"])
    return found.sort("doubt", "row_id", "eval_id").with_columns(pairs=pl.lit(small.height))


def leaks(found: pl.DataFrame, public: bool) -> Iterator[Leak]:
    """Pairs to look at; in a public report without texts, since those are the eval's."""
    for line in found.iter_rows(named=True):
        yield Leak(
            line["row_id"],
            line["source"],
            line["suite"],
            line["eval_id"],
            line["decision"],
            line["rule"],
            line["reason"],
            line["score"],
            line["needed"],
            line["role"],
            Markup() if public else marked(line["row_text"], _row_spans(line)),
            Markup() if public else marked(line["item_text"], _spans(line["item_spans"], 0)),
        )


def _row_spans(line: dict[str, Any]) -> list[tuple[int, int]]:
    here = [span for span in line["row_spans"] or [] if span["turn"] == line["turn"]]
    return _spans(here, line["row_text_start"] or 0)


def _spans(spans: Any, offset: int) -> list[tuple[int, int]]:
    return [(span["start"] - offset, span["end"] - offset) for span in spans or []]


def quoted(found: pl.DataFrame) -> dict[str, list[str]]:
    """The passages of rows that agree with an item, by the row's id."""
    passages: dict[str, list[str]] = {}
    for line in found.iter_rows(named=True):
        text = line["row_text"]
        said = [text[max(0, a) : b] for a, b in _row_spans(line)]
        passages.setdefault(line["row_id"], []).extend(said)
    return passages
