"""Evaluation command: `python -m eval.run --model DIR_OR_URL --tier development`.

One command, one table. The items come from eval/suites (local files under --path, or the Hub), the
answers from lm-evaluation-harness, the scores from eval/verifiers.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from dataengine.errors import UserError
from eval import leak, seal, writing
from eval.coverage import coverage
from eval.measure import Means, run
from eval.suites import Suite, Tier, load
from eval.tasks.model import Where, served_by

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def main(
    model: Annotated[str, typer.Option(help="A model's folder, its Hub id, or a server's URL")],
    tier: Annotated[Tier | None, typer.Option(help="Measure this tier's suites")] = None,
    suite: Annotated[list[str] | None, typer.Option(help="Or these: a name or a file")] = None,
    path: Annotated[Path | None, typer.Option(help="The folder with the suites' files")] = None,
    out: Annotated[Path | None, typer.Option(help="Default: eval/ in the model's folder")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many items a suite")] = None,
    evidence: Annotated[
        list[Path] | None,
        typer.Option(help="The builds that it was trained on: scores by whether items are in them"),
    ] = None,
    unseal: Annotated[
        bool, typer.Option("--unseal", help="Open the unseen tier; recorded")
    ] = False,
    backend: Annotated[Literal["hf", "vllm"], typer.Option(help="What runs a folder")] = "hf",
    served: Annotated[str | None, typer.Option(help="The model's name at the URL")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Prompts at once (hf)")] = 8,
    thinking: Annotated[
        bool | None, typer.Option(help="Have the chat template turn reasoning on, or off")
    ] = None,
    system: Annotated[str | None, typer.Option(help="A system turn before each question")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Tokens an answer gets")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, help="0 is greedy")] = None,
    top_p: Annotated[float | None, typer.Option(min=0, max=1, help="Nucleus sampling")] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="Answers to each question")] = None,
    engine: Annotated[
        str, typer.Option(help="vLLM's engine arguments, as JSON: '{\"max_model_len\": 32768}'")
    ] = "{}",
    judge: Annotated[str | None, typer.Option(help="URL of a judge: win rates, safety")] = None,
    judge_model: Annotated[str | None, typer.Option(help="The judge's name at its URL")] = None,
) -> None:
    """Measure a model on a tier or on named suites, and write the table, the items, a picture."""
    try:
        wanted = chosen(tier, suite, path)
        sealed = seal.check(wanted, unseal)
        where = Where(model, backend, served, batch, thinking=thinking, engine=arguments(engine))
        if where.remote:
            where = replace(where, served=served_by(where.url, served)[0])
        folder = out or default_out(where)
        known = coverage(model)
        found_in = leak.evidence(evidence) if evidence else None
        if sealed:
            home = Path(model) if Path(model).is_dir() else folder
            seal.record(home, model, sealed, limit)
        given = {
            "max_tokens": max_tokens,
            "temperature": temperature,
            "top_p": top_p,
            "samples": samples,
        }
        given = {key: value for key, value in given.items() if value is not None}
        means = Means(where, judge, judge_model, system, given)
        name = report_name(tier, wanted, means, limit)
        found = None
        for found in run(name, wanted, means, known, limit, folder, found_in):
            writing.write(found, folder)
    except UserError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    if found is None:
        return
    if Path(model).is_dir():
        writing.add_to_card(found, Path(model), folder)
    typer.echo(writing.table(found))
    typer.echo(f"{folder / name}.md, .json, .parquet and .png", err=True)
    raise typer.Exit(0 if found.measured else 1)


def chosen(tier: Tier | None, names: Sequence[str] | None, path: Path | None) -> list[Suite]:
    """The suites that the command line asks for."""
    if (tier is None) == (not names):
        raise UserError("give --tier, or --suite (again and again for several)")
    if path is not None and not path.is_dir():
        raise UserError(f"--path: no folder {path}")
    return load(tier or list(names or ()), path)


def arguments(text: str) -> dict[str, Any]:
    """Parse `--engine`, a JSON object."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise UserError(f"--engine: not JSON: {error}") from None
    if not isinstance(given, dict):
        raise UserError("--engine: give an object, such as '{\"max_model_len\": 32768}'")
    return given


def default_out(where: Where) -> Path:
    """`eval/` in the model's folder; for others a folder here that names model and server."""
    if Path(where.model).is_dir():
        return Path(where.model) / "eval"
    parts = [*([where.served] if where.served else []), where.url.split("://")[-1]]
    return Path("eval-" + "-".join(re.sub(r"[^A-Za-z0-9.]+", "-", p).strip("-") for p in parts))


def report_name(tier: str | None, suites: Sequence[Suite], means: Means, limit: int | None) -> str:
    """What was asked for, so that no report is written over one of something else."""
    names = "-".join(suite.name for suite in suites)
    if len(names) >= 100:
        names = f"{len(suites)}-suites-{_hash(names)}"
    thinking = [mode.replace(" ", "-") for mode in means.where.mode]
    others = [f"{key.replace('_', '-')}-{value:g}" for key, value in means.given.items()]
    system = [f"system-{_hash(means.system)}"] if means.system else []
    text = [] if means.where.chat else ["text"]
    judged = f"{means.judge}\0{means.judge_model or ''}"
    judge = [f"judge-{_hash(judged)}"] if means.judge else []
    first = [f"limit-{limit}"] if limit else []
    return "-".join([tier or names, *text, *thinking, *others, *system, *judge, *first])


def _hash(text: str) -> str:
    return blake2b(text.encode(), digest_size=3).hexdigest()


if __name__ == "__main__":
    app()
