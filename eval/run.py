"""Measure a model: `python -m eval.run --model DIR_OR_URL --tier development`.

One command, one table. The items come from eval/suites (local files under --path, or the Hub), the
answers from lm-evaluation-harness, the scores from eval/verifiers.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from eval import report as reports
from eval import seal
from eval.coverage import coverage
from eval.measure import Means, run
from eval.suites import Suite, SuiteError, Tier, load

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def main(
    model: Annotated[str, typer.Option(help="A model's folder, its Hub id, or a server's URL")],
    tier: Annotated[Tier | None, typer.Option(help="Measure this tier's suites")] = None,
    suite: Annotated[list[str] | None, typer.Option(help="Or these: a name or a file")] = None,
    path: Annotated[Path | None, typer.Option(help="The folder with the suites' files")] = None,
    out: Annotated[Path | None, typer.Option(help="Default: eval/ in the model's folder")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many items a suite")] = None,
    unseal: Annotated[
        bool, typer.Option("--unseal", help="Open the unseen tier; recorded")
    ] = False,
    backend: Annotated[Literal["hf", "vllm"], typer.Option(help="What runs a folder")] = "hf",
    served: Annotated[str | None, typer.Option(help="The model's name at the URL")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Prompts at once (hf)")] = 8,
    judge: Annotated[str | None, typer.Option(help="URL of a judge: win rates, safety")] = None,
    judge_model: Annotated[str | None, typer.Option(help="The judge's name at its URL")] = None,
) -> None:
    """Measure a model on a tier or on named suites, and write the table, the items, a picture."""
    try:
        wanted = chosen(tier, suite, path)
        sealed = seal.check(wanted, unseal)
        folder = out or default_out(model)
        known = coverage(model)
        if sealed:
            home = Path(model) if Path(model).is_dir() else folder
            seal.record(home, model, sealed, limit)
        names = "-".join(entry.name for entry in wanted)
        name = tier or (names if len(names) < 100 else f"{len(wanted)}-suites")
        means = Means(model, backend, served, batch, judge, judge_model)
        found = None
        for found in run(name, wanted, means, known, limit):
            reports.write(found, folder)
    except SuiteError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    if found is None:
        return
    if Path(model).is_dir():
        reports.add_to_card(found, Path(model), folder)
    typer.echo(reports.table(found))
    typer.echo(f"{folder / name}.md, .json, .parquet and .png", err=True)
    raise typer.Exit(0 if found.measured else 1)


def chosen(tier: Tier | None, names: Sequence[str] | None, path: Path | None) -> list[Suite]:
    """The suites that the command line asks for."""
    if (tier is None) == (not names):
        raise SuiteError("give --tier, or --suite (again and again for several)")
    if path is not None and not path.is_dir():
        raise SuiteError(f"--path: no folder {path}")
    return load(tier or list(names or ()), path)


def default_out(model: str) -> Path:
    if Path(model).is_dir():
        return Path(model) / "eval"
    return Path("eval-" + re.sub(r"[^A-Za-z0-9.]+", "-", model.split("://")[-1]).strip("-"))


if __name__ == "__main__":
    app()
