"""Model comparison: `python -m eval.compare A B [C ...]` on the reports of several models.

Of two models, B minus A item by item; of more, the paper's table. With --picture a chart of either.
"""

import json
from pathlib import Path
from typing import Annotated

import typer

from dataengine.errors import UserError
from eval import scoreboard
from eval.comparison import Comparison, holm, opened
from eval.coverage import MEANING, SIGNS
from eval.stats import Paired, averaged, mean

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def main(
    models: Annotated[
        list[Path], typer.Argument(help="Two or more models' folders, or folders of their reports")
    ],
    report: Annotated[str, typer.Option(help="Which report: a tier, or suites")] = "development",
    picture: Annotated[Path | None, typer.Option(help="Draw the scores into this PNG")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table")] = False,
) -> None:
    """Compare models' reports: differences with intervals and paired p-values, the best in bold."""
    try:
        if len(models) < 2:
            raise UserError("give two models or more")
        reports = [opened(model, report) for model in models]
        board = scoreboard.board(names(models), reports)
        if picture:
            scoreboard.picture(board, picture)
    except (UserError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    if len(models) > 2:
        typer.echo(scoreboard.records(board) if as_json else scoreboard.table(board))
        return
    found = board.against[0]
    typer.echo(as_records(found) if as_json else table(found, *models))


def names(models: list[Path]) -> list[str]:
    """Short names for columns: the folders' own, or the whole paths where these are alike."""
    short = [p.resolve().parent.name if p.name == "eval" else p.resolve().name for p in models]
    return short if len(set(short)) == len(short) else [str(path) for path in models]


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


def as_records(found: list[Comparison]) -> str:
    """The comparisons as JSON."""
    return json.dumps([entry.record() for entry in found], indent=1, ensure_ascii=False)


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


if __name__ == "__main__":
    app()
