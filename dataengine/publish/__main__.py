"""`python -m dataengine.publish BUILD`: publish a finished build, or show what would be sent."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dataengine.command import command, run_command
from dataengine.document import Document
from dataengine.errors import UserError
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
    built, mixture = hub.finished(build), _mixture(build)
    said = mixture.get("publish") or {}
    place, private = repo or said.get("repo"), said.get("private", True)
    if not place:
        raise UserError(f"{build}: its mixture names no publish.repo; say --repo OWNER/NAME")
    hub.require_checked(built, (mixture.get("decontaminate") or {}).get("missing"))
    how: Any = {"private": private, "allow_unknown_licence": allow_unknown_licence}
    if dry_run:
        push = hub.push(build, place, **how)
        print(json.dumps(push.told())) if as_json else show_push(push)
        return
    done = hub.publish(build, place, **how)
    state = "published" if done.changed else "already published"
    print(json.dumps({"url": done.url}) if as_json else f"{state}: {done.url}")


def _mixture(build: Path) -> dict[str, Any]:
    """The mixture that the build was made from."""
    data = Document(build / "mixture.lock.yaml").data
    return data if isinstance(data, dict) else {}


if __name__ == "__main__":
    run_command(app)
