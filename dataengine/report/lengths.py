"""Lengths in tokens by split and source, and the share of rows over a maximum length."""

import json
from typing import Any, NamedTuple

from markupsafe import Markup

from dataengine.report.charts import bars

LIMITS = (512, 1024, 2048, 4096, 8192, 16384, 32768)
"""Maximum lengths that trainers are set to."""
LINES = 200


class Line(NamedTuple):
    """One source in one split."""

    split: str
    source: str
    rows: int
    chart: Markup
    over: list[float]
    """The share of rows longer than each of `LIMITS`."""
    longer: str
    """Rows longer than each edge of the histogram, as JSON."""


def lengths(manifest: dict[str, Any]) -> list[Line]:
    """Lines by split and source, each split's sum first."""
    by_split: dict[str, list[tuple[str, dict[int, int]]]] = {}
    for held in manifest["lengths"]:
        counts = {int(edge): rows for edge, rows in held["up_to"].items()}
        by_split.setdefault(held["split"], []).append((held["source"], counts))
    all_edges = edges(manifest)
    found = []
    for split, lines in by_split.items():
        shown = [("all sources", summed([counts for _, counts in lines])), *lines]
        found += [_line(split, source, counts, all_edges) for source, counts in shown]
    return found


def summed(all_counts: list[dict[int, int]]) -> dict[int, int]:
    """Histograms as one."""
    edges = sorted({edge for counts in all_counts for edge in counts})
    return {edge: sum(counts.get(edge, 0) for counts in all_counts) for edge in edges}


def _line(split: str, source: str, counts: dict[int, int], edges: list[int]) -> Line:
    rows = sum(counts.values())
    labelled = [(f"up to {edge:,} tokens", counts.get(edge, 0)) for edge in edges]
    over = [sum(n for edge, n in counts.items() if edge > limit) / rows for limit in LIMITS]
    longer = {edge: sum(n for e, n in counts.items() if e > edge) for edge in edges}
    chart = bars(labelled, f"lengths of {source} in {split}")
    return Line(split, source, rows, chart, over, json.dumps(longer))


def edges(manifest: dict[str, Any]) -> list[int]:
    """The lengths that a maximum may be chosen of: what rows were counted up to."""
    return sorted({int(edge) for held in manifest["lengths"] for edge in held["up_to"]})
