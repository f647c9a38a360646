"""Contamination split: a suite's score on items found in the training data, and on the others.

The evidence is that of a build (its folder) or of `python -m decontam check` (its report), the
review tier included. Of a build only rows that it published count: what it dropped was not trained
on.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from dataengine.errors import UserError
from eval.stats import Interval, difference, interval
from eval.suites import Suite
from eval.tasks.score import Result

FOUND = ("drop", "review")
"""Decisions that say that a row holds an item, or may; the others say that it is nobody's leak."""


@dataclass(frozen=True)
class Evidence:
    """The suites that were looked for, with their items' hashes, and the ids that were found."""

    looked: dict[str, set[str]] = field(default_factory=dict)
    found: dict[str, set[str]] = field(default_factory=dict)

    def of(self, suite: Suite) -> set[str] | None:
        """The suite's items in the training data; None where these items were not looked for."""
        if suite.hash not in self.looked.get(suite.name, set()):
            return None
        return self.found.get(suite.name, set())


@dataclass(frozen=True)
class Leak:
    """Scores of `items` found in the training data and of the `others`, and by how much the first
    is higher; None where one side has no items."""

    items: int
    others: int
    found: Interval | None = None
    clean: Interval | None = None
    difference: Interval | None = None


def evidence(folders: Sequence[Path]) -> Evidence:
    """What was found in several sets of rows, one a stage of training. UserError where a folder
    holds no evidence."""
    looked: defaultdict[str, set[str]] = defaultdict(set)
    found: defaultdict[str, set[str]] = defaultdict(set)
    everywhere: list[set[tuple[str, str]]] = []
    for folder in folders:
        told, decisions = _read(folder)
        everywhere.append({(s["name"], s["hash"]) for s in told["suites"] if s.get("hash")})
        for suite, item in decisions.select("suite", "eval_id").unique().iter_rows():
            found[suite].add(item)
    for name, items in set.intersection(*everywhere) if everywhere else ():
        looked[name].add(items)
    return Evidence(dict(looked), dict(found))


def _read(folder: Path) -> tuple[dict[str, Any], pl.DataFrame]:
    """A folder's report on decontamination, and its decisions on rows that are trained on."""
    try:
        if (folder / "manifest.json").is_file():
            told = json.loads((folder / "manifest.json").read_text("utf-8"))["decontamination"]
            files = sorted((folder / "dropped").glob("*-decontaminate-decisions.parquet"))
            decisions = pl.concat([pl.read_parquet(file) for file in files])
            trained = pl.scan_parquet(folder / "data" / "*.parquet").select("id").collect()
            decisions = decisions.join(trained, left_on="row_id", right_on="id", how="semi")
        else:
            told = json.loads((folder / "report.json").read_text("utf-8"))
            decisions = pl.read_parquet(folder / "decisions.parquet")
        assert told["suites"]
    except (OSError, ValueError, LookupError, TypeError, AssertionError, pl.exceptions.PolarsError):
        raise UserError(
            f"--evidence: {folder} is neither a build that was decontaminated (manifest.json, "
            "dropped/, data/) nor a report of python -m decontam check"
        ) from None
    return told, decisions.filter(pl.col("decision").is_in(FOUND))


def split(results: Sequence[Result], found: set[str]) -> Leak:
    """The scored items on both sides; each item counts once, in macro suites too."""
    scored = [
        (result.id in found, float(result.score)) for result in results if result.score is not None
    ]
    inside = [score for is_found, score in scored if is_found]
    outside = [score for is_found, score in scored if not is_found]
    return Leak(
        len(inside),
        len(outside),
        interval(inside) if inside else None,
        interval(outside) if outside else None,
        difference(outside, inside) if inside and outside else None,
    )
