"""Pass rates of an RLVR build: how often the policy passed each verifier, and what was none."""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl
from markupsafe import Markup

from dataengine.built import Built
from dataengine.report.charts import bars

COUNTS = ("passed", "failed", "truncated", "unverified", "unanswered")
"""What became of answers, as evidence counts it."""


class Line(NamedTuple):
    """One verifier's prompts, those outside the band too."""

    verifier: str
    prompts: int
    mean: float | None
    chart: Markup
    answers: list[int]
    """Answers by what became of them, in the order of `COUNTS`."""
    band: list[int]
    """Prompts below the band, within it, and above."""


def passing(built: Built) -> list[Line]:
    """A line for each verifier; none where nothing was measured."""
    files = built.files("pass_rates")
    if not files:
        return []
    measured = pl.concat(pl.read_parquet(file) for file in files)
    rows = [file for _, file in built.data()]
    rows += built.files("dropped")
    named = pl.concat(pl.read_parquet(file, columns=["id", "verifier"]) for file in rows)
    found = measured.join(named.unique("id"), on="id", how="left").sort("verifier", "id")
    band = built.mixture["difficulty"].get("pass_rate", [0, 1])
    return [
        _line(str(name), held, band)
        for (name,), held in found.group_by("verifier", maintain_order=True)
    ]  # fmt: skip


def _line(verifier: str, held: pl.DataFrame, band: Sequence[float]) -> Line:
    rates = held["pass_rate"].drop_nulls()
    tenths = (rates * 10).floor().clip(0, 9).cast(pl.Int64)
    counts = [(f"{k / 10:.1f} to {(k + 1) / 10:.1f}", int((tenths == k).sum())) for k in range(10)]
    mean = float(rates.mean()) if len(rates) else None  # type: ignore[arg-type]
    chart = bars(counts, f"pass rates of {verifier}")
    below, above = int((rates < band[0]).sum()), int((rates > band[1]).sum())
    places = [below, len(rates) - below - above, above]
    answers = [int(held[name].sum()) for name in COUNTS]
    return Line(verifier, held.height, mean, chart, answers, places)
