"""The exchange: rows by bucket, whether they are taken from their parts or scattered to files."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine import exchange
from dataengine.exchange import Scattered, Taken, memory
from dataengine.row import schema
from dataengine.view import Table
from tests.dataengine.conftest import part_of


def row(number: int) -> dict[str, object]:
    """A row that no other is."""
    said = [("user", f"question {number}"), ("assistant", "answer " * (number % 7))]
    messages = [{"role": role, "content": content} for role, content in said]
    return {"messages": messages, "source": "s", "provenance": {"row": number}}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    folder = tmp_path_factory.mktemp("parts")
    parts = []
    for number in range(5):
        rows = [row(10 * number + i) for i in range(1 + 2 * number)]
        frame = pl.DataFrame(rows, schema=schema("sft"))
        parts.append(part_of(frame, "sft", folder, number))
    return Table("sft", tuple(parts), ("s",) * 5)


class Rows(NamedTuple):
    """Rows to write, as a table of them all."""

    table: pl.DataFrame

    @property
    def buckets(self) -> range:
        return range(self.table["bucket"].max() + 1)  # type: ignore[operator, arg-type]

    def bucket(self, number: int) -> pl.DataFrame:
        return self.table.filter(pl.col("bucket") == number)

    def of_parts(self, edges: Sequence[int], folder: Path) -> Iterator[pl.DataFrame]:
        for low, high in pairwise(edges):
            yield self.table.filter(pl.col("part").is_between(low, high, closed="left"))


@st.composite
def wanted(draw: st.DrawFn) -> pl.DataFrame:
    """Rows of those parts, some more than once, some not at all, in any buckets."""
    chosen = []
    for part in range(5):
        for place in range(1 + 2 * part):
            for copy in range(draw(st.integers(0, 2))):
                chosen.append((part, place, copy, draw(st.integers(0, 3)), 7 * part + place))
    order = draw(st.permutations(range(len(chosen))))
    types = dict.fromkeys(("part", "place", "copy", "bucket"), pl.UInt32)
    rows = pl.DataFrame(chosen, schema={**types, "bytes": pl.UInt32}, orient="row")
    rows = rows.with_columns(order=pl.Series(order, dtype=pl.Int64)).sort("order")
    to = pl.int_range(pl.len(), dtype=pl.UInt32).over("bucket").alias("to")
    return rows.with_columns(to).drop("order").sort("part", "place", "copy")


@settings(deadline=None, max_examples=40)
@given(wanted=wanted(), group=st.integers(1, 40_000), lost=st.integers(0, 31))
def test_scattered_and_taken_rows_are_the_same(
    table: Table,
    tmp_path_factory: pytest.TempPathFactory,
    wanted: pl.DataFrame,
    group: int,
    lost: int,
) -> None:
    if not wanted.height:
        return
    folder = tmp_path_factory.mktemp("scattered")
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(exchange, "SCATTERED_BYTES", group)
        Scattered.of(table, Rows(wanted), folder, pool)
        files = sorted(folder.iterdir())
        gone = [file for number, file in enumerate(files) if lost >> number & 1]
        for file in gone:  # a run that was killed before they were written
            file.unlink()
        there = {file: file.stat().st_ino for file in files if file not in gone}
        scattered = Scattered.of(table, Rows(wanted), folder, pool)
    assert sorted(folder.iterdir()) == files
    assert {file: file.stat().st_ino for file in there} == there
    taken = Taken(table, Rows(wanted))
    total = 0
    for bucket in wanted["bucket"].unique().to_list():
        one, other = taken.gather(bucket), scattered.gather(bucket)
        assert one.sort("to").equals(other.sort("to"))
        assert sorted(one["to"]) == list(range(one.height))
        total += one.height
    assert total == wanted.height


def test_memory_is_the_machines_or_the_control_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for told, right in (("max", whole), ("4096", 4096), (str(2 * whole), whole)):
        (tmp_path / "memory.max").write_text(f"{told}\n")
        monkeypatch.setattr(exchange, "LIMIT", tmp_path / "memory.max")
        assert memory() == right
