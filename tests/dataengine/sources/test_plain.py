"""The parser of plain lines makes of every line what `Ingest` makes of it."""

import json
import random
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dataengine.account import Account
from dataengine.parts import SMALL, compact, frame, small_of
from dataengine.progress import Progress
from dataengine.reading import Reading
from dataengine.row import schema
from dataengine.sources import columns, plain
from dataengine.sources.chat_scanner import names
from dataengine.sources.files import FileReader, FileSource
from dataengine.sources.ingest import RecordReader
from dataengine.sources.jsonlines import cut, parse
from dataengine.stages.stage import FAILED, Context
from dataengine.view import Table

CONTEXT = Context(kind="sft", seed=0, workers=2, folder=Path(), cache=Path())
FIRST = b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}'

texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", " ", "\u00a0", "中文", "\u3000", "\u2028", "é", "\x1f", '"\\/', "🦀", "\0"]
    ),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
calls = st.lists(
    st.fixed_dictionaries(
        {"function": st.fixed_dictionaries({"name": texts, "arguments": values | texts})},
        optional={"id": st.none() | texts, "type": st.just("function"), "index": st.just(0)},
    ),
    max_size=2,
)
beside = {
    "reasoning_content": st.none() | texts | values,
    "thinking": st.none() | texts,
    "name": st.none() | texts,
    "tool_call_id": st.none() | texts,
    "tool_calls": st.none() | calls | calls.map(json.dumps) | values,
    "weight": st.sampled_from([0, 1, 0.5, 1.0, True, None, -1, "", 2**60]),
    "train": st.sampled_from([None, True, False, "", []]),
    "images": st.none() | st.just([]),
}
turn = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool", "User", "x"])},
    optional={"content": texts | st.none(), **beside},
)
said = st.sampled_from(["q", "Qué \x1c", " "]) | texts
good_calls = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(["c1", "c2"]),
            "type": st.just("function"),
            "function": st.fixed_dictionaries(
                {
                    "name": st.sampled_from(["f", "g"]),
                    "arguments": st.dictionaries(texts, values, max_size=2)
                    | st.sampled_from(["{}", '{"a": "\\"x\\""}']),
                }
            ),
        }
    ),
    min_size=1,
    max_size=2,
)
good = {
    "reasoning_content": st.none() | texts,
    "name": st.sampled_from(["n", "m"]),
    "tool_calls": good_calls | st.just([]),
    "weight": st.sampled_from([0, 1, 0.25, -0.0]),
}
asked = st.fixed_dictionaries({"content": said}, optional={"name": good["name"]})
answer = st.fixed_dictionaries({"content": said | st.none()}, optional=good)
alternating = st.lists(st.tuples(asked, answer), min_size=1, max_size=3).map(
    lambda pairs: [
        {"role": role, **turn}
        for pair in pairs
        for role, turn in zip(("user", "assistant"), pair, strict=True)
    ]
)
record = st.fixed_dictionaries(
    {"messages": alternating | st.lists(turn, max_size=4)},
    optional={
        "id": values,
        "meta": values,
        "tools": st.none() | values | st.lists(st.dictionaries(texts, values), max_size=2),
        "chat_template_kwargs": st.none() | values | st.dictionaries(texts, values, max_size=2),
        "system": st.none() | texts,
        "language": texts,
        "images": st.none() | st.just([]) | st.just(["x"]),
    },
)


