"""Is B better than A? `python -m eval.compare A B` on the reports of two models, item by item.

Only items that both models were asked and that could be scored for both count. Suites whose items,
settings or worked examples differ are not compared: two settings are not one benchmark.
"""

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from eval.coverage import MEANING, SIGNS, Mark
from eval.stats import Paired, averaged, mean, paired
from eval.suites import SuiteError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Comparison:
    """One suite in both reports: the scores of the shared items, or `reason` why there are none.

    `marks` say whether A's and B's training data was decontaminated against the suite.
    """

    title: str
    marks: tuple[Mark, Mark]
    a: tuple[float, ...] = ()
    b: tuple[float, ...] = ()
    groups: tuple[str | None, ...] | None = None
    reason: str | None = None

    @cached_property
    def paired(self) -> Paired | None:
        return None if self.reason else paired(self.a, self.b, self.groups)


@app.command()
def main(
    a: Annotated[Path, typer.Argument(help="A model's folder, or the folder of its reports")],
    b: Annotated[Path, typer.Argument(help="The other's")],
    report: Annotated[str, typer.Option(help="Which report: a tier, or suites")] = "development",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table")] = False,
) -> None:
    """Compare two models' reports: B minus A per suite, with intervals and paired p-values."""
    try:
        found = compare(opened(a, report), opened(b, report))
    except SuiteError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(as_records(found) if as_json else table(found, a, b))


@dataclass(frozen=True)
class Opened:
    """A report as written: what was said of each suite, and the items."""

    lines: dict[str, dict[str, Any]]
    items: pl.DataFrame


def opened(folder: Path, name: str) -> Opened:
    """The report `name` of a model. SuiteError where there is none, naming those there are."""
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
    raise SuiteError(f"{folder}: no report {name!r}; {hint}")


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
            return Comparison(title, marks, reason=f"not measured for {said}")
    assert first is not None and second is not None
    if first["hash"] != second["hash"]:
        return Comparison(title, marks, reason="the suites' items differ")
    if first["setting"] != second["setting"]:
        reason = f"the settings differ: {first['setting']}; {second['setting']}"
        return Comparison(title, marks, reason=reason)
    both = (
        a.items.filter(suite=name)
        .select("id", "subset", "score")
        .join(b.items.filter(suite=name).select("id", pl.col("score").alias("b")), on="id")
        .drop_nulls(["score", "b"])
        .sort("id")
    )
    if not len(both):
        return Comparison(title, marks, reason="no item was scored for both")
    groups = tuple(both["subset"]) if first["macro"] else None
    return Comparison(title, marks, tuple(both["score"]), tuple(both["b"]), groups)


def table(found: list[Comparison], a: Path, b: Path) -> str:
    """Markdown; a difference is starred where its p stays under 0.05 after Holm's correction."""
    sure = holm([c.paired.p if c.paired else None for c in found])
    rows = [
        f"A is {a}, B is {b}.",
        "",
        "| task | A | B | B - A | 95 % CI | p | test | n |",
        "|---|---:|---:|---:|---:|---:|---|---:|",
    ]
    for entry, significant in zip(found, sure, strict=True):
        if entry.paired is None:
            rows.append(f"| {_marked(entry)} | | | | | | {entry.reason} | |")
            continue
        means = mean(entry.a, entry.groups), mean(entry.b, entry.groups)
        rows.append(_row(_marked(entry), *means, entry.paired, " *" if significant else ""))
    compared = [entry for entry in found if entry.paired]
    if len(compared) > 1:
        of_a = sum(mean(entry.a, entry.groups) for entry in compared) / len(compared)
        of_b = sum(mean(entry.b, entry.groups) for entry in compared) / len(compared)
        whole = averaged([(entry.a, entry.b, entry.groups) for entry in compared])
        rows.append(_row(f"**average of {len(compared)}**", of_a, of_b, whole))
    rows += ["", "- \\* p under 0.05 after Holm's correction for the number of suites compared."]
    marks = dict.fromkeys(mark for entry in found for mark in entry.marks if mark in MEANING)
    rows += [f"- {SIGNS[mark]} {MEANING[mark]}." for mark in marks]
    return "\n".join(rows)


def _row(title: str, a: float, b: float, found: Paired, star: str = "") -> str:
    gap = found.difference
    return (
        f"| {title} | {a * 100:.1f} | {b * 100:.1f} | {gap.mean * 100:+.1f}{star} | "
        f"{gap.low * 100:+.1f} to {gap.high * 100:+.1f} | {_p(found.p)} | {found.test} | "
        f"{found.n:,} |"
    )


def _marked(entry: Comparison) -> str:
    a, b = (SIGNS[mark] for mark in entry.marks)
    if a == b:
        return f"{entry.title} {a}".strip()
    signs = ", ".join(f"{who} {sign}" for who, sign in (("A", a), ("B", b)) if sign)
    return f"{entry.title} ({signs})"


def holm(ps: list[float | None], level: float = 0.05) -> list[bool]:
    """Which of several p-values are significant together (Holm 1979); a missing one never is."""
    order = sorted((p, at) for at, p in enumerate(ps) if p is not None)
    sure = [False] * len(ps)
    for rank, (p, at) in enumerate(order):
        if p > level / (len(order) - rank):
            break
        sure[at] = True
    return sure


def as_records(found: list[Comparison]) -> str:
    records: list[dict[str, Any]] = []
    for entry in found:
        record: dict[str, Any] = {"task": entry.title, "marks": entry.marks}
        if entry.paired is None:
            record["reason"] = entry.reason
        else:
            record["a"], record["b"] = mean(entry.a, entry.groups), mean(entry.b, entry.groups)
            record |= asdict(entry.paired)
        records.append(record)
    return json.dumps(records, indent=1, ensure_ascii=False)


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


if __name__ == "__main__":
    app()
