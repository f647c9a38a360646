"""What real servers answer: finish reasons by every name, errors beside choices, JSON in prose."""

import json
from typing import Literal

import pytest
from pydantic import BaseModel

from dataengine.models.failure import (
    Filtered,
    ProviderError,
    Refused,
    ServerError,
    Truncated,
    UnknownFinish,
    WrongSchema,
)
from dataengine.models.wire import parse, read_response, request_for
from personas.ask import Ask


class Fine(BaseModel):
    verdict: str


class Mark(BaseModel):
    mark: Literal[1, 2, "N/A"]
    sure: Literal["yes", "no"]


def response(finish="stop", choice=None, content="half of an ans", **body):
    choice = {"message": {"content": content}, "finish_reason": finish, **(choice or {})}
    return json.dumps({"choices": [choice], **body}).encode()


@pytest.mark.parametrize("finish", ["stop", "STOP", "end_turn", "eos", "stop_sequence", None])
def test_whole_answers(finish):
    assert read_response(response(finish)).text == "half of an ans"


@pytest.mark.parametrize(
    ("finish", "kind"),
    [
        ("length", Truncated),
        ("max_tokens", Truncated),
        ("MAX_TOKENS", Truncated),
        ("FINISH_REASON_MAX_TOKENS", Truncated),
        ("model_context_window_exceeded", Truncated),
        ("content_filter", Filtered),
        ("SAFETY", Filtered),
        ("content-filter", Filtered),
        ("RECITATION", Filtered),
        ("refusal", Refused),
        ("error", ProviderError),
        ("network_error", ProviderError),
        ("abort", ProviderError),
        ("insufficient_system_resource", ProviderError),
        ("flux_capacitor", UnknownFinish),
    ],
)
def test_half_answers_are_never_kept(finish, kind):
    with pytest.raises(kind, match=finish):
        read_response(response(finish))


def test_errors_beside_an_answer():
    with pytest.raises(ProviderError, match="went away"):
        read_response(response(choice={"error": {"message": "went away", "code": 502}}))
    with pytest.raises(ServerError, match="went away"):
        read_response(response(error={"message": "went away"}))


def test_which_failures_a_later_run_may_mend():
    kinds = (Truncated, Filtered, Refused, UnknownFinish, WrongSchema, ProviderError, ServerError)
    assert [kind.mendable for kind in kinds] == [False] * 5 + [True] * 2


@pytest.mark.parametrize(
    "text",
    [
        '{"verdict": "yes"}',
        '```json\n{"verdict": "yes"}\n```',
        'Sure, here it is:\n{"verdict": "yes"}\nI hope {that} helps!',
        'First {"other": 1}, then ```\n{"verdict": "yes"}\n```',
    ],
)
def test_json_with_something_around_it(text):
    found, said = parse(text, Fine)
    assert (found, said.strip()) == (Fine(verdict="yes"), '{"verdict": "yes"}')


@pytest.mark.parametrize(
    "text", ["", "no JSON", '{"verdict": 3}', 'see {"other": "yes"}', '{"verdict": "y']
)
def test_what_is_not_the_schema_is_not_read_into_it(text):
    with pytest.raises(WrongSchema):
        parse(text, Fine)


def test_every_node_of_a_strict_schema_has_a_type():
    shape = request_for("m", Ask((), schema=Mark), 0, {})["response_format"]["json_schema"]
    told = shape["schema"]["properties"]
    assert told["mark"]["enum"] == [1, 2, "N/A"]
    assert told["mark"]["type"] == ["integer", "string"]
    assert told["sure"]["type"] == "string"


def test_a_null_in_extra_body_leaves_a_field_out():
    body = request_for("m", Ask(()), 0, {"temperature": None, "top_k": 3})
    assert body == {"model": "m", "messages": [], "top_k": 3}