visible = st.sampled_from(["q", "é x", '"\\/\n', "🦀", "中文", "x" * 70])
good_call = st.fixed_dictionaries(
    {
        "function": st.fixed_dictionaries(
            {"name": st.just("f")},
            optional={"arguments": st.dictionaries(st.just("é"), st.none() | st.just(1) | visible)},
        )
    },
    optional={"id": visible, "type": st.just("function")},
)
good_turn = st.fixed_dictionaries(
    {"content": visible},
    optional={
        "reasoning_content": st.none() | texts.map(lambda text: text.replace("\0", "")),
        "tool_calls": st.lists(good_call, max_size=2),
        "tool_call_id": visible,
        "name": visible | st.just(""),
        "weight": st.sampled_from([0, 1, 0.5, None]),
    },
)
good_answer = st.fixed_dictionaries({"tool_calls": st.lists(good_call, min_size=1)}) | good_turn
good_record = st.fixed_dictionaries(
    {
        "messages": st.tuples(good_turn, good_answer, good_turn, good_answer).map(
            lambda turns: [
                {"role": role, **turn}
                for role, turn in zip(
                    ("user", "assistant", "tool", "assistant"), turns, strict=True
                )
            ]
        )
    },
    optional={
        "id": visible | st.integers(0, 9),
        "meta": st.just({"a": [1]}),
        "tools": st.sampled_from([[{"name": "f"}], '[{"name": "f"}]', "[]", "", [], None]),
        "chat_template_kwargs": st.sampled_from([{"a": True}, {}, None]),
        "system": st.sampled_from([None, ""]),
        "images": st.just([]),
    },
)


@pytest.fixture(autouse=True)
def small_files_go_by_the_parser_too(monkeypatch):
    monkeypatch.setattr(plain, "SMALL_FILE", 0)
    monkeypatch.setattr("dataengine.parts.FEW_ROWS", 1)


def ways(folder, lines, **more):
    """What the parser with `Ingest` behind it, and `Ingest` alone, make of the lines of a file."""
    (folder / "a.jsonl").write_bytes(b"\n".join([FIRST, *lines]))
    return both(folder, "a.jsonl", **more)


def both(folder, path, **more):
    source = FileSource(name="a", path=path, base=folder, **more)
    reader = FileReader(source=source, kind="sft")
    assert plain.of_files(source, "sft", source.files()) == "messages"
    return whole(reader.read(CONTEXT)), whole(RecordReader.read(_Alone(reader), CONTEXT))


class _Alone:
    """A reader whose records all go by `Ingest`."""

    def __init__(self, reader):
        self.reader = reader

    def __getattr__(self, name):
        return getattr(self.reader, name)

    def outcomes(self, ingest, context):
        return RecordReader.outcomes(self.reader, ingest, context)


def whole(outcomes):
    """Rows, failed records and figures of all parts."""
    kept, failed, small, figures, taken = [], [pl.DataFrame(schema=FAILED)], [], {}, 0
    for outcome in outcomes:
        figures |= outcome.figures
        taken += outcome.taken or 0
        if outcome.failed is not None:
            failed.append(outcome.failed)
        if outcome.kept is not None and len(outcome.kept):
            table, plain_way = outcome.kept, small_of
            if isinstance(table, pl.DataFrame):
                table, plain_way = compact(table), small_by_row
            columns = [name for name in schema("sft") if name != "id"]
            kept.append(frame(table, "sft", columns, table.num_rows))
            small.append(plain_way(table, "sft", "a"))
    rows = pl.concat(kept).sort(pl.col("provenance").struct.field("row"))
    return rows, pl.concat(failed).sort("row"), pl.concat(small).sort("row"), figures, taken


