"""The published form: `load_dataset` gives what the records said, and templates render it so."""

import json
from pathlib import Path

import polars as pl
import pytest
from datasets import load_dataset
from hypothesis import given
from hypothesis import strategies as st

from dataengine.published import Form, published, stored
from dataengine.row import message, schema

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["C", None]}},
            "required": ["city"],
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}}}}  # fmt: skip


def said(role, content, **more):
    return {"role": role, "content": content, **more}


def call(id, name="weather", **arguments):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


USER, ANSWER = said("user", "How warm is Bérn?"), said("assistant", "9 degrees.")
RECORDS = {
    "plain": {"messages": [USER, ANSWER]},
    "system": {"messages": [said("system", "Be brief."), USER, ANSWER]},
    "one call": {
        "messages": [
            USER,
            said("assistant", "", tool_calls=[call("call00001", city="Bern", days=[1, 2.5])]),
            said("tool", '{"t": 9}', tool_call_id="call00001", name="weather"),
            ANSWER,
        ],
        "tools": [TOOL],
    },
    "parallel calls, answered in the other order": {
        "messages": [
            said("user", "Bern and Oslo, and the time?"),
            said(
                "assistant",
                "Let me look.",
                tool_calls=[call("call00002", city="Bern", unit=None), call("call00003", "clock")],
            ),
            said("tool", "12:00", tool_call_id="call00003"),
            said("tool", "9", tool_call_id="call00002"),
            ANSWER,
        ],
        "tools": [TOOL, CLOCK],
    },
    "reasoning": {
        "messages": [USER, ANSWER | {"reasoning_content": "It is autumn, so 9."}],
        "chat_template_kwargs": {"enable_thinking": True},
    },
    "reasoning before a call": {
        "messages": [
            USER,
            said(
                "assistant",
                "",
                reasoning_content="I ask.",
                tool_calls=[call("call00004", city="B")],
            ),
            said("tool", "9", tool_call_id="call00004"),
            ANSWER | {"reasoning_content": "Nine."},
        ],
        "tools": [TOOL],
    },
    "not to be learned": {
        "messages": [USER, ANSWER | {"weight": 0}, said("user", "Sure?"), ANSWER]
    },
    "thinking in the content": {
        "messages": [USER, said("assistant", "<think>\nr\n</think>\n\n9.")]
    },
}


def kinds(record, name):
    """A record of every kind that says the same."""
    *prompt, last = record["messages"]
    beside = {key: value for key, value in record.items() if key != "messages"}
    return {
        "sft": record,
        "preference": {"prompt": prompt, "chosen": [last], "rejected": [said("assistant", "No.")], **beside},
        "rlvr": {"prompt": [*prompt[:-1], prompt[-1]], "ground_truth": f"9 {name}", "verifier": "f1", **beside},
    }  # fmt: skip


@pytest.fixture(scope="module", params=["sft", "preference", "rlvr"])
def rows(request, tmp_path_factory):
    """For one kind: each record as it was written, and the row that `load_dataset` gives."""
    from dataengine.build import execute as build
    from dataengine.document import Document
    from dataengine.mixture import load
    from dataengine.plan import plan
    from dataengine.progress import Progress

    folder = tmp_path_factory.mktemp(request.param)
    written = {name: kinds(record, name)[request.param] for name, record in RECORDS.items()}
    lines = [json.dumps(record | {"name": name}) for name, record in written.items()]
    (folder / "a.jsonl").write_text("\n".join(lines))
    mixture = folder / "mixture.yaml"
    source = {"name": "a", "path": "a.jsonl", "keep": ["name"]}
    mixture.write_text(json.dumps({"name": "t", "kind": request.param, "sources": [source]}))
    build(Document(mixture), plan(load(mixture)), folder / "out", 1, Progress(quiet=True))
    loaded = load_dataset(str(folder / "out"), split="train")
    read = {row["name"]: row for row in loaded}
    assert read.keys() == written.keys()
    return request.param, written, read


TURNS = {"sft": ["messages"], "preference": ["prompt", "chosen", "rejected"], "rlvr": ["prompt"]}


def test_every_row_holds_the_turns_and_tools_that_were_written(rows):
    kind, written, read = rows
    for name, record in written.items():
        for column in TURNS[kind]:
            assert read[name][column] == record[column], (name, column)
        assert read[name]["tools"] == record.get("tools")
        assert read[name]["chat_template_kwargs"] == record.get("chat_template_kwargs", {})


def templates():
    own = sorted(Path(__file__).parent.joinpath("templates").glob("*.jinja"))
    try:
        import trl
    except ImportError:
        return own
    return own + sorted(Path(trl.__file__).parent.joinpath("chat_templates").glob("*.jinja"))


