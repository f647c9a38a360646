"""The kernels' digests, prompts and sizes are those that Python makes, a row at a time."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine import parts
from dataengine.parts import compact, joined, small_of
from dataengine.row import message, schema

texts = st.text(max_size=8) | st.sampled_from(
    ["", "a  B\n", "\x00\x01\x1f\x7f", '"\\/\b\f', "É\u00a0\u2028", "🦀", "x" * 63 + '"', "y" * 64]
)
maybe = st.none() | texts
turn = st.builds(
    lambda role, content, **more: message(role, content, **more),
    st.sampled_from(["system", "user", "assistant", "tool"]),
    texts,
    reasoning_content=maybe,
    tool_calls=maybe,
    tool_call_id=maybe,
    name=maybe,
    weight=st.none() | st.sampled_from([0.0, 1.0, 0.5, 0.1, 1e-7, 1e22]),
)
answer = st.builds(lambda text: message("assistant", text), texts)
row = st.fixed_dictionaries(
    {"messages": st.tuples(st.lists(turn, max_size=3), answer).map(lambda t: [*t[0], t[1]])},
    optional={"tools": maybe, "chat_template_kwargs": maybe},
)


@settings(deadline=None, max_examples=200)
@given(st.lists(row, min_size=1, max_size=5), st.lists(row, max_size=3))
def test_small_columns_of_any_chats(rows, others):
    table = compact(pl.DataFrame(rows, schema=schema("sft")))
    if others:
        table = joined([table, compact(pl.DataFrame(others, schema=schema("sft")))], "sft")
    same_either_way(table)


@pytest.mark.parametrize("more", [{}, {"tools": "[1]"}, {"chat_template_kwargs": '{"a": "\\"}'}])
def test_what_is_the_same_in_all_rows_is_part_of_each(more):
    said = [message("user", "Q"), message("assistant", "a")]
    table = compact(pl.DataFrame([{"messages": said, **more}] * 2, schema=schema("sft")))
    same_either_way(table)


def test_rows_that_begin_within_a_table():
    said = [[message("user", text), message("assistant", "a", name="n")] for text in "XYZ"]
    rows = [{"messages": turns, "tools": turns[0]["content"]} for turns in said]
    same_either_way(compact(pl.DataFrame(rows, schema=schema("sft"))).slice(1))


def same_either_way(table):
    found = []
    for few in (0, table.num_rows + 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(parts, "FEW_ROWS", few)
            found.append(small_of(table, "sft", "a"))
    assert found[0].equals(found[1]), [held.to_dicts() for held in found]
