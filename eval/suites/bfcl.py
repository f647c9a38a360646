"""Berkeley Function-Calling Leaderboard: its files as a suite's items.

    python -m eval.suites.bfcl gorilla/berkeley-function-call-leaderboard/bfcl_eval/data bfcl.jsonl

Reads the published files (`BFCL_v4_parallel.json` and `possible_answer/BFCL_v4_parallel.json`) of
the categories whose answers are calls, in Python, to one question; others are left out, and
counted.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from dataengine.errors import UserError
from eval.suites.item import jsonl_rows

CATEGORIES = (
    "simple",
    "simple_python",
    "multiple",
    "parallel",
    "parallel_multiple",
    "irrelevance",
    "live_simple",
    "live_multiple",
    "live_parallel",
    "live_parallel_multiple",
    "live_irrelevance",
)
TYPES = {"dict": "object", "float": "number", "tuple": "array"}
"""What BFCL calls the types of JSON Schema; `any` is no type there."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def main(
    folder: Annotated[Path, typer.Argument(help="The leaderboard's data folder")],
    out: Annotated[Path, typer.Argument(help="The suite's file: bfcl.jsonl")],
) -> None:
    """Write the leaderboard's questions with one turn as a suite's items."""
    try:
        left: Counter[str] = Counter()
        found = list(items(folder, left))
    except UserError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    lines = (json.dumps(item, ensure_ascii=False) for item in found)
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    typer.echo(f"{out}: {len(found):,} items")
    for reason, count in sorted(left.items()):
        typer.echo(f"left out: {count:,} {reason}")


def items(folder: Path, left: Counter[str]) -> Iterator[dict[str, Any]]:
    """Every item; what is `left` out is counted. UserError where there is no such file."""
    files = [
        (found[1], file)
        for file in sorted(folder.glob("BFCL_v*.json"))
        if (found := re.fullmatch(r"BFCL_v\d+_(.+)", file.stem)) and found[1] in CATEGORIES
    ]
    if not files:
        raise UserError(f"{folder}: no BFCL_v*_*.json of {', '.join(CATEGORIES)}")
    for category, file in files:
        answers = _answers(folder / "possible_answer" / file.name, category)
        for where, row in jsonl_rows(file):
            turns = row["question"][0] if len(row["question"]) == 1 else []
            if [turn["role"] for turn in turns] != ["user"]:
                left[f"of {category} with more turns than one"] += 1
            elif answers is not None and row["id"] not in answers:
                raise UserError(f"{where}: {row['id']} has no possible answer")
            else:
                calls = [] if answers is None else answers[row["id"]]
                yield {
                    "id": row["id"],
                    "prompt": turns[0]["content"],
                    "subset": category,
                    "meta": {"tools": list(map(tool, row["function"])), "calls": calls},
                }


def _answers(file: Path, category: str) -> dict[str, Any] | None:
    """Accepted calls by id; None of a category in which nothing is to be called."""
    if category.endswith("irrelevance"):
        return None
    if not file.is_file():
        raise UserError(f"{file}: not there; its questions cannot be scored without")
    return {row["id"]: row["ground_truth"] for _, row in jsonl_rows(file)}


def tool(function: dict[str, Any]) -> dict[str, Any]:
    """A function as OpenAI's API has tools: JSON Schema's types, no dots in the name."""
    name = function["name"].replace(".", "_")
    described = function | {"name": name, "parameters": _schema(function["parameters"])}
    return {"type": "function", "function": described}


def _schema(told: Any) -> Any:
    if not isinstance(told, dict):
        return told
    schema = {
        key: {name: _schema(value) for name, value in part.items()}
        if key == "properties"
        else _schema(part)
        for key, part in told.items()
    }
    kind = schema.get("type")
    if kind == "any":
        del schema["type"]
    elif isinstance(kind, str):
        schema["type"] = TYPES.get(kind, kind)
    return schema


if __name__ == "__main__":
    app()
