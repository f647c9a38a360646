"""Score table of several models: a row a task, a column a model, each against the first."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.comparison import Comparison, Opened, compare, holm
from eval.coverage import MEANING, SIGNS


@dataclass(frozen=True)
class Board:
    """Reports under their models' names, and each one's comparison with the first."""

    names: list[str]
    reports: list[Opened]
    against: list[list[Comparison]]

    @property
    def suites(self) -> list[str]:
        return list(dict.fromkeys(name for report in self.reports for name in report.lines))

    def line(self, model: int, suite: str) -> dict[str, Any] | None:
        """A model's line of a suite, where it was measured."""
        line = self.reports[model].lines.get(suite)
        return line if line and line["score"] else None

    def title(self, suite: str) -> str:
        return next(str(r.lines[suite]["title"]) for r in self.reports if suite in r.lines)

    def alike(self, model: int, suite: str) -> bool:
        """Whether the model was measured on the suite, and as the first model was."""
        compared = self.comparison(model, suite)
        return self.line(model, suite) is not None and not (compared and compared.reason)

    def comparison(self, model: int, suite: str) -> Comparison | None:
        """The comparison with the first model; None of the first itself."""
        found = self.against[model - 1] if model else []
        return next((one for one in found if one.suite == suite), None)


def board(names: list[str], reports: list[Opened]) -> Board:
    """The score table of several reports, the first the one to compare with."""
    return Board(names, reports, [compare(reports[0], other) for other in reports[1:]])


def table(found: Board) -> str:
    """Markdown: scores in per cent, the best of each row bold. A star where the difference from the
    first model stays under 0.05 after Holm's correction for all differences in the table."""
    pairs = [(m, s) for m in range(1, len(found.names)) for s in found.suites]
    compared = [found.comparison(m, s) for m, s in pairs]
    ps = [one.paired.p if one and one.paired else None for one in compared]
    starred = {pair for pair, sure in zip(pairs, holm(ps), strict=True) if sure}
    rows = [
        f"| task | {' | '.join(found.names)} |",
        f"|---|{'---:|' * len(found.names)}",
        *(_row(found, suite, starred) for suite in found.suites),
    ]
    models = range(len(found.names))
    whole = [suite for suite in found.suites if all(found.alike(m, suite) for m in models)]
    if len(whole) > 1:
        means = [
            sum(report.lines[s]["score"]["mean"] for s in whole) / len(whole)
            for report in found.reports
        ]
        cells = " | ".join(_bold(means, at) for at in range(len(means)))
        rows.append(f"| average of {len(whole)} | {cells} |")
    return "\n".join([*rows, "", *_notes(found, bool(starred))])


def _row(found: Board, suite: str, starred: set[tuple[int, str]]) -> str:
    models = range(len(found.names))
    lines = [found.line(model, suite) for model in models]
    means = [
        line["score"]["mean"] if line and found.alike(model, suite) else None
        for model, line in enumerate(lines)
    ]
    cells = []
    for model, line in enumerate(lines):
        if line is None:
            cells.append("")
            continue
        other = f"({100 * line['score']['mean']:.1f})"
        shown = _bold(means, model) if means[model] is not None else other
        star = "\\*" if (model, suite) in starred else ""
        cells.append(f"{shown}{star} {SIGNS[line['mark']]}".strip())
    return f"| {found.title(suite)} | {' | '.join(cells)} |"


def _bold(means: Sequence[float | None], at: int) -> str:
    """A mean in per cent, bold where it is the highest of several."""
    value = means[at]
    assert value is not None
    known = [mean for mean in means if mean is not None]
    text = f"{100 * value:.1f}"
    return f"**{text}**" if len(known) > 1 and value == max(known) else text


def _notes(found: Board, stars: bool) -> list[str]:
    notes = []
    if stars:
        first = found.names[0]
        notes.append(f"\\* differs from {first}: p under 0.05 after Holm's correction.")
    for model, name in enumerate(found.names):
        for suite in found.suites:
            compared = found.comparison(model, suite)
            if found.line(model, suite) is None:
                notes.append(f"{found.title(suite)} was not measured for {name}.")
            elif compared and compared.reason and found.line(0, suite):
                title = found.title(suite)
                notes.append(f"{title} of {name} is not compared: {compared.reason}.")
    marks = dict.fromkeys(
        line["mark"] for report in found.reports for line in report.lines.values()
    )
    notes += [f"{SIGNS[mark]} {MEANING[mark]}." for mark in marks if mark in MEANING]
    return [f"- {note}" for note in notes]


def records(found: Board) -> str:
    """The same as JSON: of each model and suite the score, and the comparison with the first."""
    told = [
        {
            "model": name,
            "suite": suite,
            "score": (found.line(model, suite) or {}).get("score"),
            "against": one.record() if (one := found.comparison(model, suite)) else None,
        }
        for model, name in enumerate(found.names)
        for suite in found.suites
    ]
    return json.dumps(told, indent=1, ensure_ascii=False)


def picture(found: Board, file: Path) -> None:
    """Bars of each task side by side, with their 95 % intervals."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    count, suites = len(found.names), found.suites
    figure = Figure(figsize=(max(6.0, 0.5 * count * len(suites)), 3.6), layout="constrained")
    axes = figure.add_subplot()
    for model, name in enumerate(found.names):
        lines = [found.line(model, suite) for suite in suites]
        shown = [(at, line["score"]) for at, line in enumerate(lines) if line]
        places = [at + (model - (count - 1) / 2) * 0.8 / count for at, _ in shown]
        means = [100 * score["mean"] for _, score in shown]
        reach = [
            [100 * (score["mean"] - score["low"]) for _, score in shown],
            [100 * (score["high"] - score["mean"]) for _, score in shown],
        ]
        axes.bar(places, means, 0.8 / count, yerr=reach, label=name, ecolor="#333333", capsize=2)
    axes.set_xticks(range(len(suites)), map(found.title, suites), rotation=30, ha="right")
    axes.set_ylim(0, 100)
    axes.set_ylabel("score, with 95 % interval")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    FigureCanvasAgg(figure).print_png(file)
