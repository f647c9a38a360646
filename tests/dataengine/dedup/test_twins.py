"""Twins by part, in partitions of any size, beside one sorted list."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine import partitioning
from dataengine.dedup.twins import TWIN, Twins
from dataengine.parts import cut
from tests.dataengine.conftest import small_table

LIKE = np.dtype([*TWIN.descr, ("exact", np.float64)])


@settings(deadline=None, max_examples=100)
@given(
    sizes=st.lists(st.integers(0, 6), min_size=1, max_size=6),
    partition=st.integers(1, 9),
    known=st.integers(0, 3),
    data=st.data(),
)
def test_each_part_has_its_own_in_their_order(
    sizes: list[int],
    partition: int,
    known: int,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder: Path = tmp_path_factory.mktemp("twins")
    table = small_table([[(1, 1, "", True)] * size for size in sizes], folder)
    rows = sum(sizes)
    going = data.draw(st.lists(st.sampled_from(range(rows)), unique=True)) if rows else []
    ofs = [data.draw(st.integers(-known, rows - 1)) for _ in going]
    found = np.array([(at, of, at / 8) for at, of in zip(going, ofs, strict=True)], LIKE)
    names = pl.Series([f"known {number}" for number in range(known)], dtype=pl.String)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitioning, "PARTITION_ROWS", partition)
        half = len(found) // 2
        twins = Twins([found[:half], found[half:]], LIKE, table, folder, names)
    assert twins.rows == len(going)
    ids = [*names, *(bytes([number] * 16).hex() for number in range(rows))]
    plain = pl.DataFrame(
        {"at": going, "duplicate_of": [ids[known + of] for of in ofs]},
        {"at": pl.Int64, "duplicate_of": pl.String},
    )
    plain = plain.with_columns(exact=pl.col("at") / 8).sort("at")
    assert len(twins) == len(sizes)
    for held, right in zip(twins, cut(plain, table.parts), strict=True):
        assert held.equals(right)
    assert not [file for file in folder.iterdir() if file.suffix != ".arrow"]
