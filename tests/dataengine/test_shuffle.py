"""The shuffle: whatever the ranges, the order of a sort by the draw, in buckets by bytes."""

from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine import partitioning, row, shuffle
from dataengine.row import schema
from dataengine.shuffle import Shuffled
from dataengine.view import Table
from tests.dataengine.conftest import part_of

PARTS = 6


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    folder = tmp_path_factory.mktemp("parts")
    said = [
        [{"role": "user", "content": f"q{number}"}, {"role": "assistant", "content": "a" * number}]
        for number in range(40)
    ]
    made = []
    for number in range(PARTS):
        rows = [
            {"messages": said[7 * i % 40], "source": "s"} for i in range(number, 2 * number + 3)
        ]
        made.append(part_of(pl.DataFrame(rows, schema=schema("sft")), "sft", folder, number))
    return tuple(made)


def sorted_at_once(table: Table, bucket_bytes: int) -> list[tuple[int, ...]]:
    """(part, place, copy, bytes, bucket, to) of every row, as one sort tells it."""
    drawn = []
    for view in table.views():
        told = view.frame("copies", "split").rows()
        for place, id_, size, (copies, split) in zip(
            view.places.tolist(), view.ids, view.small["bytes"], told, strict=True
        ):
            for copy in range(copies):
                name = f"{id_}-{copy}" if copy else id_
                at = shuffle.draw(3, "shuffle", pl.Series([name])).item()
                drawn.append((split, at, name, view.number, place, copy, size))
    found: list[tuple[int, ...]] = []
    bucket, before = -1, ("", -1)
    ends: dict[str, int] = {}
    for split, _, _, part, place, copy, size in sorted(drawn):
        start = ends.get(split, 0)
        ends[split] = start + size
        if (split, start // bucket_bytes) != before:
            bucket, to, before = bucket + 1, 0, (split, start // bucket_bytes)
        found.append((part, place, copy, size, bucket, to))
        to += 1
    return sorted(found)


def few(seed: int, purpose: str, ids: pl.Series) -> pl.Series:
    """A draw in which many rows draw the same."""
    return row.draw(seed, purpose, ids) % 3 * (2**62 + 5)


@settings(max_examples=60)
@given(
    data=st.data(), ties=st.booleans(), ranges=st.integers(1, 9), bucket_bytes=st.integers(1, 200)
)
def test_it_is_the_order_of_one_sort_by_bucket_and_by_parts(
    parts: tuple,
    tmp_path_factory: pytest.TempPathFactory,
    data,
    ties: bool,
    ranges: int,
    bucket_bytes: int,
) -> None:
    folder = tmp_path_factory.mktemp("order")
    table = Table("sft", parts, ("s",) * PARTS)
    for number, part in enumerate(parts):
        table.alive[number][:] = data.draw(st.lists(st.booleans(), min_size=part.rows, max_size=part.rows))  # fmt: skip
        copies = data.draw(st.lists(st.integers(1, 3), min_size=part.rows, max_size=part.rows))
        names = data.draw(st.lists(st.sampled_from("ab"), min_size=part.rows, max_size=part.rows))
        places = pl.Series(range(part.rows), dtype=pl.UInt32)
        table.add(number, pl.DataFrame({"place": places, "copies": copies, "split": names}))
    with pytest.MonkeyPatch.context() as patch:
        if ties:
            patch.setattr(shuffle, "draw", few)
        right = sorted_at_once(table, bucket_bytes)
        patch.setattr(partitioning, "PARTITION_ROWS", max(1, len(right) // ranges))
        order = Shuffled.of(table, 3, bucket_bytes, folder)
        edges = sorted({0, PARTS, *data.draw(st.lists(st.integers(1, PARTS - 1), max_size=4))})
        by_parts = list(order.of_parts(edges, folder))
    by_bucket = [order.bucket(number) for number in range(len(order.buckets))]
    assert [b.rows for b in order.buckets] == [held.height for held in by_bucket]
    rows = ["part", "place", "copy", "bytes", "bucket", "to"]
    assert sorted(row for held in by_bucket for row in held.select(rows).rows()) == right
    assert [row for held in by_parts for row in held.select(rows).rows()] == right
    for held, (low, high) in zip(by_parts, pairwise(edges), strict=True):
        assert all(low <= part < high for part in held["part"])
    assert not [*Path(folder).iterdir()]
