"""`python -m dataengine.publish BUILD`: publish a finished build, or show what would be sent."""

import json
from pathlib import Path
from typing import Annotated

import typer

from dataengine.built import Built
from dataengine.command import command, run_command
from dataengine.publish import hub
from dataengine.show import show_push

app = command()


@app.command()
def main(
    build: Annotated[Path, typer.Argument(help="The folder of a finished build.", metavar="BUILD")],
    repo: Annotated[
        str | None, typer.Option(help="OWNER/NAME; the mixture's publish.repo by default.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show each file, and send nothing.")
    ] = False,
    allow_unknown_licence: Annotated[
        bool,
        typer.Option("--allow-unknown-licence", help="Publish although a licence is unknown."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Publish BUILD as it lies there: nothing is built."""
    built = Built(build, hub.finished(build))
    if dry_run:
        push = built.push(repo, allow_unknown_licence=allow_unknown_licence)
        print(json.dumps(push.told())) if as_json else show_push(push)
        return
    done = built.publish(repo, allow_unknown_licence=allow_unknown_licence)
    state = "published" if done.changed else "already published"
    print(json.dumps({"url": done.url}) if as_json else f"{state}: {done.url}")


if __name__ == "__main__":
    run_command(app)
