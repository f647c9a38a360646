"""What is known of rows beside what they are: scores, verdicts, pass rates, annotations."""

from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from markupsafe import Markup

from dataengine.built import Built
from dataengine.report.charts import bars
from dataengine.row import CONTENT

ELSEWHERE = {"id", "source", "skill", "language", "licence", "provenance"}
"""Columns that other parts of the report are about."""
BINS = 20
VALUES = 8
"""Values of a column of words that are named."""


class Line(NamedTuple):
    """One column."""

    name: str
    rows: int
    """Rows that have a value."""
    chart: Markup
    """Of numbers."""
    says: str


def names(built: Built) -> dict[str, pa.DataType]:
    """The published columns that say something of a row, with their types."""
    own = ELSEWHERE | CONTENT[built.manifest["kind"]].keys() - {"verifier"}
    schemas = [pq.read_schema(file) for _, file in built.data()]
    return {f.name: f.type for schema in schemas for f in schema if f.name not in own}


def numbers(built: Built) -> list[str]:
    """Those that hold numbers."""
    found = names(built).items()
    return [name for name, type in found if pa.types.is_floating(type) or pa.types.is_integer(type)]


def beside(built: Built) -> list[Line]:
    """A line for each column that any row has a value in."""
    made = [_line(name, type, _values(built, name)) for name, type in names(built).items()]
    return [line for line in made if line]


def _values(built: Built, name: str) -> pl.Series:
    files = [file for _, file in built.data() if name in pq.read_schema(file).names]
    return pl.concat(pl.read_parquet(file, columns=[name])[name] for file in files).drop_nulls()


def _line(name: str, type: pa.DataType, held: pl.Series) -> Line | None:
    if held.is_empty():
        return None
    if pa.types.is_floating(type) or pa.types.is_integer(type):
        return _numbers(name, held.cast(pl.Float64).drop_nans())
    if pa.types.is_boolean(type) or pa.types.is_string(type) or pa.types.is_large_string(type):
        counts = held.cast(pl.String).value_counts().sort("count", name, descending=[True, False])
        told = [f"{str(value)[:60]} {rows:,}" for value, rows in counts.head(VALUES).iter_rows()]
        more = f", and {counts.height - VALUES:,} more" if counts.height > VALUES else ""
        return Line(name, len(held), Markup(), ", ".join(told) + more)
    return Line(name, len(held), Markup(), "as rows show it")


def _numbers(name: str, held: pl.Series) -> Line | None:
    if held.is_empty():
        return None
    low, high, mean = float(held.min()), float(held.max()), float(held.mean())  # type: ignore[arg-type]
    width = (high - low) / BINS or 1.0
    bins = ((held - low) / width).floor().clip(0, BINS - 1).cast(pl.Int64)
    rows = dict(bins.value_counts().iter_rows())
    counts = [(f"from {low + k * width:.4g}", rows.get(k, 0)) for k in range(BINS)]
    says = f"from {low:.4g} to {high:.4g}, {mean:.4g} in the mean"
    return Line(name, len(held), bars(counts, f"values of {name}"), says)
