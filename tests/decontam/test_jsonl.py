"""The byte walker against the parsed row."""

import json

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.rows.texts import SKIPPED, texts
from decontam.io.batches import Columns
from decontam.io.jsonl import of_walk, read_json_inside, walk
from decontam.io.jsonl import walked as room_for


def walked(lines: bytes, columns: Columns | None = None) -> tuple[list[list[str]], int]:
    """The texts of each line with those of the JSON inside them, and the first bad line."""
    columns = columns or Columns()
    data = np.frombuffer(lines, np.uint8)
    room = room_for(len(data))
    rows, bad = walk(data, 0, len(data), columns.hashes, room)
    found = read_json_inside(of_walk(room, rows), columns.hashes)
    read = [
        found.data[found.offsets[t] : found.offsets[t + 1]].tobytes()
        for t in range(found.row_texts[-1])
    ]
    said = [text.decode("utf-8", "surrogatepass") for text in read]
    bounds = found.row_texts
    return [said[bounds[r] : bounds[r + 1]] for r in range(len(bounds) - 1)], bad


KEY = st.sampled_from(
    [
        "content",
        "problem",
        "messages",
        "arguments",
        *SKIPPED[:3],
        "role",
        "call_id",
        'odd"key',
        "контент",
    ]
)
TEXT = st.text(max_size=12)
INSIDE = st.recursive(
    TEXT | st.integers(),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(KEY, v, max_size=3),
    max_leaves=6,
).map(lambda v: json.dumps(v, indent=1))
LEAF = st.none() | st.booleans() | st.integers() | TEXT | INSIDE | INSIDE.map(json.dumps)
VALUE = st.recursive(
    LEAF, lambda v: st.lists(v, max_size=3) | st.dictionaries(KEY, v, max_size=4), max_leaves=12
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.dictionaries(KEY, VALUE, max_size=4), max_size=4), st.booleans(), st.booleans())
def test_walker_finds_what_parsing_finds(rows: list[dict], ascii_only: bool, spaced: bool) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    lines = [json.dumps(r, ensure_ascii=ascii_only, separators=separators) for r in rows]
    try:
        data = ("\n".join(lines) + "\n").encode()
    except UnicodeEncodeError:
        data = ("\n".join(map(json.dumps, rows)) + "\n").encode()
    found, bad = walked(data)
    assert bad == -1
    assert found == [[text.text for text in texts(row)] for row in rows]


def test_roles_stay_out_and_every_shape_is_read() -> None:
    rows = [
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]},
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]},
        {"instruction": "i", "input": "n", "output": "o", "id": "x"},
        {"prompt": "p", "completion": "c"},
        {"prompt": [{"role": "user", "content": "p"}], "chosen": "c", "rejected": "r"},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "part"}]}]},
    ]
    found, _ = walked(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    assert found == [["q", "a"], ["q", "a"], ["i", "n", "o"], ["p", "c"], ["p", "c", "r"], ["part"]]
    assert [t.role for t in texts(rows[0])] == ["user", "assistant"]
    assert [t.role for t in texts(rows[2])] == ["instruction", "input", "output"]


def test_lone_surrogates_and_escapes_survive() -> None:
    found, bad = walked(rb'{"text": "\ud800x\ud83d\ude00\n\"\\\u0041"}' + b"\n")
    assert (found, bad) == ([['\ud800x😀\n"\\A']], -1)


@pytest.mark.parametrize(
    "line", [b'{"text": "open', b'{"text": "x"', b'{"text": "x"}}', b"][", b'{"a": broken}']
)
def test_a_broken_line_is_reported_and_the_next_is_read(line: bytes) -> None:
    found, bad = walked(b'{"text": "a"}\n' + line + b"\n")
    assert bad == 1 and found == [["a"], []]


def test_a_string_cut_by_a_line_end_does_not_swallow_the_next_row() -> None:
    _, bad = walked(b'{"text": "cut\n{"text": "next"}\n')
    assert bad == 0


SCRAPS = st.lists(
    st.sampled_from([b'"', b"\\", b"\\u12", b"{", b"}", b"[", b"]", b":", b",", b"a", b"1", b" "])
)


@settings(max_examples=300, deadline=None)
@given(st.lists(SCRAPS.map(b"".join), min_size=1, max_size=6))
def test_every_line_is_a_row_however_broken_and_no_string_goes_on_in_the_next(scraps) -> None:
    lines = b"".join(b'{"a": "x' + scrap + b"\n" for scrap in scraps)
    said, _ = walked(lines + b'{"text": "whole"}\n')
    assert len(said) == len(scraps) + 1
    assert said[-1] == ["whole"]


@settings(max_examples=200, deadline=None)
@given(st.lists(SCRAPS.map(b"".join), min_size=1, max_size=6))
def test_texts_that_look_like_json_and_are_none_are_read_as_texts(scraps) -> None:
    texts = [b'{"a": "x' + scrap + b" }" for scrap in scraps]
    said, bad = walked(b"".join(orjson.dumps({"text": t.decode()}) + b"\n" for t in texts))
    assert bad == -1
    assert [row[0] for row in said] == [text.decode() for text in texts]
