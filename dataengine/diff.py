"""`python -m dataengine.diff BUILD OTHER`: what changed from one build to another: settings, rows
added, gone and moved, amounts, suites, versions."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from dataengine.built import Built
from dataengine.command import command, run_command

Changes = dict[str, Any]

NOT_READ = "not read"
"""Where a row is that one build has and the other has never seen."""
SHOWN = 40
"""Lines of one part that a terminal is shown; `--json` has all."""

app = command()


@app.command()
def main(
    build: Annotated[Path, typer.Argument(help="The earlier build.", metavar="BUILD")],
    other: Annotated[Path, typer.Argument(help="The later build.", metavar="OTHER")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say what changed from BUILD to OTHER."""
    changes = diff(Built.open(build), Built.open(other))
    print(json.dumps(changes, ensure_ascii=False) if as_json else "\n".join(_lines(changes)))


def diff(before: Built, after: Built) -> Changes:
    """What changed from one build to another, ready for JSON."""
    old, new = _published(before), _published(after)
    both = old.join(new, on="id", suffix="_after")
    moved = both.filter(pl.col("split") != pl.col("split_after"))
    return {
        "settings": _changed(_settings(before), _settings(after)),
        "versions": _changed(_versions(before), _versions(after)),
        "sources": _changed(_amounts(before), _amounts(after)),
        "suites": _changed(_suites(before), _suites(after)),
        "rows": {"before": old.height, "after": new.height, "same": both.height - moved.height},
        "gone": _where(old.join(new, on="id", how="anti"), after),
        "added": _where(new.join(old, on="id", how="anti"), before),
        "moved": _counted(moved, "split", "split_after"),
    }


def _published(built: Built) -> pl.DataFrame:
    """The id and split of every published row."""
    held = [
        pl.read_parquet(file, columns=["id", "source"]).with_columns(split=pl.lit(split))
        for split, file in built.data()
    ]
    return pl.concat(held)


def _where(rows: pl.DataFrame, built: Built) -> list[Changes]:
    """Where rows are in a build that does not publish them, the most first."""
    lost = pl.concat(
        [
            pl.DataFrame(schema=dict.fromkeys(("row", "stage", "reason"), pl.String())),
            *(
                pl.read_parquet(table.file, columns=["id", "reason"]).select(
                    pl.col("id").alias("row"), pl.lit(table.stage).alias("stage"), "reason"
                )
                for table in built.tables()
                if table.name == "dropped"
            ),
        ]
    ).unique("row", keep="first", maintain_order=True)
    # A copy goes where its row goes; of a row that is there, a copy less was made.
    named = rows.with_columns(row=pl.col("id").str.extract("^([^-]*)"))
    kept = _published(built).select(pl.col("id").alias("row"), copied=True)
    found = named.join(lost, on="row", how="left").join(kept, on="row", how="left")
    copied = pl.when("copied").then(pl.lit("fewer copies")).otherwise(pl.lit(NOT_READ))
    told = found.with_columns(pl.col("stage").fill_null(copied), pl.col("reason").fill_null(""))
    return _counted(told, "source", "stage", "reason")


def _counted(rows: pl.DataFrame, *by: str) -> list[Changes]:
    counts = rows.group_by(by).agg(pl.len().alias("rows"))
    return counts.sort("rows", *by, descending=[True, *(False for _ in by)]).to_dicts()


def _settings(built: Built) -> dict[str, str]:
    """Every value of the mixture by its place in it; sources by their names."""
    data = dict(built.mixture)
    data["sources"] = {entry["name"]: entry for entry in data["sources"]}
    return {key: value for key, value in _flat(data, "") if key != "base"}


def _flat(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{place}.{key}" if place else str(key))
    else:
        yield place, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _versions(built: Built) -> dict[str, str]:
    engine = {"dataengine": built.manifest["engine"]["version"]}
    return engine | built.manifest["libraries"]


def _amounts(built: Built) -> dict[str, str]:
    return {s["name"]: f"{s['rows']:,} of {s['rows_read']:,}" for s in built.manifest["sources"]}


def _suites(built: Built) -> dict[str, str]:
    found = built.manifest["decontamination"] or {"suites": []}
    return {s["name"]: f"{s['items']:,} items, {s['hash'][:12]}" for s in found["suites"]}


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[Changes]:
    """What is not the same on both sides, by name."""
    names = dict.fromkeys([*before, *after])
    return [
        {"what": name, "before": before.get(name), "after": after.get(name)}
        for name in names
        if before.get(name) != after.get(name)
    ]


def _lines(changes: Changes) -> Iterator[str]:
    """The changes as a person reads them."""
    rows = changes["rows"]
    yield f"{rows['before']:,} rows before, {rows['after']:,} after, {rows['same']:,} the same"
    for title, what in (("gone, and where they are now", "gone"), ("new, and where", "added")):
        lines = [
            f"{line['rows']:>9,}  {line['source']}  {line['stage']}"
            + (f": {line['reason']}" if line["reason"] else "")
            for line in changes[what]
        ]
        yield from _part(title + (" they were" if what == "added" else ""), lines)
    moved = [f"{m['rows']:>9,}  {m['split']} to {m['split_after']}" for m in changes["moved"]]
    yield from _part("moved", moved)
    for what in ("settings", "sources", "suites", "versions"):
        lines = [f"  {c['what']}: {_or(c['before'])} -> {_or(c['after'])}" for c in changes[what]]
        yield from _part(what, lines)


def _part(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield from ("", title, *lines[:SHOWN])
    if len(lines) > SHOWN:
        yield f"  ... and {len(lines) - SHOWN:,} more (--json)"


def _or(value: str | None) -> str:
    return "not there" if value is None else value


if __name__ == "__main__":
    run_command(app)
