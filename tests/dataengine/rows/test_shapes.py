"""From records of every shape to the content of a row."""

import json

import pytest

from dataengine.rows.errors import NotCarried, ShapeError
from dataengine.rows.formats import RECORD_KEYS
from dataengine.rows.shapes import KEYS, content, find, prompt


def turns(*pairs):
    return [{"role": role, "content": text} for role, text in pairs]


def read(record, kind="sft", verifier=None):
    return content(record, find(record, kind), kind, verifier)


QA = turns(("user", "q"), ("assistant", "a"))
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    ("record", "shape"),
    [
        ({"messages": QA}, "messages"),
        ({"messages": json.dumps(QA)}, "messages"),
        ({"messages": [json.dumps(turn) for turn in QA]}, "messages"),
        ({"messages": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}, "messages"),
        ({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]}, "conversations"),
        ({"conversations": QA, "messages": None}, "conversations"),
        ({"instruction": "q", "input": "", "output": "a"}, "alpaca"),
        ({"prompt": "q", "completion": "a"}, "completion"),
        ({"prompt": QA[:1], "completion": QA[1:]}, "completion"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}, QA[1]]}, "messages"),
    ],
)  # fmt: skip
def test_every_sft_shape_gives_the_same_turns(record, shape):
    assert find(record, "sft") == shape
    found = content(record, shape, "sft", None)
    assert found.columns == {"messages": QA, "tools": None, "chat_template_kwargs": None}
    assert found.keys.lost == set()


def test_alpaca_joins_instruction_and_input_behind_its_history():
    record = {"instruction": "Translate.", "input": "Haus", "output": "house"}
    assert read(record).columns["messages"][0]["content"] == "Translate.\n\nHaus"
    for history in ([["q", "a"]], '[["q", "a"]]', [{"role": "user", "content": "q"}, QA[1]]):
        found = read(record | {"history": history}).columns["messages"]
        assert [turn["content"] for turn in found] == ["q", "a", "Translate.\n\nHaus", "house"]
    with pytest.raises(ShapeError, match="history: an entry"):
        read(record | {"history": [["q", "a", "x"]]})


@pytest.mark.parametrize(
    ("record", "first"),
    [
        ({"messages": QA}, "messages"),
        ({"conversations": QA}, "messages"),
        ({"instruction": "q", "output": "a"}, "messages"),
        ({"prompt": "q", "completion": "a"}, "messages"),
        ({"prompt": "q", "chosen": "a", "rejected": "b"}, "prompt"),
        ({"prompt": "q", "ground_truth": "4", "verifier": "gsm8k"}, "prompt"),
    ],
)
def test_what_stands_beside_any_shape_is_carried(record, first):
    kind = "preference" if "chosen" in record else "rlvr" if "ground_truth" in record else "sft"
    beside = {"system": "Be brief.", "tools": json.dumps([TOOL]), "chat_template_kwargs": {"x": 1}}
    found = read(record | beside, kind)
    assert found.columns[first][:2] == turns(("system", "Be brief."), ("user", "q"))
    assert found.columns["tools"] == [TOOL]
    assert found.columns["chat_template_kwargs"] == {"x": 1}
    assert not found.keys.lost


def test_a_system_column_that_says_something_else_than_the_system_turn_is_refused():
    both = {"messages": [{"role": "system", "content": "Be brief."}, *QA], "system": "Be brief."}
    assert read(both).columns["messages"] == both["messages"]
    with pytest.raises(ShapeError, match="another text under system"):
        read(both | {"system": "Be long."})


def test_older_functions_become_tools():
    found = read({"messages": QA, "functions": [{"name": "f"}]})
    assert found.columns["tools"] == [{"type": "function", "function": {"name": "f"}}]
    assert found.keys.renamed == {("functions", "tools")}


def test_sharegpt_calls_become_tool_calls():
    record = {
        "conversations": [
            {"from": "human", "value": "q"},
            {"from": "function_call", "value": '{"name": "f", "arguments": {}}'},
            {"from": "observation", "value": "1"},
            {"from": "gpt", "value": "a"},
        ]
    }
    found = read(record).columns["messages"]
    assert [t["role"] for t in found] == ["user", "assistant", "tool", "assistant"]
    assert found[1]["tool_calls"] == [
        {"type": "function", "function": {"name": "f", "arguments": {}}}
    ]


def test_reasoning_beside_an_answer_is_the_answer_s():
    for record in (
        {"prompt": "q", "completion": "a", "reasoning": "r"},
        {"instruction": "q", "output": "a", "thinking": "r"},
    ):
        assert read(record).columns["messages"][-1]["reasoning_content"] == "r"
    assert read({"messages": QA, "reasoning": "r"}).keys.lost == {"reasoning"}


def test_keys_that_are_not_carried_are_named_and_empty_ones_are_not():
    record = {
        "messages": [QA[0], QA[1] | {"annotations": ["x"], "refusal": None, "audio": []}],
        "category": "music",
        "score": 0,
        "note": "",
    }
    assert read(record).keys.lost == {"messages[].annotations", "category", "score"}


