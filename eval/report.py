"""What a run found: one table as the paper prints it, every item's result, and a picture."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from eval.coverage import MEANING, SIGNS, Mark
from eval.leak import Leak, split
from eval.stats import Interval, interval
from eval.suites import Score, Suite
from eval.tasks.score import Result, pass_at_k

TEXTS = ("suite", "tier", "id", "subset", "prompt", "reason", "error")
SCHEMA: dict[str, Any] = {
    **dict.fromkeys(TEXTS, pl.String),
    "answers": pl.List(pl.String),
    "score": pl.Float64,
    "cut": pl.Int64,
    "passed": pl.List(pl.Boolean),
}


@dataclass(frozen=True)
class Line:
    """One suite in the table: measured, or `missing` with the reason and no score at all.

    `n` items were scored, `errors` could not be; `cut` answers ended at the token limit; of
    `clipped` prompts the beginning was lost because the model's window was too small. `at` has
    mean@n and pass@k where an item has several samples.
    """

    suite: str
    title: str
    tier: str
    setting: str
    mark: Mark
    macro: bool = False
    score: Interval | None = None
    n: int = 0
    errors: int = 0
    cut: int = 0
    clipped: int = 0
    at: dict[str, Interval] = field(default_factory=dict)
    leak: Leak | None = None
    hash: str | None = None
    missing: str | None = None


@dataclass(frozen=True)
class Report:
    """A run's lines and results, under the name of what was asked for (a tier, or suites)."""

    name: str
    model: str
    limit: int | None
    evidence: bool
    lines: list[Line]
    results: dict[str, list[Result]]

    @property
    def measured(self) -> list[Line]:
        return [line for line in self.lines if line.score is not None]

    @property
    def average(self) -> float | None:
        """The plain mean over the measured tasks, as in the paper's tables."""
        scores = [line.score.mean for line in self.lines if line.score is not None]
        return sum(scores) / len(scores) if scores else None


def line(
    suite: Suite,
    mark: Mark,
    results: Sequence[Result],
    clipped: int,
    chat: bool,
    judge: str | None = None,
    said: Sequence[str] = (),
    found: set[str] | None = None,
) -> Line:
    """The suite's line: the mean of its decided items with its interval, errors counted beside."""
    scored = [result for result in results if result.score is not None]
    macro = suite.score is not None and suite.score.average == "subsets"
    groups = [result.subset for result in scored] if macro else None
    errors = [result.error for result in results if result.error]
    return Line(
        suite=suite.name,
        title=suite.title or suite.name,
        tier=suite.tier,
        setting=described(suite.score, chat, judge, said) if suite.score else "",
        mark=mark,
        macro=macro,
        score=interval([float(r.score or 0) for r in scored], groups) if scored else None,
        n=len(scored),
        errors=len(errors),
        cut=sum(result.cut for result in results),
        clipped=clipped,
        at=at_k(scored, groups),
        leak=None if found is None else split(results, found),
        hash=suite.hash,
        missing=None if scored else f"no item could be scored: {errors[0] if errors else 'none'}",
    )


def at_k(
    results: Sequence[Result], groups: Sequence[str | None] | None = None
) -> dict[str, Interval]:
    """mean@n, and pass@k for k = 2, 4, 8 ... n, where every item has n > 1 decided samples."""
    n = min((sum(p is not None for p in result.passed) for result in results), default=0)
    if n < 2:
        return {}
    ks = {1, n, *(2**power for power in range(1, n.bit_length()))}
    found = {}
    for k in sorted(ks):
        rates = [
            pass_at_k(sum(p is not None for p in r.passed), sum(map(bool, r.passed)), k)
            for r in results
        ]
        found[f"pass@{k}" if k > 1 else f"mean@{n}"] = interval(rates, groups)
    return found


def absent(suite: Suite, mark: Mark, reason: str, judge: str | None = None) -> Line:
    setting = described(suite.score, True, judge) if suite.score else "not scored"
    title = suite.title or suite.name
    return Line(suite.name, title, suite.tier, setting, mark, missing=reason)


def described(score: Score, chat: bool, judge: str | None = None, more: Sequence[str] = ()) -> str:
    """The setting in the paper's words: shots, chain of thought, metric, average, and the judge."""
    by = f"judged by {judge}" if judge else "judged"
    metric = {
        "exact_match": "EM",
        "f1": "F1",
        "recall": "recall",
        "mc2": "MC2",
        "pass": f"pass@{score.k}",
        "prompt_loose": "prompt-level loose" if score.settings.get("loose") else "prompt-level",
        "win_rate": f"win rate against the reference, {by} in both orders",
        "safe": "refusals where due, "
        + (by if score.verifier == "judge" else "by refusal phrases"),
    }[score.metric]
    thought = "CoT" if score.chain_of_thought else None
    samples = f"{score.samples} samples" if score.samples > 1 else None
    sampled = [f"T={score.temperature:g}", samples] if score.temperature else []
    sampled += [f"top-p {score.top_p:g}"] if score.top_p is not None else []
    sampled += [f"top-k {score.top_k}"] if score.top_k is not None else []
    plain = None if chat and score.chat else "no chat template"
    macro = "macro" if score.average == "subsets" else None
    said = (f"{score.shots}-shot", thought, *sampled, plain, *more, metric, macro)
    return ", ".join(part for part in said if part)


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
