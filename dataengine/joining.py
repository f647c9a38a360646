"""Joining: decisions are taken into the table, and those on rows that were alive are counted."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from dataengine.account import Account
from dataengine.decisions import Written
from dataengine.view import Table


def join(table: Table, files: Sequence[Path], account: Account | None) -> set[str]:
    """Take the decisions on each part, by its file, into the table, and count them in `account`
    where there is one; returns the names of the columns that were added."""
    columns: set[str] = set()
    for number, file in enumerate(files):
        found = Written.read(file)
        gone, added = found.take(table.alive[number]), found.columns()
        if account:
            _count(account, table, number, gone)
        if added is not None:
            table.add(number, added)
            columns |= {*added.columns} - {"place"}
    return columns


def _count(account: Account, table: Table, number: int, gone: pl.DataFrame) -> None:
    part, source = table.parts[number], table.sources[number]
    for failed in (False, True):
        lost = gone.filter(pl.col("failed") == failed)
        if lost.height:
            rows = part.small(["row"])["row"].gather(lost["place"]).to_list()
            account.lose(lost, failed, [f"{source}, row {row}" for row in rows])