def small_by_row(table, kind, source):
    """The small columns by Python, a row at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dataengine.parts._is_bulk", lambda table, kind: False)
        return small_of(table, kind, source)


def same(one, other):
    for found, expected in zip(one[:3], other[:3], strict=True):
        assert found.equals(expected), (found.to_dicts(), expected.to_dicts())
    assert one[3:] == other[3:]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    records=st.lists(good_record | record, max_size=6),
    seed=st.integers(0, 2**32),
    edits=st.integers(0, 3),
)
@example(records=[{"messages": [], "a": {"b": [1, {"c": 2}]}}], seed=1, edits=0)
def test_lines_of_any_kind_and_with_any_byte_changed(records, seed, edits):
    draw = random.Random(seed)
    lines = []
    for value in records:
        line = bytearray(json.dumps(value, ensure_ascii=draw.random() < 0.5).encode())
        for _ in range(edits if draw.random() < 0.5 else 0):
            place = draw.randrange(len(line))
            line[place : place + draw.randrange(2)] = draw.choice(
                [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"e", b"-", b"u", b"\xff"]
            )
        lines.append(bytes(line).replace(b"\n", b" "))
    with tempfile.TemporaryDirectory() as folder:
        same(*ways(Path(folder), lines))


HAND_MADE = [
    b"",
    b"   \t",
    b"{",
    b"[]",
    b'{"messages": [{"role": "user", "content": "q"}]}',
    b'{"messages": [{"role": "user", "content": "q"}, {"content": "a", "role": "assistant"}],}',
    b'{"id": 01, ' + FIRST[1:],
    b'{"id": -7, ' + FIRST[1:],
    b'{"id": 1.0, ' + FIRST[1:],
    b'{"id": true, ' + FIRST[1:],
    b'{"id": "x\\u00e9", ' + FIRST[1:],
    b'{"a": 1, "a": 2, ' + FIRST[1:],
    b'{"a": 1e400, ' + FIRST[1:],
    b'{"a": 123456789012345678901234567890, ' + FIRST[1:],
    b'{"a": NaN, ' + FIRST[1:],
    b'{"a": [' + b"[" * 70 + b"]" * 70 + b"], " + FIRST[1:],
    b'{"a": "\\ud83e\\udd80", ' + FIRST[1:],
    b'{"a": "\\ud83e", ' + FIRST[1:],
    b'{"\\u0061": 1, ' + FIRST[1:],
    b'{"a": {"b": }, ' + FIRST[1:],
    b'{"a": [1, ], ' + FIRST[1:],
    b'{"a": tru, ' + FIRST[1:],
    b'{"score": -1.25e-05, "n": 0, "m": 0.0, "l": [], "o": {}, "s": "", ' + FIRST[1:],
    FIRST + b" x",
    FIRST + b"\r",
    FIRST.replace(b'"a"', b'"a\x01"'),
    FIRST.replace(b'"a"', b'"\\u0000"'),
    FIRST.replace(b'"a"', '"　"'.encode()),
    FIRST.replace(b'"a"', b'"a", "thinking": "hm"'),
    FIRST.replace(b'"a"', b'"a", "tool_calls": [], "name": null'),
    FIRST.replace(b'"a"', b'"a", "reasoning_content": "hm"'),
    FIRST.replace(b'"a"', b'"a", "reasoning_content": "hm", "reasoning_content": ""'),
    FIRST.replace(b'"a"', b'"a", "name": "x", "name": null, "weight": 0.5'),
    FIRST.replace(b'"a"', b'"a", "weight": 1, "tool_calls": {}'),
    FIRST.replace(b'"a"', b'"a", "train": ""'),
    FIRST.replace(b'"a"', b'null, "tool_calls": [{"function": {"name": "f"}}]'),
    FIRST.replace(b'"a"', b'" ", "tool_calls": [{"name": "f", "parameters": {"x": 1.50}}]'),
    FIRST.replace(b'"a"', b'"", "tool_calls": "[]"'),
    FIRST.replace(b'"a"', b'"a", "tool_calls": [{"function": {"name": "f"}, "index": 0}]'),
    FIRST.replace(b'"a"', b'"a", "tool_calls": [{"function": {"arguments": {}}}]'),
    b'{"meta": 1, ' + FIRST[1:].replace(b'"a"', b'"a", "tool_calls": [1]'),
    b'{"tools": [{"name":  "f\\u00e9"}], "chat_template_kwargs": {"x": true}, ' + FIRST[1:],
    b'{"tools": "[{\\"name\\": \\"f\\"}]", "chat_template_kwargs": "", ' + FIRST[1:],
    b'{"tools": {}, "chat_template_kwargs": {}, ' + FIRST[1:],
    b'{"tools": [], "chat_template_kwargs": [], ' + FIRST[1:],
    b'{"tools": "no JSON", ' + FIRST[1:],
    b'{"system": "", "functions": null, "images": [], ' + FIRST[1:],
    b'{"functions": {}, ' + FIRST[1:],
    b'{"system": "s", ' + FIRST[1:],
    b'{"messages": null}',
    b'{"messages": "[]"}',
]


def test_lines_made_by_hand(tmp_path):
    same(*ways(tmp_path, HAND_MADE))


def test_what_is_said_beside_the_turns_and_not_carried_is_counted_by_its_key(tmp_path):
    more = ['{"meta": {"x": [1]}, "note": "", "é": 1, '.encode() + FIRST[1:]] * 3
    found, _ = ways(tmp_path, more)
    assert found[3]["not_carried"] == {"meta": 3, "é": 3}


@pytest.mark.parametrize("line", [FIRST, b'{"id": "7", "meta": {"a": [null, 1.5]}, ' + FIRST[1:]])
def test_plain_lines_are_taken_by_the_parser(line):
    parsed = parse(cut(line + b"\n" + line + b"\n", 10), names("messages"), 1_000)
    assert parsed.plain.tolist() == [True, True]
    turns = orjson.loads(FIRST)["messages"]
    assert parsed.messages.to_pylist() == [turns, turns]


def test_sharegpt_lines_are_taken_too(tmp_path):
    said = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]
    line = orjson.dumps({"conversations": said}) + b"\n"
    assert parse(cut(line, 10), names("conversations"), 1_000).plain.all()


def test_parts_end_after_so_many_lines_or_bytes_whatever_reads_ahead(tmp_path, monkeypatch):
    (tmp_path / "a.jsonl").write_bytes((FIRST + b"\n") * 25 + b"broken\n" * 3)
    source = FileSource(name="a", path="a.jsonl", base=tmp_path)
    monkeypatch.setattr("dataengine.sources.ingest.PART_BYTES", 10 * len(FIRST))
    made = []
    for workers in (1, 4):
        folder = tmp_path / str(workers)
        folder.mkdir()
        with ThreadPoolExecutor(workers) as pool:
            context = Context("sft", 0, workers, folder, folder, pool)
            account = Account.of(FileReader(source=source, kind="sft"), "")
            reader = FileReader(source=source, kind="sft")
            Reading(reader, context, pool).run(account, Progress(quiet=True))
        account.check()
        assert (account.kept, account.failed) == (25, 3)
        made.append({file.name: file.read_bytes() for file in folder.glob("*.arrow")})
    assert made[0] == made[1]
    assert len(made[0]) > 5


def test_a_line_longer_than_a_part_is_told_with_its_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr("dataengine.sources.ingest.PART_BYTES", 1_000)
    monkeypatch.setattr("dataengine.rows.formats.LONGEST_RECORD", 500)
    long = FIRST.replace(b'"a"', b'"' + b"a" * 5_000 + b'"')
    longish = FIRST.replace(b'"a"', b'"' + b"a" * 600 + b'"')
    found, expected = ways(tmp_path, [long, FIRST, longish, FIRST])
    assert found[1].select("row", "reason").rows() == [(2, "too long"), (4, "too long")]
    assert f"{len(long) + 1:,} bytes" in found[1]["evidence"][0]
    told = ("row", "reason", "evidence")
    assert found[1].select(told).equals(expected[1].select(told))
    assert found[0].equals(expected[0])


def test_ids_and_small_columns_are_those_of_any_other_way(tmp_path):
    found, expected = ways(tmp_path, [FIRST.replace(b"q", "Qué  \x1c".encode())])
    assert found[2].schema == SMALL
    assert found[2].equals(expected[2])
    assert Table("sft", (), ()).rows == 0


CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"é": [1, None]}}}
CARRIED = [
    {"role": "user", "content": "q", "name": "n", "weight": 0},
    {"role": "assistant", "content": None, "reasoning_content": 'h"m\n', "tool_calls": [CALL]},
    {"role": "tool", "content": "1", "tool_call_id": "1"},
    {"role": "assistant", "content": "a", "weight": 0.5, "reasoning_content": None},
]


def test_lines_with_all_that_a_row_carries_are_taken_by_the_parser():
    line = {"tools": [{"name": "f"}], "messages": CARRIED, "chat_template_kwargs": {"a": 1}}
    data = orjson.dumps(line) + b"\n" + FIRST + b"\n"
    parsed = parse(cut(data, 10), names("messages"), 1_000)
    assert parsed.plain.tolist() == [True, True]
    found = [{k: v for k, v in t.items() if v is not None} for t in parsed.messages[0].as_py()]
    first, second, third, _ = CARRIED
    assert found == [
        first,
        second | {"content": "", "tool_calls": orjson.dumps([CALL]).decode()},
        third,
        {"role": "assistant", "content": "a", "weight": 0.5},
    ]
    assert parsed.beside["tools"].to_pylist() == ['[{"name":"f"}]', None]
    assert parsed.beside["chat_template_kwargs"].to_pylist() == ['{"a":1}', None]


def test_a_line_whose_call_names_no_function_is_left_out_and_the_others_are_not():
    wrong, sound = (
        orjson.dumps({"meta": 1, "messages": [CARRIED[0], CARRIED[1] | {"tool_calls": [call]}]})
        for call in ({"id": "1"}, CALL)
    )
    data = b"\n".join([wrong, sound, wrong, sound, FIRST, b""])
    parsed = parse(cut(data, 10), names("messages"), 1_000)
    assert parsed.plain.tolist() == [False, True, False, True, True]
    assert len(parsed.messages) == 3
    assert parsed.lost == {"meta": 2}


function = pa.struct(
    {"name": pa.string(), "arguments": pa.struct({"a": pa.int64(), "b": pa.list_(pa.string())})}
)
CALLS_AND_TOOLS = [
    (pa.string(), pa.string()),
    (
        pa.list_(pa.struct({"id": pa.string(), "index": pa.int64(), "function": function})),
        pa.list_(pa.struct({"name": pa.string(), "parameters": pa.struct({"x": pa.string()})})),
    ),
]
"""Types of calls and of tools: JSON text, or nested columns, in which Arrow fills up with nulls."""


def table_schema(calls, tools):
    turn = {
        "role": pa.string(),
        "content": pa.string(),
        "reasoning_content": pa.string(),
        "tool_calls": calls,
        "tool_call_id": pa.large_string(),
        "name": pa.string(),
        "weight": pa.float64(),
        "note": pa.string(),
    }
    return pa.schema(
        {
            "messages": pa.list_(pa.struct(turn)),
            "id": pa.string(),
            "meta": pa.struct({"a": pa.string(), "b": pa.list_(pa.int64())}),
            "tags": pa.list_(pa.string()),
            "score": pa.float64(),
            "tools": tools,
            "chat_template_kwargs": pa.struct({"thinking": pa.bool_()}),
            "system": pa.string(),
            "functions": pa.string(),
            "images": pa.list_(pa.string()),
        }
    )


table_call = st.fixed_dictionaries(
    {
        "function": st.fixed_dictionaries(
            {"name": st.sampled_from(["f", "f", "f", "", None])},
            optional={"arguments": st.sampled_from([None, {"a": 1}, {"b": []}, {"b": ["x"]}])},
        )
    },
    optional={"id": st.sampled_from(["1", "", None]), "index": st.sampled_from([None, 0])},
)
table_turn = st.fixed_dictionaries(
    {"content": visible | texts | st.none()},
    optional={
        "reasoning_content": texts | st.none(),
        "tool_calls": st.lists(table_call, max_size=2) | st.none(),
        "tool_call_id": visible,
        "name": st.sampled_from(["n", "", None]),
        "weight": st.sampled_from([0.0, 0.5, 1.0, None, -1.0, float("inf"), float("nan")]),
    },
)
good_table_call = st.fixed_dictionaries(
    {"function": st.sampled_from([{"name": "f", "arguments": {"b": ["x"]}}, {"name": "f"}])},
    optional={"id": visible, "index": st.just(0)},
)
good_table_turn = st.fixed_dictionaries(
    {"content": visible},
    optional={
        "reasoning_content": visible | st.sampled_from(["", " ", None]),
        "tool_calls": st.lists(good_table_call, max_size=2),
        "tool_call_id": visible,
        "name": st.sampled_from(["n", "", None]),
        "weight": st.sampled_from([0.0, 0.5, None]),
    },
)


def spoken_in_order(turns):
    return [
        {"role": ("user", "assistant", "tool", "assistant", "x")[i], **turn}
        for i, turn in enumerate(turns)
    ]


table_row = st.fixed_dictionaries(
    {
        "messages": st.lists(good_table_turn, min_size=2, max_size=4).map(spoken_in_order)
        | st.lists(table_turn, min_size=1, max_size=5).map(spoken_in_order)
        | st.none()
    },
    optional={
        "id": st.none() | st.sampled_from(["a", "", "7"]),
        "meta": st.none()
        | st.fixed_dictionaries({"a": st.none() | st.just(""), "b": st.none() | st.just([])}),
        "tags": st.none() | st.lists(st.just("t"), max_size=2),
        "score": st.none() | st.just(0.0),
        "tools": st.sampled_from([None, [], [{"name": "f"}], [{"name": "f", "parameters": {}}]]),
        "chat_template_kwargs": st.sampled_from([None, {"thinking": True}, {"thinking": None}]),
    },
)
odd = st.sampled_from([{}, {}, {}, {"note": "x"}, {"note": ""}]) | st.sampled_from(
    [{"system": "s"}, {"system": ""}, {"functions": "[]"}, {"functions": ""}, {"images": ["x"]}]
)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(st.tuples(table_row, odd), max_size=6), types=st.sampled_from(CALLS_AND_TOOLS))
def test_rows_of_a_table_of_any_kind(rows, types):
    made = [orjson.loads(FIRST)]
    for row, more in rows:
        if "note" in more and row["messages"]:
            row["messages"][-1] |= more
        else:
            row |= more
        made.append(in_json(row) if types == CALLS_AND_TOOLS[0] else row)
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(pa.Table.from_pylist(made, table_schema(*types)), Path(folder) / "a.parquet")
        same(*both(Path(folder), "a.parquet"))


def in_json(row):
    """A row whose tools and calls are JSON text."""
    found = dict(row)
    if found.get("tools") is not None:
        found["tools"] = json.dumps(found["tools"])
    turns = [dict(turn) for turn in found["messages"] or []]
    for turn in turns:
        if turn.get("tool_calls") is not None:
            turn["tool_calls"] = json.dumps(turn["tool_calls"])
    return found | {"messages": turns}


@pytest.mark.parametrize("types", CALLS_AND_TOOLS)
def test_rows_with_all_that_a_row_carries_are_taken_by_columns(types):
    called = {"id": "1", "function": {"name": "f", "arguments": {"a": 1}}}
    turns = [CARRIED[0], CARRIED[1] | {"tool_calls": [called]}, *CARRIED[2:]]
    row = {"messages": turns, "tools": [{"name": "f"}], "chat_template_kwargs": {"thinking": True}}
    rows = [in_json(row) if types == CALLS_AND_TOOLS[0] else row, orjson.loads(FIRST)]
    parsed = columns.parse(pa.Table.from_pylist(rows, table_schema(*types)), "messages")
    assert parsed.plain.tolist() == [True, True]
    assert orjson.loads(parsed.messages[0].as_py()[1]["tool_calls"]) == [called]
    assert orjson.loads(parsed.beside["tools"][0].as_py()) == [{"name": "f"}]
    assert parsed.beside["tools"][1].as_py() is None


def test_plain_rows_of_a_table_are_taken_by_columns(tmp_path):
    rows = [orjson.loads(FIRST) | {"id": i, "meta": {"a": None}} for i in range(3)]
    parsed = columns.parse(pa.Table.from_pylist(rows), "messages")
    assert parsed.plain.tolist() == [True] * 3
    assert parsed.own.to_pylist() == ["0", "1", "2"]
    assert parsed.lost == {}
