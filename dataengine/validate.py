"""`python -m dataengine.validate mixture.yaml`: check a mixture without building it."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import orjson
import polars as pl
import typer

from dataengine import tokens
from dataengine.command import command, run_command
from dataengine.errors import UserError
from dataengine.mixture import Mixture, load
from dataengine.plan import plan
from dataengine.preferences.preference_source import PreferenceSource
from dataengine.show import keys
from dataengine.sources.ingest import RecordReader
from dataengine.sources.where import Where
from dataengine.stages.stage import Context, Reader

FIRST = 1_000
"""Records of each source that are read, unless all of them are asked for."""

app = command()


@app.command()
def main(
    mixture: Annotated[
        Path | None, typer.Argument(help="The mixture file.", metavar="MIXTURE")
    ] = None,
    deep: Annotated[
        bool,
        typer.Option("--deep", help=f"Read every record, not the first {FIRST:,} of a source."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema for editors.")
    ] = False,
) -> None:
    """Say whether MIXTURE can be built: keys, files, conditions, tokenizer, suites, and what the
    first records of each source become."""
    if schema:
        print(json.dumps(json_schema(), indent=1, ensure_ascii=False))
        return
    if mixture is None:
        raise UserError("name the mixture file, or say --schema")
    checked = load(mixture)
    check(checked)
    limit = None if deep else FIRST
    looks = [look(reader, checked.seed) for reader in _record_readers(checked, limit)]
    barren = [one for one in looks if one["records"] and not one["rows"]]
    if barren:
        raise UserError(f"no record that was read becomes a row: {_line(barren[0]).strip()}")
    stages = len(plan(checked).steps)
    if as_json:
        told = {"valid": True, "name": checked.name, "stages": stages, "sources": looks}
        print(json.dumps(told, ensure_ascii=False))
    else:
        sources = f"{len(checked.sources)} source{'s' if len(checked.sources) > 1 else ''}"
        print(f"{mixture}: fine; {sources}, {stages} stages", *map(_line, looks), sep="\n")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a mixture, with every filter, recipe and source that is installed here."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return dialect | Mixture.model_json_schema()


def check(mixture: Mixture) -> None:
    """What a schema cannot see: that files are there, and that what is named exists.

    Raises:
        UserError: the first thing that is not.
    """
    for step in plan(mixture):
        if isinstance(step.stage, Reader) and step.stage.settled():
            step.stage.needs()
    for source in mixture.sources:
        tables = source.tables.values() if isinstance(source, PreferenceSource) else [source]
        for table in tables:
            if where := getattr(table, "where", None):
                Where(where, f"source {source.name}")
    if mixture.tokenizer:
        tokens.check(mixture.tokenizer)
    if mixture.decontaminate and mixture.decontaminate.settled():
        mixture.decontaminate.needs()


def look(reader: RecordReader, seed: int) -> dict[str, Any]:
    """What the records of one source become: how many rows, and why not the others."""
    rows = records = 0
    figures: dict[str, Any] = {}
    reasons: Counter[str] = Counter()
    first: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        context = Context(reader.kind, seed, 1, Path(folder), Path(folder))
        for outcome in reader.read(context):
            rows += outcome.kept.height if outcome.kept is not None else 0
            figures |= outcome.figures
            records += outcome.taken or 0
            failures = outcome.failed if outcome.failed is not None else pl.DataFrame()
            for failed in failures.iter_rows(named=True):
                reasons[failed["reason"]] += 1
                detail = orjson.loads(failed["evidence"])["detail"]
                first.setdefault(failed["reason"], f"row {failed['row']}: {detail}")
    why = [
        {"reason": reason, "count": count, "first": first[reason]}
        for reason, count in reasons.most_common()
    ]
    found = {"name": reader.source.name, "records": records, "rows": rows, "reasons": why}
    return found | figures | {"whole": reader.limit is None or records < reader.limit}


def _record_readers(mixture: Mixture, limit: int | None) -> list[RecordReader]:
    """The readers of sources of records, where reading asks nobody."""
    readers = [step.stage for step in plan(mixture, limit)]
    return [r for r in readers if isinstance(r, RecordReader) and r.settled()]


def _line(found: dict[str, Any]) -> str:
    of = "" if found["whole"] else "first "
    why = [f"{one['reason']} {one['count']:,} ({one['first']})" for one in found["reasons"]]
    lost = f"; refused: {', '.join(why)}" if why else ""
    read = f"{found['rows']:,} rows of its {of}{found['records']:,} records"
    return "\n".join([f"  {found['name']}: {read}{lost}", *(f"  {line}" for line in keys([found]))])


if __name__ == "__main__":
    run_command(app)
