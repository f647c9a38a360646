"""What is read of a row: every string that a model could be trained on, under any key."""

import json

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.errors import UserError
from dataengine.kernels.packed import text_at
from dataengine.rows.texts import texts
from decontam.check import check
from decontam.io.batches import Columns, read_batches

LEAK = "How many almond croissants does Marta sell in a week of 6 mornings at her bakery?"
SUITE = ("suite", "mine", [{"id": "bakery", "prompt": LEAK}], None)
CALL = {"function": {"name": "solve", "arguments": json.dumps({"problem": LEAK})}}

SHAPES = {
    "problem": {"problem": LEAK, "solution": "x"},
    "inputs": {"inputs": LEAK, "targets": "x"},
    "Question": {"Question": LEAK, "Answer": "x"},
    "context": {"context": LEAK, "question": "x"},
    "data": {"data": [LEAK, "x"]},
    "history": {"instruction": "x", "output": "y", "history": [[LEAK, "z"]]},
    "pairs": {"conversation": [{"human": LEAK, "assistant": "x"}]},
    "json messages": {"messages": json.dumps([{"role": "user", "content": LEAK}])},
    "json twice": {"row": json.dumps({"messages": json.dumps([{"content": LEAK}])})},
    "reasoning": {"messages": [{"role": "assistant", "content": "x", "reasoning_content": LEAK}]},
    "arguments": {"messages": [{"role": "assistant", "content": "", "tool_calls": [CALL]}]},
    "object arguments": {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"q": LEAK}}}]}]},
    "nested": {"turns": {"a": {"b": [[{"c": LEAK}]]}}},
}  # fmt: skip


def read(path, columns=None):
    found = []
    for batch in read_batches([path], Columns(columns)):
        for r in range(len(batch)):
            bounds = range(int(batch.row_texts[r]), int(batch.row_texts[r + 1]))
            found.append([text_at(batch.data, batch.offsets, t) for t in bounds])
    return found


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_leak_is_found_under_whatever_key(tmp_path, name, suffix):
    path = tmp_path / f"rows{suffix}"
    if suffix == ".jsonl":
        path.write_text(json.dumps(SHAPES[name]) + "\n")
    else:
        pq.write_table(pa.Table.from_pylist([SHAPES[name]]), path)
    found = check([path], [SUITE], cache=tmp_path / "cache")
    assert found.report["rows_dropped"] == 1
    assert found.decisions.select("input", "row").row(0) == (0, 1)


def test_what_a_row_says_about_itself_is_no_text_unless_it_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    row = {
        "meta": {"prompt": LEAK},
        "row_id": LEAK,
        "source": LEAK,
        "tools": [{"x": LEAK}],
        "q": "?",
    }
    path.write_text(json.dumps(row) + "\n")
    assert read(path) == [["?"]]
    assert read(path, {"meta": "prompt"}) == [[LEAK, "?"]]
    assert read(path, {"row_id": "prompt"}) == [[LEAK, "?"]]
    found = check([path], [SUITE], cache=tmp_path / "cache", columns={"row_id": "prompt"})
    assert found.evidence["role"].to_list() == ["prompt"]


def test_a_row_without_text_is_never_called_clean(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"q": "What?"}\n\n{"id": "a", "n": 3}\n')
    with pytest.raises(UserError, match=r"rows.jsonl:3: this row, and 0 more .*keys: id, n"):
        check([path], [SUITE], cache=tmp_path / "cache")
    found = check([path], [SUITE], cache=tmp_path / "cache", allow_textless=True)
    assert found.report["rows_without_text"] == 1


def test_no_more_keys_are_named_than_a_person_reads(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({f"key {n}": "a" for n in range(999)} | {"q": "b"}) + "\n")
    keys = check([path], [SUITE], cache=tmp_path / "cache").report["keys"]
    assert len(keys) <= 101 and sum(keys.values()) == 1_000


def test_the_report_says_which_keys_were_read(tmp_path):
    path = tmp_path / "rows.jsonl"
    lines = [{"problem": "a b", "solution": "c"}, {"problem": json.dumps({"deep": "d"})}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = check([path], [SUITE], cache=tmp_path / "cache")
    assert found.report["keys"] == {"problem": 3, "solution": 1}


def test_a_byte_order_mark_and_carriage_returns_are_no_text(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"q": "one"}\r\n{"q": "two"}\r\n')
    assert read(path) == [["one"], ["two"]]


STRINGS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
TURN = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant"]), "content": st.none() | STRINGS},
    optional={
        "reasoning_content": st.none() | STRINGS,
        "tool_calls": st.none()
        | st.dictionaries(STRINGS, STRINGS, max_size=2).map(
            lambda v: json.dumps([{"arguments": v}])
        ),
    },
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(TURN, max_size=3), min_size=1, max_size=4))
def test_a_table_gives_the_texts_of_its_rows_in_their_order(tmp_path_factory, conversations):
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    schema = {
        "role": pl.String,
        "content": pl.String,
        "reasoning_content": pl.String,
        "tool_calls": pl.String,
    }
    frame = pl.DataFrame(
        {"messages": conversations, "extra": [f"e{n}" for n in range(len(conversations))]},
        schema={"messages": pl.List(pl.Struct(schema)), "extra": pl.String},
    )
    frame.write_parquet(path)
    expected = [[t.text for t in texts(row)] for row in frame.to_dicts()]
    assert read(path) == expected
