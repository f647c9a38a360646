"""`python -m dataengine.report BUILD`: write a finished build's report again, or a public one."""

from pathlib import Path
from typing import Annotated

import typer

from dataengine.built import Built
from dataengine.command import command, run_command
from dataengine.report import report

app = command()


@app.command()
def main(
    build: Annotated[Path, typer.Argument(help="The folder of a finished build.", metavar="BUILD")],
    out: Annotated[
        Path | None, typer.Option(help="The file to write; report.html in the build by default.")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Leave out eval texts, to be published.")
    ] = False,
) -> None:
    """Write the report of BUILD as one HTML file."""
    file = out or build / ("report-public.html" if public else "report.html")
    file.write_text(report(Built.open(build), public), encoding="utf-8")
    print(f"wrote {file}")


if __name__ == "__main__":
    run_command(app)
