"""Examples of every reason for which rows went, drawn by hash, the evidence marked in the text."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson
import polars as pl
from markupsafe import Markup

from dataengine.built import Beside, Built, rows_at
from dataengine.report.chat import Column, Marks, columns
from dataengine.report.funnel import step_of
from dataengine.report.text import marked

EACH = 10
"""Examples of one stage, source and reason."""
MOST = 600
"""Examples that are drawn in all: of every reason one, then of every source, then more."""
FACTS = 12


class Example(NamedTuple):
    """One row, or a record that became none."""

    anchor: str
    number: int
    """The stage's place in the build."""
    stage: str
    step: str
    """The funnel's step."""
    source: str
    reason: str
    place: str
    facts: list[tuple[str, str]]
    columns: list[Column]
    raw: Markup
    """Of a record that became no row, the beginning."""
    hidden: bool
    """Whether what it says is left out of a public report."""


DRAWN = {
    "number": pl.Int64(),
    "name": pl.String(),
    "at": pl.Int64(),
    "source": pl.String(),
    "reason": pl.String(),
    "of_reason": pl.Int64(),
    "of_source": pl.Int64(),
}


def examples(built: Built, quoted: Mapping[str, list[str]], hidden: int) -> Iterator[Example]:
    """Drawn rows that went, in the order of their weight: one of every reason first. `quoted` has
    passages to mark in contaminated rows, by id; of stages before the place `hidden` no text is
    shown."""
    tables = [table for table in built.tables() if table.lost]
    drawn = pl.concat([pl.DataFrame(schema=DRAWN), *map(_drawn, tables)])
    drawn = drawn.sort(
        pl.col("of_reason") > 0, pl.col("of_source"), "number", "reason", "source", "at"
    ).head(MOST)
    rows = {(table.number, table.name): _rows(table, drawn) for table in tables}
    for number, name, at in drawn.select("number", "name", "at").iter_rows():
        row = rows[number, name][at]
        said = quoted.get(row.get("id", ""), [])
        yield _example(row, number, built.manifest, said, number < hidden)


def _drawn(table: Beside) -> pl.DataFrame:
    """The places of a few rows of every reason and source, the smallest hashes first."""
    key = "id" if table.name == "dropped" else "row"
    held = pl.read_parquet(table.file, columns=["source", "reason", key])
    if key == "row":  # a record that became no row has no id, which would be a hash
        held = held.with_columns(id=pl.Series(map(_hashed, held.select("source", "row").rows())))
    found = held.with_row_index("at").sort("id", "at")
    place = pl.int_range(pl.len()).alias
    found = found.with_columns(
        place("of_reason").over("reason"), place("of_source").over("reason", "source")
    ).filter(pl.col("of_source") < EACH)
    named = found.with_columns(number=pl.lit(table.number), name=pl.lit(table.name))
    return named.select(pl.col(name).cast(dtype) for name, dtype in DRAWN.items())


def _hashed(named: tuple[str, int]) -> str:
    return hashlib.blake2b(f"{named[0]}:{named[1]}".encode(), digest_size=16).hexdigest()


def _rows(table: Beside, drawn: pl.DataFrame) -> dict[int, dict[str, Any]]:
    mine = (pl.col("number") == table.number) & (pl.col("name") == table.name)
    places = drawn.filter(mine)["at"].sort().to_list()
    return dict(zip(places, rows_at(table.file, places), strict=True))


def _example(
    row: dict[str, Any], number: int, manifest: dict[str, Any], quoted: list[str], hidden: bool
) -> Example:
    told = orjson.loads(row["evidence"]) if row["evidence"] else {}
    is_row = "id" in row
    known = row["provenance"] if is_row else {"dataset": row["source"], "row": row["row"]}
    shown = is_row and not hidden
    return Example(
        anchor=row["id"] if is_row else f"{row['source']}:{row['row']}",
        number=number,
        stage=manifest["stages"][number]["label"],
        step=step_of(manifest, number),
        source=row["source"],
        reason=row["reason"],
        place=placed(known),
        facts=[] if hidden else _facts(told),
        columns=columns(row, manifest["kind"], _marks(told), quoted) if shown else [],
        raw=Markup() if is_row or hidden else marked(row["record"] or ""),
        hidden=hidden,
    )


def _marks(told: Mapping[str, Any]) -> Marks:
    """Where a filter's evidence stands in the text."""
    if not {"column", "turn", "field", "start", "end"} <= told.keys():
        return {}
    return {(told["column"], told["turn"], told["field"]): [(told["start"], told["end"])]}


def placed(provenance: Mapping[str, Any]) -> str:
    """Where a row was read, for people."""
    file = provenance.get("file") or provenance.get("dataset") or "?"
    row = provenance.get("row")
    return f"{file}, row {row:,}" if row is not None else str(file)


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _facts(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Evidence as lines; where the text is marked is seen in the text."""
    shown = {k: v for k, v in told.items() if k not in ("start", "end", "text") and v is not None}
    facts = [(key.replace("_", " "), _plain(value)) for key, value in shown.items()]
    cut = [(key, value if len(value) <= 300 else value[:300] + " …") for key, value in facts]
    more = [("and", f"{len(cut) - FACTS} more, in dropped/")] if len(cut) > FACTS else []
    return cut[:FACTS] + more
