"""Paired comparison of two models' reports, item by item.

Only items that both models were asked and that could be scored for both count. Suites whose items,
settings or worked examples differ are not compared: two settings are not one benchmark.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from dataengine.errors import UserError
from eval.coverage import Mark
from eval.stats import Paired, mean, paired


@dataclass(frozen=True)
class Comparison:
    """One suite in both reports: the scores of the shared items, or `reason` why there are none.

    `marks` say whether A's and B's training data was decontaminated against the suite.
    """

    suite: str
    title: str
    marks: tuple[Mark, Mark]
    a: tuple[float, ...] = ()
    b: tuple[float, ...] = ()
    groups: tuple[str | None, ...] | None = None
    reason: str | None = None

    @cached_property
    def paired(self) -> Paired | None:
        return None if self.reason else paired(self.a, self.b, self.groups)

    def record(self) -> dict[str, Any]:
        told: dict[str, Any] = {"task": self.title, "marks": self.marks}
        if self.paired is None:
            return told | {"reason": self.reason}
        means = {"a": mean(self.a, self.groups), "b": mean(self.b, self.groups)}
        return told | means | asdict(self.paired)


@dataclass(frozen=True)
class Opened:
    """A report as written: what was said of each suite, and the items."""

    lines: dict[str, dict[str, Any]]
    items: pl.DataFrame


def opened(folder: Path, name: str) -> Opened:
    """The report `name` of a model. UserError where there is none, naming those there are."""
    for place in (folder, folder / "eval"):
        file = place / f"{name}.json"
        if file.is_file() and file.with_suffix(".parquet").is_file():
            lines = json.loads(file.read_text(encoding="utf-8"))["suites"]
            items = pl.read_parquet(file.with_suffix(".parquet"))
            return Opened({line["suite"]: line for line in lines}, items)
    there = sorted(
        file.stem for place in (folder, folder / "eval") for file in place.glob("*.parquet")
    )
    hint = f"there are: {', '.join(there)}" if there else "measure it with python -m eval.run"
    raise UserError(f"{folder}: no report {name!r}; {hint}")


def compare(a: Opened, b: Opened) -> list[Comparison]:
    """Suite by suite in A's order, then those that only B has."""
    names = list(dict.fromkeys([*a.lines, *b.lines]))
    return [_suite(name, a, b) for name in names]


def _suite(name: str, a: Opened, b: Opened) -> Comparison:
    first, second = a.lines.get(name), b.lines.get(name)
    title = str((first or second or {})["title"])
    marks = ((first or {}).get("mark", "unknown"), (second or {}).get("mark", "unknown"))
    for said, line in (("A", first), ("B", second)):
        if line is None or line["score"] is None:
            return Comparison(name, title, marks, reason=f"not measured for {said}")
    assert first is not None and second is not None
    if first["hash"] != second["hash"]:
        return Comparison(name, title, marks, reason="the suites' items differ")
    if first["setting"] != second["setting"]:
        reason = f"the settings differ: {first['setting']}; {second['setting']}"
        return Comparison(name, title, marks, reason=reason)
    both = (
        a.items.filter(suite=name)
        .select("id", "subset", "score")
        .join(b.items.filter(suite=name).select("id", pl.col("score").alias("b")), on="id")
        .drop_nulls(["score", "b"])
        .sort("id")
    )
    if not len(both):
        return Comparison(name, title, marks, reason="no item was scored for both")
    groups = tuple(both["subset"]) if first["macro"] else None
    return Comparison(name, title, marks, tuple(both["score"]), tuple(both["b"]), groups)


def holm(ps: list[float | None], level: float = 0.05) -> list[bool]:
    """Which of several p-values are significant together (Holm 1979); a missing one never is."""
    order = sorted((p, at) for at, p in enumerate(ps) if p is not None)
    sure = [False] * len(ps)
    for rank, (p, at) in enumerate(order):
        if p > level / (len(order) - rank):
            break
        sure[at] = True
    return sure
