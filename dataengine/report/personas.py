"""Acceptance by persona: whose candidates a generated source refused, and why."""

from typing import NamedTuple

import polars as pl

from dataengine.built import Built

MOST = 20
"""Personas that are shown."""
WHOSE = {"persona": pl.String(), "reason": pl.String()}


class Line(NamedTuple):
    """One persona."""

    persona: str
    reasons: str
    refused: int
    kept: int
    """Rows that the generator kept; a later stage may have dropped some."""


class Personas(NamedTuple):
    """Those with most refusals, of so many with any, of so many in all."""

    shown: list[Line]
    refused: int
    of: int


def personas(built: Built) -> Personas:
    """Whose candidates were refused; nobody's where nothing was generated."""
    sources = [entry["source"] for entry in built.manifest["generation"]]
    if not sources:
        return Personas([], 0, 0)
    readers = len(built.manifest["sources"])
    lost = [table for table in built.tables() if table.name == "dropped"]
    refused = [_whose(t.file, sources, pl.col("reason")) for t in lost if t.number < readers]
    none = pl.lit(None, pl.String)
    kept = [_whose(t.file, sources, none) for t in lost if t.number >= readers]
    kept += [_whose(file, sources, none) for _, file in built.data()]
    counted = (
        pl.concat([pl.DataFrame(schema=WHOSE), *refused, *kept])
        .group_by("persona", "reason")
        .agg(pl.len().cast(pl.Int64).alias("rows"))
        .sort("persona", -pl.col("rows"), "reason")
    )
    lines = [_line(str(name), held) for (name,), held in counted.group_by("persona")]
    poor = sorted((line for line in lines if line.refused), key=lambda x: (-x.refused, x.persona))
    return Personas(poor[:MOST], len(poor), len(lines))


def _whose(file: object, sources: list[str], reason: pl.Expr) -> pl.DataFrame:
    """The persona of every row of generated sources; a copy is not another row."""
    mine = pl.col("source").is_in(sources) & ~pl.col("id").str.contains("-", literal=True)
    persona = pl.col("provenance").struct.field("persona").alias("persona")
    rows = pl.scan_parquet(file).filter(mine)  # type: ignore[arg-type]
    return rows.select(persona, reason.alias("reason")).drop_nulls("persona").collect()


def _line(persona: str, held: pl.DataFrame) -> Line:
    refused = held.filter(pl.col("reason").is_not_null())
    reasons = ", ".join(f"{reason} {rows:,}" for _, reason, rows in refused.iter_rows())
    total, out = int(held["rows"].sum()), int(refused["rows"].sum())
    return Line(persona, reasons, out, total - out)
