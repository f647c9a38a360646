"""Verifier command, `python -m eval.verifiers`: list verifiers, or test one on a suite."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from eval.verifiers import names, require
from eval.verifiers.selftest import Report, read, selftest

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, help=__doc__)


@app.command("list")
def list_verifiers() -> None:
    """Print every verifier's name."""
    for name in names():
        print(name)


@app.command("selftest")
def selftest_command(
    suite: Annotated[Path, typer.Option(help="A JSONL file of items: id, prompt, answer, ...")],
    verifier: Annotated[str, typer.Option(help="The verifier's name")],
    json_output: Annotated[bool, typer.Option("--json", help="Counts alone, as JSON")] = False,
    failures: Annotated[Path | None, typer.Option(help="Write each failure here, as JSONL")] = None,
    sandbox: Annotated[str | None, typer.Option(help="`none`: run programs unprotected")] = None,
) -> None:
    """Check that gold answers pass and planted wrong answers fail, on every item of a suite.

    The last line is {"items": n, "gold_passed": n, "wrong_failed": n, "errors": n}. Exit code 0
    when all are as they should be, 1 when not, 2 for bad input.
    """
    settings: dict[str, Any] = {"sandbox": sandbox} if sandbox else {}
    try:
        require(verifier)
        report = selftest(read(suite), verifier, **settings)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(2) from error
    if failures:
        lines = (json.dumps(f.__dict__, ensure_ascii=False) for f in report.findings)
        failures.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    if not json_output:
        _show(report)
    print(json.dumps(report.counts()))
    raise typer.Exit(0 if report.sound else 1)


def _show(report: Report) -> None:
    for finding in report.findings[:20]:
        print(f"{finding.id}: {finding.what}: {finding.answer!r:.100}: {finding.said:.200}")
    if len(report.findings) > 20:
        print(f"... and {len(report.findings) - 20} more; --failures FILE writes them all")


if __name__ == "__main__":
    app()
