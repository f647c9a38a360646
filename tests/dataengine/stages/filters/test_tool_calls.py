import json

import pytest

from dataengine.row import message
from dataengine.stages.filters.tool_calls import ToolCalls

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
BARE = {"name": "clock"}


def call(name="weather", id=None, **arguments):
    made = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return made | ({"id": id} if id else {})


def asks(*calls):
    return message("assistant", "", tool_calls=list(calls))


def result(id=None):
    return message("tool", "9", tool_call_id=id)


ASK, END = message("user", "How warm?"), message("assistant", "9 degrees.")


@pytest.fixture
def judged(decided):
    def run(*turns, tools=(WEATHER, BARE), kind="sft"):
        row = {"tools": json.dumps(tools) if tools else None}
        row |= {"messages": [ASK, *turns]} if kind == "sft" else turns[0]
        return decided(ToolCalls(), [row], kind).dropped

    return run


@pytest.mark.parametrize(
    "turns",
    [
        (END,),
        (asks(call(city="Bern")), result(), END),
        (asks(call(id="a", city="Bern"), call(id="b", city="Oslo")), result("b"), result("a"), END),
        (asks(call("clock")), result(), END),
        (asks(call(city="Bern")), END),
        (asks(call(id="a", city="Bern")), result(), END),
        (asks(call(city="Bern"), call(city="Oslo")), result("x"), result("y"), END),
        (asks(call(id="a", city="B")), result("a"), asks(call(id="a", city="O")), result("a"), END),
    ],
)
def test_sound_calls_stay(judged, turns):
    assert judged(*turns).height == 0


@pytest.mark.parametrize(
    ("turns", "reason", "turn"),
    [
        ((asks(call("wether", city="Bern")), result(), END), "calls a tool that is not offered", 1),
        ((asks(call(days=3)), result(), END), "arguments do not fit the tool's schema", 1),
        ((asks(call(city=3)), result(), END), "arguments do not fit the tool's schema", 1),
        ((asks(call(id="a", city="Bern")), result("b"), END), "a result answers no call", 2),
        ((asks(call(city="Bern")), result(), result(), END), "a result answers no call", 3),
        (
            (asks(call(id="a", city="B")), result("a"), result("a"), END),
            "a result answers no call",
            3,
        ),
    ],
)
def test_unsound_calls_go_with_their_turn(judged, turns, reason, turn):
    dropped = judged(*turns)
    assert dropped["reason"].to_list() == [reason]
    assert json.loads(dropped["evidence"][0])["turn"] == turn


def test_without_tools_on_offer_only_results_are_checked(judged):
    assert judged(asks(call("anything")), result(), END, tools=None).height == 0
    assert judged(result(), END, tools=None)["reason"].to_list() == ["a result answers no call"]


def test_a_broken_schema_is_the_reason_not_the_end_of_the_build(judged):
    broken = {"name": "weather", "parameters": {"type": "objekt"}}
    dropped = judged(asks(call(city="B")), result(), END, tools=(broken,))
    assert dropped["reason"].to_list() == ["a tool's schema is broken"]


def test_the_sides_of_a_pair_go_on_from_the_prompt(judged):
    prompt = [ASK, asks(call(id="a", city="Bern"))]
    pair = {"prompt": prompt, "chosen": [result("a"), END], "rejected": [result("b"), END]}
    dropped = judged(pair, kind="preference")
    facts = json.loads(dropped["evidence"][0])
    assert (facts["column"], facts["turn"]) == ("rejected", 0)
