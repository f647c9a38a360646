"""`python -m dataengine.report BUILD`: write a finished build's report again, or a public one."""

from pathlib import Path
from typing import Annotated

import typer

from dataengine.built import Built
from dataengine.command import command, run_command
from dataengine.errors import UserError
from dataengine.report import report
from dataengine.report.mask import Template

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
    template: Annotated[
        str | None,
        typer.Option(
            help="sft: shade what this chat template trains on: a name that TRL ships, as qwen3, "
            "or a .jinja file."
        ),
    ] = None,
    since: Annotated[
        Path | None, typer.Option(help="Tell what changed since this earlier build.")
    ] = None,
) -> None:
    """Write the report of BUILD as one HTML file."""
    file = out or build / ("report-public.html" if public else "report.html")
    built = Built.open(build)
    if template and built.manifest["kind"] != "sft":
        raise UserError(f"--template: {build} holds no sft rows, of whose turns a template tells")
    masks = Template.named(template) if template else None
    earlier = Built.open(since) if since else None
    file.write_text(report(built, public, masks, earlier), encoding="utf-8")
    print(f"wrote {file}")


if __name__ == "__main__":
    run_command(app)
