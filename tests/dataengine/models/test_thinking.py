"""What a model thought before it answered is no part of the answer."""

import json

import pytest

from dataengine.models.failure import Truncated
from dataengine.models.wire import read_response


def response(content):
    message = {"role": "assistant", "content": content}
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()


def test_thinking_at_the_head_is_taken_out():
    whole = read_response(response('<think>\nHm, {"a": 2}?\n</think>\n\n{"a": 1}'))
    assert (whole.text, whole.reasoning) == ('{"a": 1}', 'Hm, {"a": 2}?')


def test_thinking_whose_beginning_stood_in_the_prompt():
    whole = read_response(response("Is it 41? No.\n</think>\n\n42"))
    assert (whole.text, whole.reasoning) == ("42", "Is it 41? No.")


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "thinking"])
def test_thinking_that_the_server_took_out(name):
    message = {"role": "assistant", "content": "42", name: " Is it 41? No. "}
    body = {"choices": [{"message": message, "finish_reason": "stop"}]}
    whole = read_response(json.dumps(body).encode())
    assert (whole.text, whole.reasoning) == ("42", "Is it 41? No.")


def test_content_as_a_list_of_parts():
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Is it 41? No."}]},
        {"type": "text", "text": "It is "},
        {"type": "text", "text": "42"},
    ]
    whole = read_response(response(parts))
    assert (whole.text, whole.reasoning) == ("It is 42", "Is it 41? No.")


def test_the_tags_mean_nothing_elsewhere():
    text = "In HTML, <think> and </think> are no elements."
    assert read_response(response(text)).text == text


def test_thinking_that_never_ends_is_no_answer():
    with pytest.raises(Truncated, match="reasoning never ended"):
        read_response(response("<think>and on and on"))
