"""`python -m dataengine.why BUILD ID|SOURCE:ROW|TEXT`: one row's whole life, from where it was read
over what every stage said of it to its duplicates and the eval items beside it."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import typer

from dataengine.built import Beside, Built, rows_at
from dataengine.command import command, run_command
from dataengine.errors import UserError
from dataengine.published import stored
from dataengine.row import conversation
from dataengine.text import whole_texts

MOST = 10
"""Rows that are told of."""
SHOWN = 160
"""Characters of a row's text that it is recognised by."""
BESIDE = ("suite", "eval_id", "decision", "rule", "score", "needed", "item_text")
"""What is told of an eval item."""

Places = Callable[[Path, bool], list[int]]
"""The places of the rows wanted in a file; whether it holds records that became no row."""
Life = dict[str, Any]

app = command()


@app.command()
def main(
    build: Annotated[Path, typer.Argument(help="The folder of a finished build.", metavar="BUILD")],
    row: Annotated[
        str,
        typer.Argument(
            help="Its id or how that begins, SOURCE:ROW, or a piece of its text as it is written.",
            metavar="ID|SOURCE:ROW|TEXT",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Say why a row is missing from BUILD, or where it came from."""
    lives, count = why(Built.open(build), row)
    if as_json:
        told = {"count": count, "rows": lives}
        print(json.dumps(told, ensure_ascii=False))
        return
    print("\n\n".join("\n".join(_lines(life)) for life in lives))
    if count > len(lives):
        print(f"\n... and {count - len(lives):,} more rows like that: name more of one")


def why(built: Built, wanted: str) -> tuple[list[Life], int]:
    """The lives of the first rows that are meant, and how many are.

    Raises:
        UserError: no row is.
    """
    for places in _ways(built, wanted):
        lives, count = _found(built, places)
        if lives:
            return lives, count
    raise UserError(
        f"{built.folder}: no row was read that is meant by {wanted!r}; "
        "name an id, SOURCE:ROW, or a piece of text just as it stands in the row"
    )


def _found(built: Built, places: Places) -> tuple[list[Life], int]:
    lives: list[Life] = []
    count = 0
    for table, split, file in _everywhere(built):
        failed = table is not None and table.name == "failed"
        found = places(file, failed)
        count += len(found)
        for row in rows_at(file, found[: MOST - len(lives)]):
            lives.append(_life(built, row, table, split))
    return lives, count


def _everywhere(built: Built) -> Iterator[tuple[Beside | None, str | None, Path]]:
    """The files of all rows that were read, each once: published ones and those that went."""
    for split, file in built.data():
        yield None, split, file
    for table in built.tables():
        if table.lost:
            yield table, None, table.file


def _ways(built: Built, wanted: str) -> Iterator[Places]:
    """How the rows that are meant are found in a file, the most exact way first."""
    if re.fullmatch(r"[0-9a-f]{6,32}(-\d+)?", wanted):
        yield lambda file, failed: [] if failed else _with_id(file, wanted)
    source, _, number = wanted.rpartition(":")
    if source in {s["name"] for s in built.manifest["sources"]} and number.isdigit():
        yield lambda file, failed: _read_as(file, failed, source, int(number))
    yield lambda file, failed: _saying(file, failed, wanted, built.manifest["kind"])


def _with_id(file: Path, start: str) -> list[int]:
    ids = pl.read_parquet(file, columns=["id"])["id"]
    return ids.str.starts_with(start).arg_true().to_list()


def _read_as(file: Path, failed: bool, source: str, number: int) -> list[int]:
    row = pl.col("row") if failed else pl.col("provenance").struct.field("row")
    mine = (pl.col("source") == source) & (row == number)
    return pl.scan_parquet(file).select(mine).collect().to_series().arg_true().to_list()


def _saying(file: Path, failed: bool, text: str, kind: Any) -> list[int]:
    if failed:
        records = pl.read_parquet(file, columns=["record"])["record"]
        return records.str.contains(text, literal=True).arg_true().to_list()
    found: list[int] = []
    first = 0
    with pq.ParquetFile(file) as parquet:
        for group in range(parquet.num_row_groups):
            rows = parquet.read_row_group(group, columns=list(conversation(kind)))
            if _mentions(rows, text):
                said = whole_texts(stored(rows), kind).str.contains(text, literal=True)
                found += (said.arg_true() + first).to_list()
            first += rows.num_rows
    return found


def _mentions(rows: pa.Table, text: str) -> bool:
    """Whether any turn can say it, before turns are read one by one: as it is, or inside JSON."""
    forms = (text, orjson.dumps(text)[1:-1].decode())
    return any(
        pc.any(pc.match_substring(leaf, form)).as_py()
        for column in rows.itercolumns()
        for leaf in _leaves(column.combine_chunks())
        for form in forms
    )


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    """The texts in a column of turns."""
    if isinstance(column, pa.ExtensionArray):
        yield from _leaves(column.storage)
    elif isinstance(column, pa.StructArray):
        for child in column.flatten():
            yield from _leaves(child)
    elif isinstance(column, pa.ListArray | pa.LargeListArray):
        yield from _leaves(column.flatten())
    elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        yield column


def _life(built: Built, row: dict[str, Any], table: Beside | None, split: str | None) -> Life:
    """What became of one row, ready for JSON."""
    read = row.get("provenance") or {"dataset": row["source"], "row": row["row"]}
    told = orjson.loads(row["evidence"]) if row.get("evidence") else {}
    life: Life = {
        "id": row.get("id"),
        "source": row["source"],
        "read": {key: value for key, value in read.items() if value is not None},
        "text": _text(row, built),
        "passed": _passed(built, row["source"], table),
        "split": split,
    }
    if table is not None:
        life["out"] = {"stage": table.stage, "reason": row["reason"], "evidence": told}
    if "duplicate_of" in told:
        life["stayed"] = _told(built, told["duplicate_of"])
    if row.get("id"):
        own = row["id"].partition("-")[0]
        life["duplicates"] = _duplicates(built, own)
        life["items"] = _items(built, own)
    return life


def _text(row: dict[str, Any], built: Built) -> str:
    if "id" not in row:
        return str(row["record"] or "")[:SHOWN]
    column = "messages" if built.manifest["kind"] == "sft" else "prompt"
    return str(row[column][0]["content"])[:SHOWN]


def _passed(built: Built, source: str, table: Beside | None) -> list[str]:
    """The stages that kept the row, in their order; a reader reads its own source alone."""
    readers = len(built.manifest["sources"])
    mine = [s["name"] for s in built.manifest["sources"]].index(source)
    end = len(built.manifest["stages"]) if table is None else table.number
    stages = [stage["label"] for stage in built.manifest["stages"]]
    return [stages[n] for n in (mine, *range(readers, len(stages))) if n < end]


def _told(built: Built, id: str) -> Life:
    """Where the row is in whose favour another went."""
    found = built.find([id]).get(id)
    if found is None:
        return {"id": id, "where": "in another dataset"}
    number = found.get("number")
    stage = built.manifest["stages"][number]["label"] if number is not None else None
    where = f"dropped by {stage}" if stage else f"in {found['split']}"
    return {"id": id, "source": found["source"], "where": where}


def _duplicates(built: Built, id: str) -> list[Life]:
    """The rows that went in this one's favour."""
    found: list[Life] = []
    for table in built.tables():
        if table.name == "dropped":
            named = pl.col("evidence").str.contains(f'"duplicate_of":"{id}"', literal=True)
            rows = pl.scan_parquet(table.file).filter(named).select("id", "source").collect()
            found += [row | {"stage": table.stage} for row in rows.to_dicts()]
    return found


def _items(built: Built, id: str) -> list[Life]:
    """The eval items that it resembles, the most alike first."""
    found: list[Life] = []
    for file in built.files("evidence"):
        mine = pl.scan_parquet(file).filter(pl.col("row_id") == id)
        found += mine.sort("score", descending=True).select(*BESIDE).collect().to_dicts()
    return found


def _lines(life: Life) -> Iterator[str]:
    """A row's life as a person reads it."""
    read = life["read"]
    where = read.get("file") or read.get("dataset")
    yield f"{life['id'] or 'no row'}: {life['source']}, {where}, row {read.get('row', '?')}"
    yield f"  says      {' '.join(life['text'].split())!r}"
    made = [f"{key} {read[key]}" for key in ("persona", "recipe", "model") if key in read]
    if made:
        yield f"  made by   {', '.join(made)}"
    if life["passed"]:
        yield f"  kept by   {', '.join(life['passed'])}"
    if life["split"]:
        yield f"  is in     {life['split']}"
    if out := life.get("out"):
        yield f"  went at   {out['stage']}: {out['reason']}"
        for key, value in out["evidence"].items():
            yield f"            {key} {_plain(value)}"
    if stayed := life.get("stayed"):
        yield f"  for       {stayed['id']} of {stayed.get('source', '?')}, {stayed['where']}"
    for twin in life.get("duplicates", []):
        yield f"  instead of {twin['id']} of {twin['source']} ({twin['stage']})"
    for item in life.get("items", []):
        needed = "" if item["needed"] is None else f", {item['needed']:.2f} needed"
        yield f"  beside    {item['eval_id']}: {item['decision']}, {item['score']:.2f}{needed}"
        yield f"            {' '.join(item['item_text'].split())[:SHOWN]!r}"


def _plain(value: Any) -> str:
    """A value of evidence, fit for a terminal."""
    plain = isinstance(value, str) and value.isprintable()
    return value if plain else repr(value)


if __name__ == "__main__":
    run_command(app)
