"""One turn and its calls, under every name that people use."""

import pytest

from dataengine.rows.calls import tools, without_padding
from dataengine.rows.errors import NotCarried, ShapeError
from dataengine.rows.turns import Keys, turn, with_reasoning


def read(value):
    keys = Keys()
    return turn(value, keys), keys


SAID = {"role": "assistant", "content": "a"}


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking", "thought"])
def test_reasoning_has_one_name(key):
    found, keys = read(SAID | {key: "r"})
    assert found == SAID | {"reasoning_content": "r"}
    assert not keys.lost


def test_the_same_reasoning_under_two_names_is_no_loss_and_another_one_is():
    assert read(SAID | {"reasoning": "r", "reasoning_content": "r"})[1].lost == set()
    assert read(SAID | {"reasoning": "x", "reasoning_content": "r"})[1].lost == {"reasoning"}
    found, _ = read(SAID | {"reasoning_content": "", "thinking": "r"})
    assert found["reasoning_content"] == "r"


def test_thinking_among_content_parts_is_reasoning():
    parts = [
        {"type": "thinking", "thinking": "r"},
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]
    assert read({"role": "assistant", "content": parts})[0] == {
        "role": "assistant",
        "content": "ab",
        "reasoning_content": "r",
    }


@pytest.mark.parametrize(
    ("flag", "weight"),
    [
        ({"weight": 0}, 0),
        ({"weight": 1.0}, 1),
        ({"weight": 0.5}, 0.5),
        ({"train": False}, 0),
        ({"training": True}, 1),
        ({"trainable": False}, 0),
        ({"loss": False}, 0),
        ({"weight": 0, "train": True}, 0),
    ],
)
def test_whether_a_turn_is_learned_is_a_weight(flag, weight):
    assert read(SAID | flag)[0] == SAID | {"weight": weight}


def test_a_measured_loss_is_no_flag():
    found, keys = read(SAID | {"loss": 0.53})
    assert found == SAID and keys.lost == {"loss"}


@pytest.mark.parametrize("weight", [-1, "heavy", float("inf"), float("nan")])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(ShapeError, match="weight"):
        read(SAID | {"weight": weight})


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"x": 1, "y": None}}}


@pytest.mark.parametrize(
    "given",
    [
        [CALL],
        CALL,
        '[{"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"x": 1, "y": null}}}]',
        [CALL | {"function": {"name": "f", "arguments": '{"x": 1, "y": null}'}}],
    ],
)
def test_calls_have_objects_as_arguments_and_keep_their_ids(given):
    found, keys = read({"role": "assistant", "content": None, "tool_calls": given})
    assert found == {"role": "assistant", "content": "", "tool_calls": [CALL]}
    assert not keys.lost


def test_calls_without_a_wrapping_and_older_calls_are_read():
    wrapped = [{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}]
    bare = {"name": "f", "arguments": {"x": 1}}
    assert read({"role": "assistant", "tool_calls": [bare]})[0]["tool_calls"] == wrapped
    old = {"role": "assistant", "content": "Wait.", "function_call": bare}
    assert read(old)[0] == {"role": "assistant", "content": "Wait.", "tool_calls": wrapped}
    llama = {"name": "f", "parameters": {"x": 1}}
    assert read({"role": "assistant", "tool_calls": [llama]})[0]["tool_calls"] == wrapped


def test_keys_of_a_call_that_are_not_carried_are_named():
    call = CALL | {"index": 0, "function": CALL["function"] | {"strict": True}}
    _, keys = read({"role": "assistant", "content": "", "tool_calls": [call]})
    assert keys.lost == {"tool_calls[].index", "tool_calls[].function.strict"}


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        ("not json", "text that is not JSON"),
        ([3], "not an object"),
        ([{"function": {"arguments": {}}}], "without a function's name"),
        ([{"function": {"name": "f", "arguments": "x"}}], "arguments: text that is not JSON"),
        ([{"function": {"name": "f", "arguments": [1]}}], "are not an object"),
        ([{"id": 3, "function": {"name": "f"}}], "id is not text"),
    ],
)
def test_calls_that_are_none_say_why(calls, said):
    with pytest.raises(ShapeError, match=said):
        read({"role": "assistant", "content": "", "tool_calls": calls})


def test_a_result_keeps_the_id_and_the_name_of_its_call():
    result = {"role": "tool", "content": "9", "tool_call_id": "c1", "name": "f"}
    assert read(result)[0] == result
    assert read({"role": "function", "name": "f", "content": "9"})[0]["role"] == "tool"
    assert read({"role": "tool", "content": {"t": 9}})[0]["content"] == '{"t":9}'


@pytest.mark.parametrize(
    "given",
    [
        {"content": [{"type": "image_url", "image_url": {"url": "x"}}]},
        {"content": "a", "images": ["x.png"]},
        {"content": "a", "train_detail": [{"begin_offset": 0, "train": False}]},
    ],
)
def test_what_changes_the_meaning_and_has_no_place_refuses_the_row(given):
    with pytest.raises(NotCarried):
        read({"role": "assistant"} | given)


def test_reasoning_is_kept_moved_or_dropped_as_the_source_asks():
    def made(how, turn):
        keys = Keys()
        return with_reasoning([dict(turn)], how, keys)[0], keys.lost

    thought = SAID | {"reasoning_content": "r"}
    inline = SAID | {"content": "<think>r</think>\n\na"}
    assert made("keep", thought) == (thought, set())
    assert made("in_content", thought)[0] == SAID | {"content": "<think>\nr\n</think>\n\na"}
    assert made("drop", thought) == (SAID, {"reasoning_content"})
    assert made("drop", inline) == (SAID, {"reasoning_content"})
    assert made("keep", inline) == (inline, set())
    asked = {"role": "user", "content": "<think>r</think> means?"}
    assert made("drop", asked) == (asked, set())


def test_nulls_that_arrow_adds_are_no_data():
    padded = {
        "type": "function",
        "function": {
            "name": "f",
            "parameters": {
                "properties": {"x": {"type": "string", "enum": None}, "y": {"type": None}},
                "required": None,
            },
        },
    }
    assert without_padding([padded]) == [
        {
            "type": "function",
            "function": {"name": "f", "parameters": {"properties": {"x": {"type": "string"}}}},
        }
    ]
    call = {"name": "f", "arguments": {"x": None, "y": None}}
    assert without_padding(call) == {"name": "f", "arguments": {}}
    assert tools([]) is None
