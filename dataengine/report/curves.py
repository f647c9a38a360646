"""Retention curves: how many rows another threshold would keep, from what the build knows."""

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl
import pyarrow.parquet as pq
from markupsafe import Markup

from dataengine.built import Built
from dataengine.report.charts import line
from dataengine.report.lengths import summed

SHARES = [k / 20 for k in range(21)]


class Curve(NamedTuple):
    """Rows kept over a threshold."""

    title: str
    says: str
    chart: Markup


def curves(built: Built) -> Iterator[Curve]:
    """The curves of what this build measured; what it did not measure has none."""
    for made in (_length(built), _near(built), _decontaminated(built), *_measured(built)):
        if made:
            yield made


def _length(built: Built) -> Curve:
    counts = summed(
        [{int(e): n for e, n in held["up_to"].items()} for held in built.manifest["lengths"]]
    )
    points, kept = [], 0
    for edge, rows in counts.items():
        kept += rows
        points.append((float(edge), float(kept)))
    says = "Published rows that hold at most so many tokens."
    return Curve("Length", says, line(points, "rows kept by maximum length"))


def _near(built: Built) -> Curve | None:
    """Above the threshold that was set; below it nobody has measured."""
    files = [t.file for t in built.tables() if t.name == "dropped" and t.stage == "near_dedup"]
    if not files:
        return None
    told = pl.concat(pl.scan_parquet(file).select("evidence") for file in files)
    exact = pl.col("evidence").str.json_decode(pl.Struct({"exact": pl.Float64}))
    found = told.select(exact.struct.field("exact").alias("exact")).collect()["exact"]
    low = 0.7
    steps = [round(low + k / 50, 2) for k in range(16)]
    points = [(t, float((found < t).sum())) for t in steps]
    says = (
        "Near duplicates that would stay as well, if two rows counted as one only from this "
        "Jaccard similarity on."
    )
    return Curve("Near-duplicates", says, line(points, "near duplicates kept by Jaccard"))


def _decontaminated(built: Built) -> Curve | None:
    files = built.evidence_files("decisions")
    if not files:
        return None
    scores = (
        pl.concat(pl.scan_parquet(file) for file in files)
        .filter(pl.col("decision") == "drop")
        .group_by("row_id")
        .agg(pl.col("score").max())
        .collect()["score"]
    )
    points = [(t, float((scores < t).sum())) for t in SHARES]
    says = "Contaminated rows that would stay as well, if rows went only from this score on."
    return Curve("Decontamination", says, line(points, "contaminated rows kept by score"))


def _measured(built: Built) -> Iterator[Curve]:
    """Of pass rates and of margins."""
    margins = [f for _, f in built.data() if "margin" in pq.read_schema(f).names]
    measures = (
        ("Pass rate", "pass_rate", PASSED, built.evidence_files("pass_rates")),
        ("Margin", "margin", BETTER, margins),
    )
    for title, name, says, files in measures:
        held = [pl.read_parquet(file, columns=[name])[name] for file in files]
        found = pl.concat(held).drop_nulls() if held else pl.Series(dtype=pl.Float64)
        if len(found):
            points = [(t, float((found >= t).sum())) for t in _steps(found)]
            yield Curve(title, says, line(points, says))


PASSED = "Prompts that the policy passes at least so often, of all that were measured."
BETTER = "Published pairs whose chosen answer is better by at least so much."


def _steps(found: pl.Series) -> list[float]:
    low, high = float(found.min()), float(found.max())  # type: ignore[arg-type]
    return [low + (high - low) * k / 20 for k in range(21)] if low < high else [low]
