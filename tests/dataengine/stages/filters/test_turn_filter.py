"""Turn filters read all that a turn says: content, reasoning, and the arguments of its calls."""

import json

import polars as pl
import pytest

from dataengine.row import message, schema
from dataengine.stages.filters.identity import Identity
from dataengine.stages.filters.repetition import Repetition
from dataengine.text import texts_of

CLAIM = "As ChatGPT, I cannot taste anything."
LOOP = "I am not sure what to say about the bridge. " * 20


def call(**arguments):
    return [{"function": {"name": "f", "arguments": arguments}}]


@pytest.fixture
def judged(decided):
    def run(stage, *turns):
        return decided(stage, [{"messages": [message("user", "Taste it."), *turns]}]).dropped

    return run


@pytest.mark.parametrize(("stage", "text"), [(Identity(), CLAIM), (Repetition(), LOOP)])
@pytest.mark.parametrize("field", ["content", "reasoning_content", "tool_calls"])
def test_a_finding_anywhere_in_a_turn_drops_the_row(judged, stage, text, field):
    said = {"content": "Fine.", field: call(note=text) if field == "tool_calls" else text}
    dropped = judged(stage, message("assistant", **said))
    facts = json.loads(dropped["evidence"].item())
    assert (facts["turn"], facts["field"]) == (1, field)
    assert facts["text"] in text


def test_what_others_say_is_not_the_assistant_s(judged):
    assert judged(Identity(), message("tool", CLAIM), message("assistant", "Fine.")).height == 0


def test_texts_stand_in_reading_order():
    pair = {
        "prompt": [message("user", "a")],
        "chosen": [message("assistant", "c", reasoning_content="b", tool_calls=call(x="d"))],
        "rejected": [message("assistant", "e")],
    }
    found = texts_of(pl.DataFrame([pair, pair], schema=schema("preference")))
    expected = [
        ("prompt", 0, "content"),
        ("chosen", 0, "reasoning_content"),
        ("chosen", 0, "content"),
        ("chosen", 0, "tool_calls"),
        ("rejected", 0, "content"),
    ]
    assert found.select("column", "number", "field").rows() == expected * 2
    assert found["place"].to_list() == [0] * 5 + [1] * 5
