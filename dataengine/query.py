"""`python -m dataengine.query BUILD "SELECT ..."`: SQL over a finished build, read-only.

DuckDB sees the build's tables by plain names: `rows`, `dropped`, `failed`, every evidence table
(`decisions`, `evidence`, `pass_rates`, `candidates`, `judgements` ...) and `calls`, what its ledger
has counted. It reads the build's own tables and nothing else, and writes nothing.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import duckdb
import polars as pl
import typer

from dataengine.built import Built
from dataengine.command import command, run_command
from dataengine.errors import UserError
from dataengine.ledger import Ledger
from dataengine.row import schema
from dataengine.stages.stage import FAILED

READS = duckdb.StatementType.SELECT
"""What changes nothing; to DuckDB `FROM t`, `SHOW TABLES` and `DESCRIBE t` are of this kind too."""

app = command()


@app.command()
def main(
    build: Annotated[Path, typer.Argument(help="The folder of a finished build.", metavar="BUILD")],
    sql: Annotated[str, typer.Argument(help='One query; "SHOW TABLES" lists what there is.')],
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Ask a finished BUILD in SQL: rows, dropped, failed, evidence and calls, by these names."""
    print(query(Built.open(build), sql, as_json))


def query(built: Built, sql: str, as_json: bool = False) -> str:
    """What a query finds, as a table (of many rows the first and last) or as JSON (of all rows).

    Raises:
        UserError: it is not one query that only reads, or DuckDB cannot answer it.
    """
    try:
        connection = _connected(built)
        statements = connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != READS:
            raise UserError("query: one SELECT, please: a build is read here, never changed")
        found = connection.sql(sql)
        if not as_json:
            return str(found)
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
        return json.dumps(rows, ensure_ascii=False, default=str)
    except duckdb.Error as error:
        raise UserError(f"query: {' '.join(str(error).split())}") from None


def _connected(built: Built) -> duckdb.DuckDBPyConnection:
    """DuckDB with the build's tables as views, and with no way to anything else."""
    connection = duckdb.connect(":memory:")
    lost = schema(built.manifest["kind"]) | dict.fromkeys(("reason", "evidence"), pl.String())
    empty = {"dropped": lost, "failed": FAILED}
    files = _files(built)
    for name, types in empty.items():
        if name not in files:
            nothing = pl.DataFrame(schema=types | {"stage": pl.String()})
            connection.register(name, nothing.to_arrow())
    for name, held in files.items():
        listed = [str(file) for file in held]
        connection.read_parquet(listed, union_by_name=True).create_view(name)  # type: ignore[arg-type]
    ledger = built.folder / "ledger.sqlite"
    if ledger.is_file():
        with Ledger(ledger) as opened:
            spent = pl.DataFrame([asdict(line) for line in opened.spent()])
        if spent.width:
            connection.register("calls", spent.to_arrow())
    allowed = [str(file) for held in files.values() for file in held]
    connection.execute("SET allowed_paths = $1", [allowed])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET lock_configuration = true")
    return connection


def _files(built: Built) -> dict[str, list[Path]]:
    """The files of each table, by the table's name in SQL."""
    found = {"rows": [file for _, file in built.data()]}
    for table in built.tables():
        found.setdefault(table.name.replace("-", "_"), []).append(table.file)
    return found


if __name__ == "__main__":
    run_command(app)
