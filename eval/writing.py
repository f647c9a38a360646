"""Report output: the paper's table, the items, a picture, and the model's card."""

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from eval.coverage import MEANING, SIGNS
from eval.report import Report

TEXTS = ("suite", "tier", "id", "subset", "prompt", "reason", "error")
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(TEXTS, pl.String),
    "answers": pl.List(pl.String),
    "score": pl.Float64,
    "cut": pl.Int64,
    "passed": pl.List(pl.Boolean),
}


def table(report: Report) -> str:
    """The report as Markdown: task, setting, score in per cent, 95 % interval, n, answers that were
    cut, and notes."""
    rows = ["| task | setting | score | 95 % CI | n | cut |", "|---|---|---:|---:|---:|---:|"]
    for entry in report.lines:
        name = f"{entry.title} {SIGNS[entry.mark]}".strip()
        if entry.score is None:
            rows.append(f"| {name} | {entry.setting} | not measured | | | |")
            continue
        found = entry.score
        bounds = f"{found.low * 100:.1f} to {found.high * 100:.1f}"
        rows.append(
            f"| {name} | {entry.setting} | {found.mean * 100:.1f} | {bounds} | {entry.n:,} | "
            f"{entry.cut:,} |"
        )
    if report.average is not None and len(report.lines) > 1:
        count = f"{len(report.measured)} of {len(report.lines)} tasks"
        rows.append(f"| **average** | {count} | **{report.average * 100:.1f}** | | | |")
    return (
        "\n".join(["", *rows, "", *_samples(report), *_leaks(report), *_notes(report)]).rstrip()
        + "\n"
    )


def _samples(report: Report) -> list[str]:
    """A row for each suite with several samples an item: mean@n and pass@k, with intervals."""
    found = [entry for entry in report.measured if entry.at]
    if not found:
        return []
    rows = ["| task | samples | score | 95 % CI |", "|---|---|---:|---:|"]
    for entry in found:
        for name, score in entry.at.items():
            bounds = f"{score.low * 100:.1f} to {score.high * 100:.1f}"
            rows.append(f"| {entry.title} | {name} | {score.mean * 100:.1f} | {bounds} |")
    return [*rows, ""]


def _leaks(report: Report) -> list[str]:
    """A row for each suite that was looked for in the training data: its score on the items that
    were found there, on the others, and the difference."""
    rows = [
        "| task | found in training | score | not found | score | difference | 95 % CI |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    looked = [(entry.title, entry.leak) for entry in report.measured if entry.leak]
    for title, leak in looked:
        found, clean, gap = (
            f"{100 * part.mean:.1f}" if part else ""
            for part in (leak.found, leak.clean, leak.difference)
        )
        bounds = ""
        if leak.difference:
            gap = f"{100 * leak.difference.mean:+.1f}"
            bounds = f"{leak.difference.low * 100:+.1f} to {leak.difference.high * 100:+.1f}"
        rows.append(
            f"| {title} | {leak.items:,} | {found} | {leak.others:,} | {clean} | {gap} | {bounds} |"
        )
    return [*rows, ""] if looked else []


def _notes(report: Report) -> list[str]:
    marks = dict.fromkeys(entry.mark for entry in report.lines if entry.mark in MEANING)
    notes = [f"{SIGNS[mark]} {MEANING[mark]}." for mark in marks]
    notes += [f"{e.title} was not measured: {e.missing}." for e in report.lines if e.missing]
    for entry in report.measured:
        if entry.errors:
            notes.append(f"{entry.title}: {entry.errors:,} items could not be scored.")
        if entry.cut:
            notes.append(f"{entry.title}: {entry.cut:,} answers were cut at the token limit.")
        if report.evidence and not entry.leak:
            notes.append(f"{entry.title}: its items were not looked for in the training data.")
        if entry.clipped:
            lost = "prompts were longer than the model's window, and lost their beginning"
            notes.append(f"{entry.title}: {entry.clipped:,} {lost}.")
    if report.limit:
        notes.append(f"At most {report.limit:,} items a suite were asked (--limit).")
    return [f"- {note}" for note in notes]


def write(report: Report, out: Path) -> None:
    """NAME.md, NAME.json, NAME.parquet (one row an item) and NAME.png under `out`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{report.name}.md").write_text(
        f"# {report.model}: {report.name}\n{table(report)}", encoding="utf-8"
    )
    told: dict[str, Any] = {
        "report": report.name,
        "model": report.model,
        "limit": report.limit,
        "libraries": {name: version(name) for name in ("lm_eval", "transformers", "torch")},
        "average": report.average,
        "suites": [asdict(entry) for entry in report.lines],
    }
    text = json.dumps(told, indent=1, ensure_ascii=False) + "\n"
    (out / f"{report.name}.json").write_text(text, encoding="utf-8")
    tiers = {entry.suite: entry.tier for entry in report.lines}
    rows = [
        {"suite": name, "tier": tiers[name], **asdict(result)}
        for name, results in report.results.items()
        for result in results
    ]
    pl.DataFrame(rows, schema=SCHEMA, orient="row").write_parquet(out / f"{report.name}.parquet")
    if report.measured:
        picture(report, out / f"{report.name}.png")


def picture(report: Report, file: Path) -> None:
    """A bar for each measured task, with its interval."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = [(entry.title, entry.score) for entry in reversed(report.measured) if entry.score]
    figure = Figure(figsize=(7, 0.8 + 0.36 * len(found)), layout="constrained")
    axes = figure.add_subplot()
    means = [100 * score.mean for _, score in found]
    reach = [
        [100 * (score.mean - score.low) for _, score in found],
        [100 * (score.high - score.mean) for _, score in found],
    ]
    axes.barh([title for title, _ in found], means, xerr=reach, color="#4878a8", ecolor="#333333")
    axes.set_xlim(0, 100)
    axes.set_xlabel("score, with 95 % interval")
    axes.spines[["top", "right"]].set_visible(False)
    FigureCanvasAgg(figure).print_png(file)


def add_to_card(report: Report, model: Path, out: Path) -> bool:
    """Put the table and picture into the model's README.md, replacing the last of this name.

    Returns False where the model has no card.
    """
    card = model / "README.md"
    if not card.is_file():
        return False
    begin, end = f"<!-- eval:{report.name} -->", f"<!-- /eval:{report.name} -->"
    text = card.read_text(encoding="utf-8")
    before, found, rest = text.partition(begin)
    after = rest.partition(end)[2] if found else ""
    try:
        image = (out / f"{report.name}.png").resolve().relative_to(model.resolve()).as_posix()
        shown = [f"![{report.name}]({image})", ""] if report.measured else []
    except ValueError:  # written elsewhere: a card does not point out of its folder
        shown = []
    body = "\n".join([begin, "", f"## Evaluation: {report.name}", table(report), *shown, end])
    card.write_text(f"{before.rstrip()}\n\n{body}\n{after.lstrip()}", encoding="utf-8")
    return True