@pytest.mark.parametrize(
    "text", ["<image>\nWhat is it?", "Look: <|image_1|>", "<audio>", "see <video> here"]
)
def test_a_row_whose_text_points_at_an_image_goes(text):
    turned = [{"role": "user", "content": text}, QA[1]]
    with pytest.raises(NotCarried, match="images, which the text refers to"):
        read({"messages": turned, "images": ["a.jpg"]})
    assert read({"messages": turned, "images": []}).columns["messages"] == turned
    assert read({"messages": QA, "images": ["a.jpg"]}).keys.lost == {"images"}


PAIR = {"prompt": QA[:1], "chosen": QA[1:], "rejected": turns(("assistant", "b"))}


def whole(answer):
    return [{"role": "user", "content": "q"}, {"role": "assistant", "content": answer}]


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "q", "chosen": "a", "rejected": "b"},
        {"prompt": whole("x")[:1], "chosen": whole("a")[1:], "rejected": whole("b")[1:]},
        {"prompt": "q", "chosen": whole("a"), "rejected": whole("b")},
        {"chosen": whole("a"), "rejected": whole("b")},
        {"instruction": "q", "input": "", "chosen": "a", "rejected": "b"},
        {
            "conversations": [{"from": "human", "value": "q"}],
            "chosen": {"from": "gpt", "value": "a"},
            "rejected": {"from": "gpt", "value": "b"},
        },
        {"messages": whole("x")[:1], "chosen": whole("a")[1], "rejected": whole("b")[1]},
    ],
)
def test_every_preference_shape_gives_the_same_pair(record):
    found = read(record, "preference")
    assert found.columns == PAIR | {"tools": None, "chat_template_kwargs": None}
    assert not found.keys.lost


def test_a_pair_that_differs_in_its_calls_keeps_them():
    call = {"function": {"name": "f", "arguments": {"x": 1}}}
    sides = [{"role": "assistant", "content": "", "tool_calls": [call]}]
    found = read({"prompt": "q", "chosen": sides, "rejected": "b"}, "preference").columns
    assert found["chosen"][0]["tool_calls"] == [call]


def test_pairs_without_a_shared_prompt_are_refused():
    other = [{"role": "user", "content": "other"}, {"role": "assistant", "content": "b"}]
    with pytest.raises(ShapeError, match="do not share"):
        read({"chosen": whole("a"), "rejected": other}, "preference")


def test_rlvr_keeps_structured_ground_truth_as_json():
    found = read({"prompt": "q", "ground_truth": {"n": [1, 2]}}, "rlvr", "ifeval").columns
    assert found["ground_truth"] == '{"n":[1,2]}'
    assert found["verifier"] == "ifeval"


def test_a_prompt_that_begins_with_a_bracket_is_text():
    for text in ('[{"a": 1}] is what?', "[1, 2", '["x"]', "[asy] draw [/asy]"):
        found = read({"prompt": text, "completion": "a"}).columns
        assert found["messages"][0] == {"role": "user", "content": text}


@pytest.mark.parametrize(
    ("record", "kind", "said"),
    [
        ({"text": "once upon a time"}, "sft", "plain text"),
        ({"question": "q", "answer": "a"}, "sft", "name them with columns:"),
        ({"prompt": "q", "chosen": "a", "rejected": "b"}, "sft", "looks like preference"),
    ],
)
def test_unknown_shapes_say_what_would_fit(record, kind, said):
    with pytest.raises(ShapeError, match=said):
        find(record, kind)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"messages": "Hello."}, "text that is not JSON"),
        ({"messages": 3}, "not a list but a int"),
        ({"messages": [{"speaker": "x"}]}, "no 'role' in a turn: it has 'speaker'"),
        ({"messages": [{"role": "narrator", "content": "x"}]}, "unknown speaker 'narrator'"),
        ({"messages": [3]}, "a turn is not an object"),
        ({"messages": QA, "tools": "no"}, "tools: text that is not JSON"),
        ({"messages": QA, "tools": [3]}, "a tool is not an object"),
        ({"messages": QA, "chat_template_kwargs": [1]}, "chat_template_kwargs: not an object"),
    ],
)
def test_a_record_that_is_no_row_says_why(record, said):
    with pytest.raises(ShapeError, match=said):
        content(record, "messages", "sft", None)


@pytest.mark.parametrize(
    "record",
    [{"messages": QA}, {"prompt": "q", "completion": "a"}, {"prompt": "q"}, {"prompt": QA}],
)
def test_the_prompt_of_any_shape_is_what_stands_before_the_last_answer(record):
    assert prompt(record).columns["prompt"] == QA[:1]


def test_a_file_of_one_record_is_told_from_a_wrapping_by_the_keys_of_the_shapes():
    assert {key for keys in KEYS.values() for key in keys} <= RECORD_KEYS
