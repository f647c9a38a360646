"""Tables that go to disk on the way come back as they were."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from decontam.io.spill import SpillBuffer

SCHEMA = pl.Schema(
    {"id": pl.String, "spans": pl.List(pl.Struct({"start": pl.Int64, "end": pl.Int64}))}
)
ROW = st.fixed_dictionaries(
    {
        "id": st.none() | st.text(max_size=30),
        "spans": st.lists(
            st.fixed_dictionaries({"start": st.integers(0, 9), "end": st.integers(0, 9)}),
            max_size=3,
        ),
    }
)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(ROW, max_size=4), max_size=6), st.sampled_from([0, 200, 1 << 20]))
def test_what_was_put_in_comes_out_in_order(tables: list[list[dict]], held: int) -> None:
    spool = SpillBuffer(SCHEMA, held)
    for rows in tables:
        spool.put(pl.DataFrame(rows, schema=SCHEMA))
    found = spool.table()
    assert found.schema == SCHEMA
    assert found.rows(named=True) == [row for rows in tables for row in rows]