@pytest.mark.parametrize("template", templates(), ids=lambda path: f"{path.parts[-3]}/{path.stem}")
def test_a_published_row_renders_as_the_written_one(rows, template):
    pytest.importorskip("transformers", reason="renders with transformers (extra train)")
    kind, written, read = rows
    rendered = 0
    for name, record in written.items():
        sides = [["messages"]] if kind == "sft" else [["prompt"]]
        sides += [["prompt", "chosen"], ["prompt", "rejected"]] if kind == "preference" else []
        for columns in sides:
            before, after = (_rendered(row, columns, template) for row in (record, read[name]))
            assert after == before, (name, columns)
            rendered += not before.startswith("refused: ")
    if not rendered:
        pytest.skip("this template takes no turns of text")


def _rendered(row, columns, template):
    """What a template makes of a row, or its refusal."""
    from transformers.utils.chat_template_utils import render_jinja_template

    turns = [turn for column in columns for turn in row[column]]
    try:
        texts, _ = render_jinja_template(
            [turns],
            tools=row.get("tools"),
            chat_template=template.read_text(),
            bos_token="<s>",
            eos_token="</s>",
            **(row.get("chat_template_kwargs") or {}),
        )
    except Exception as error:
        return f"refused: {error}"
    return texts[0]


def test_turns_of_a_plain_dataset_are_plain_columns(mix, built, tmp_path):
    built(mix({"a": [RECORDS["plain"], RECORDS["system"]]}))
    loaded = load_dataset(str(tmp_path / "out"), split="train")
    assert str(loaded.features["messages"]).count("string") == 2
    assert "tools" not in loaded.features and "chat_template_kwargs" not in loaded.features


def test_streaming_gives_the_same_objects(mix, built, tmp_path):
    built(mix({"a": [RECORDS["one call"]]}))
    loaded = next(iter(load_dataset(str(tmp_path / "out"), split="train", streaming=True)))
    assert loaded["messages"] == RECORDS["one call"]["messages"]


def test_own_columns_have_one_type_where_their_values_have(mix, built, tmp_path):
    values = [
        {"ticket": 1, "share": 1, "open": True, "tags": ["a"], "mixed": 1},
        {"ticket": 2, "share": 0.5, "open": False, "tags": [], "mixed": "b"},
        {},
    ]
    records = [RECORDS["plain"] | own | {"n": n} for n, own in enumerate(values)]
    keep = [*values[0], "n"]
    built(mix({"a": {"records": records, "keep": keep}}))
    loaded = load_dataset(str(tmp_path / "out"), split="train").sort("n")
    assert [str(loaded.features[k].dtype) for k in ("ticket", "share", "open")] == [
        "int64",
        "float64",
        "bool",
    ]
    rows = [{key: row[key] for key in values[0]} for row in loaded]
    assert rows == [*values[:2], dict.fromkeys(values[0])]


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
JSON = st.recursive(TEXT | st.integers(-9, 9) | st.none() | st.booleans(), lambda v: st.lists(v, max_size=2) | st.dictionaries(TEXT, v, max_size=2), max_leaves=4)  # fmt: skip
CALLS = st.lists(st.dictionaries(TEXT, JSON, max_size=2).map(lambda a: call("i", **{"x": a})), min_size=1, max_size=2)  # fmt: skip
TURN = st.builds(
    message,
    role=st.sampled_from(["user", "assistant", "tool"]),
    content=TEXT,
    reasoning_content=st.none() | TEXT,
    tool_calls=st.none() | CALLS,
    tool_call_id=st.none() | TEXT,
    name=st.none() | TEXT,
    weight=st.none() | st.sampled_from([0.0, 0.5, 1.0]),
)
TOOLS = st.none() | st.lists(st.dictionaries(TEXT, JSON, min_size=1, max_size=2), min_size=1, max_size=2).map(json.dumps)  # fmt: skip


@given(st.lists(st.tuples(st.lists(TURN, min_size=1, max_size=4), TOOLS), min_size=1, max_size=4))
def test_what_is_published_reads_back_as_it_was_stored(rows):
    made = [
        {"id": str(n), "messages": turns, "tools": tools} for n, (turns, tools) in enumerate(rows)
    ]
    frame = pl.DataFrame(made, schema=schema("sft"))
    form = Form("sft")
    form.see(frame)
    back = stored(published(frame, form))
    assert back["messages"].to_list() == frame["messages"].to_list()
    if "tools" in back.columns:
        loads = [None if t is None else json.loads(t) for t in back["tools"]]
        assert loads == [None if t is None else json.loads(t) for t in frame["tools"]]
