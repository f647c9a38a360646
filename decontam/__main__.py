"""Command line (`python -m decontam`): check, show, compare, clean, selftest."""

import glob
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from dataengine.errors import UserError
from dataengine.rows import formats
from decontam import show as pages
from decontam.check import check as run_check
from decontam.io.drop_rows import drop_rows
from decontam.io.findings import Findings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Find training rows that give away eval items, and show why.",
)


class Method(StrEnum):
    """Methods of `check`."""

    default = "default"
    tulu3 = "tulu3"


class FailOn(StrEnum):
    """What ends `check` with exit code 1."""

    drop = "drop"
    review = "review"
    source = "source"
    missing = "missing"


Rows = Annotated[
    list[str],
    typer.Option(
        help=f"files of rows ({' '.join(formats.FORMATS)}; .gz, .zst); a glob; repeatable"
    ),
]
Suites = Annotated[
    list[str],
    typer.Option(help="a .jsonl of items, a folder of them, a suite's YAML, its name, or a tier"),
]
Evals = Annotated[
    Path | None, typer.Option(help="where named suites and tiers find their local files")
]
Folder = Annotated[Path, typer.Argument(help="a folder that `check` wrote")]


def files(patterns: list[str]) -> list[Path]:
    """The files that patterns name, in order. Raises UserError where one names none."""
    found = []
    for pattern in patterns:
        matched = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 (absolute patterns)
        if not matched:
            raise UserError(f"--rows {pattern}: no such file")
        found += [Path(match) for match in matched]
    return found


def read_policies(path: Path | None) -> dict[str, Any]:
    """Policies by suite from a YAML file. Raises UserError."""
    if path is None:
        return {}
    try:
        policies = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"--policy {path}: {error}") from error
    if not isinstance(policies, dict):
        raise UserError(f"--policy {path}: wants suite names, each with its policy")
    return policies


def read_columns(named: list[str]) -> dict[str, str]:
    """The keys that --columns names, each with its role."""
    pairs = [name.partition("=") for name in named]
    for key, _, role in pairs:
        if not key or not role:
            raise UserError("--columns: wants KEY=ROLE, for example problem=prompt")
    return {key: role for key, _, role in pairs}


def load_suites(what: list[str], evals: Path | None) -> tuple[list[Any], list[str]]:
    """The suites whose items are at hand, and the names of the others."""
    from eval.suites import load

    found = load(what, evals)
    for suite in found:
        if suite.missing:
            typer.echo(f"not checked: {suite.name} ({suite.missing})", err=True)
    present = [suite for suite in found if not suite.missing]
    if not present:
        raise UserError(f"--suites {' '.join(what)}: none of them has items here")
    return present, [suite.name for suite in found if suite.missing]


@app.command()
def check(
    rows: Rows,
    suites: Suites,
    out: Annotated[Path, typer.Option(help="folder for decisions, evidence and report")],
    evals: Evals = None,
    method: Annotated[Method, typer.Option(help="tulu3: the published rule")] = Method.default,
    policy: Annotated[
        Path | None, typer.Option(help="YAML: suite name -> policy that replaces its own")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1)] = None,
    cache: Annotated[Path | None, typer.Option(help="folder of indices")] = None,
    paraphrases: Annotated[
        bool, typer.Option("--paraphrases", help="look for paraphrases too; needs .[semantic]")
    ] = False,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            help="KEY=ROLE: this key is text, of this role; repeatable", metavar="KEY=ROLE"
        ),
    ] = None,
    allow_textless: Annotated[
        bool, typer.Option("--allow-textless", help="count rows without text instead of refusing")
    ] = False,
    fail_on: Annotated[
        list[FailOn] | None, typer.Option(help="exit 1 where there is any; repeatable")
    ] = None,
) -> None:
    """Check rows against suites; write decisions.parquet, evidence.parquet, report.json."""
    paths = files(rows)
    for note in filter(None, (formats.note(str(path)) for path in paths)):
        typer.echo(f"note: {note}", err=True)
    present, missing = load_suites(suites, evals)
    found = run_check(
        paths,
        present,
        method=method.value,
        policy=read_policies(policy),
        cache=cache,
        threads=threads,
        paraphrases=paraphrases,
        columns=read_columns(columns or []),
        allow_textless=allow_textless,
    )
    found.report["missing"] = missing
    found.write(out)
    typer.echo(pages.summary(found.report))
    typer.echo(f"\nevidence: python -m decontam show {out}")
    if any(failed(found, reason) for reason in fail_on or []):
        raise typer.Exit(1)


def failed(found: Findings, reason: FailOn) -> bool:
    """Whether findings hold what is to fail on."""
    if reason == FailOn.missing:
        return bool(found.report["missing"])
    if reason == FailOn.source:
        return any(s["verdict"] == "contaminated" for s in found.report["sources"])
    return bool(found.report["decided"].get(reason.value))


@app.command()
def show(
    folder: Folder,
    suite: Annotated[str | None, typer.Option(help="only this suite")] = None,
    row: Annotated[str | None, typer.Option(help="only this row id")] = None,
    decision: Annotated[str | None, typer.Option(help="drop, review or keep-by-policy")] = None,
    limit: Annotated[int, typer.Option(help="how many, the least certain first")] = 20,
) -> None:
    """Print row and item side by side with the match marked."""
    typer.echo(pages.show(read(folder, builds=True), suite, row, decision, limit))


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(help="a folder that `check` wrote")],
    after: Annotated[Path, typer.Argument(help="another")],
    fail_on_change: Annotated[bool, typer.Option(help="exit 1 where any row changed")] = False,
) -> None:
    """What two settings decide differently."""
    text, changed = pages.compare(read(before), read(after))
    typer.echo(text)
    if changed and fail_on_change:
        raise typer.Exit(1)


@app.command()
def clean(
    folder: Folder,
    rows: Rows,
    out: Annotated[Path, typer.Option(help="folder for the cleaned files")],
    source_above: Annotated[
        float | None,
        typer.Option(help="drop a source whole where it overlaps more than this share of a suite"),
    ] = None,
) -> None:
    """Write the rows without the dropped ones, file by file, bytes otherwise untouched."""
    for line in drop_rows(read(folder), files(rows), out, source_above):
        typer.echo(line)


@app.command()
def selftest(
    suites: Suites,
    rows: Rows,
    evals: Evals = None,
    per_kind: Annotated[int, typer.Option(help="leaks planted of each kind")] = 60,
    seed: Annotated[int, typer.Option()] = 0,
    method: Annotated[Method, typer.Option()] = Method.default,
    misses: Annotated[bool, typer.Option(help="list what was missed or wrongly dropped")] = False,
) -> None:
    """Plant leaks of your suites in your rows; print recall per kind and false alarms."""
    from decontam.selftest.selftest import selftest as run

    typer.echo(
        run(load_suites(suites, evals)[0], files(rows), per_kind, seed, method.value, misses)
    )


def read(folder: Path, builds: bool = False) -> Findings:
    """What a check found, or with `builds` a build."""
    try:
        if builds and (folder / "manifest.json").is_file():
            return Findings.of_build(folder)
        return Findings.read(folder)
    except (OSError, json.JSONDecodeError) as error:
        raise UserError(f"{folder}: not a folder that `check` wrote ({error})") from error


def main() -> None:
    """Run the command; a person's mistake is one line and exit code 2."""
    try:
        app()
    except UserError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
