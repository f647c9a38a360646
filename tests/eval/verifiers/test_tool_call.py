"""Tool calls: every form that models write them in, and what BFCL accepts of their arguments."""

import json

import pytest

from eval.verifiers import verifier, verify
from eval.verifiers.tool_call_parser import Call, Written, calls

OSLO = Call("weather", {"city": "Oslo", "days": 2})


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo", "days": 2}}\n</tool_call>',
        'I look.\n<tool_call>{"name": "weather", "arguments": "{\\"city\\": \\"Oslo\\", \\"days\\": 2}"}',
        "<tool_call>\n<function=weather>\n<parameter=city>\nOslo\n</parameter>\n<parameter=days>\n2\n"
        "</parameter>\n</function>\n</tool_call>",
        "<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>Oslo</arg_value>\n"
        "<arg_key>days</arg_key>\n<arg_value>2</arg_value>\n</tool_call>",
        '{"name": "weather", "parameters": {"city": "Oslo", "days": 2}}',
        '<|python_tag|>{"name": "weather", "parameters": {"city": "Oslo", "days": 2}}',
        '[TOOL_CALLS] [{"name": "weather", "arguments": {"city": "Oslo", "days": 2}}]',
        '[TOOL_CALLS]weather[ARGS]{"city": "Oslo", "days": 2}',
        'weather{"city": "Oslo", "days": 2}',
        '[weather(city="Oslo", days=2)]',
        '```json\n[{"function": {"name": "weather", "arguments": {"city": "Oslo", "days": 2}}}]\n```',
        '```python\n[weather(city="Oslo", days=2)]\n```',
    ],
    ids=[
        "hermes",
        "cut",
        "qwen 3.5",
        "glm",
        "llama 3.1",
        "python tag",
        "mistral",
        "mistral args",
        "hidden marks",
        "python",
        "openai",
        "fence",
    ],
)
def test_every_form_is_the_same_call(text: str) -> None:
    (call,) = calls(text)
    readings = {
        k: v.readings[-1] if isinstance(v, Written) else v for k, v in call.arguments.items()
    }
    assert (call.name, readings) == OSLO


@pytest.mark.parametrize(
    "text",
    [
        "It will rain in Oslo.",
        "[1] says that it will rain.",
        "{it} will rain",
        "",
        "weather is fine",
        "(see above)",
    ],
)
def test_text_is_no_call(text: str) -> None:
    assert calls(text) == []


def test_several_calls_in_several_ways() -> None:
    oslo, rome = (said("w", c=city) for city in ("Oslo", "Rome"))
    two = [Call("w", {"c": "Oslo"}), Call("w", {"c": "Rome"})]
    assert calls(f"<tool_call>{oslo}</tool_call>\n<tool_call>{rome}</tool_call>") == two
    assert calls(f"{oslo}; {rome}") == calls(f"[{oslo}, {rome}]") == two
    assert calls('[w(c="Oslo"), w(c="Rome")]') == two


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>{broken</tool_call>",
        '<tool_call>{"arguments": {}}</tool_call>',
        "[TOOL_CALLS] [",
    ],
)
def test_a_call_that_cannot_be_read_fails(text: str) -> None:
    verdict = verify("tool_call", text, "[]")
    assert verdict.passed is False and "cannot be read" in verdict.reason


def said(name: str, **arguments: object) -> str:
    return json.dumps({"name": name, "arguments": arguments})


TRUTH = json.dumps(
    [
        {
            "geo.weather": {
                "city": ["Oslo", "Oslo, Norway"],
                "days": [2],
                "unit": ["C", ""],
                "parts": [["wind", "rain"], ["rain", "wind"], ""],
                "where": [{"lat": [59.9], "near": ["sea", ""]}, ""],
                "long": [True, ""],
            }
        }
    ]
)


@pytest.mark.parametrize(
    ("arguments", "passed", "reason"),
    [
        ({"city": "oslo", "days": 2}, True, "as expected"),
        ({"city": "Oslo Norway", "days": 2.0, "unit": "c"}, True, "as expected"),
        ({"city": "Bergen", "days": 2}, False, "city is 'Bergen'"),
        ({"city": "Oslo", "days": "2"}, False, "days is '2'"),
        ({"city": "Oslo", "days": True}, False, "days is 'True'"),
        ({"city": "Oslo"}, False, "days is missing"),
        ({"city": "Oslo", "days": 2, "hour": 3}, False, "hour is no argument"),
        ({"city": "Oslo", "days": 2, "parts": ["rain", "wind"]}, True, "as expected"),
        ({"city": "Oslo", "days": 2, "parts": ["rain"]}, False, "parts is"),
        ({"city": "Oslo", "days": 2, "where": {"lat": 59.9}}, True, "as expected"),
        ({"city": "Oslo", "days": 2, "where": {"near": "sea"}}, False, "where is"),
        ({"city": "Oslo", "days": 2, "long": 1}, False, "long is '1'"),
    ],
)
def test_arguments_are_compared_as_bfcl_does(
    arguments: dict[str, object], passed: bool, reason: str
) -> None:
    verdict = verify("tool_call", said("geo_weather", **arguments), TRUTH)
    assert (verdict.passed, verdict.error) == (passed, None) and reason in verdict.reason


def test_calls_come_in_any_order_and_each_counts_once() -> None:
    truth = json.dumps([{"w": {"c": ["Oslo"]}}, {"w": {"c": ["Rome"]}}])
    oslo, rome = said("w", c="Oslo"), said("w", c="Rome")
    assert verify("tool_call", f"[{rome}, {oslo}]", truth).passed
    assert not verify("tool_call", f"[{oslo}, {oslo}]", truth).passed
    assert "1 calls, 2 expected" in verify("tool_call", oslo, truth).reason


def test_calls_are_matched_as_well_as_they_can_be() -> None:
    truth = json.dumps([{"w": {"c": ["Oslo", "Rome"]}}, {"w": {"c": ["Oslo"]}}])
    assert verify("tool_call", f"[{said('w', c='Oslo')}, {said('w', c='Rome')}]", truth).passed
    twice = verify("tool_call", f"[{said('w', c='Rome')}, {said('w', c='Rome')}]", truth)
    assert not twice.passed and "c is 'Rome'" in twice.reason


def test_a_value_written_without_its_type_is_text_or_number() -> None:
    call = "<tool_call><function=w><parameter=c>8</parameter></function></tool_call>"
    for accepted in ("8", 8):
        assert verify("tool_call", call, json.dumps([{"w": {"c": [accepted]}}])).passed
    assert not verify("tool_call", call, json.dumps([{"w": {"c": ["9"]}}])).passed
    assert not verify("tool_call", said("w", c="8"), json.dumps([{"w": {"c": [8]}}])).passed


def test_where_nothing_fits_nothing_is_called() -> None:
    assert verify("tool_call", "None of these can do that.", "[]").passed
    assert not verify("tool_call", said("w", c="Oslo"), "[]").passed


def test_a_guess_in_the_reasoning_is_no_call() -> None:
    truth = json.dumps([{"w": {"c": ["Oslo"]}}])
    call = f"<tool_call>{said('w', c='Oslo')}</tool_call>"
    assert not verify("tool_call", f"<think>{call}</think>I cannot.", truth).passed
    assert verify("tool_call", f"<think>hm</think>{call}", truth).passed


@pytest.mark.parametrize("truth", ["", "{}", "[1]", '[{"w": 1}]', '[{"w": {"c": "Oslo"}}]'])
def test_a_malformed_truth_is_an_error(truth: str) -> None:
    assert str(verify("tool_call", "x", truth).error).startswith("MalformedGroundTruth")


def test_gold_passes_and_planted_wrong_ones_fail() -> None:
    module = verifier("tool_call").module
    for told in (json.loads(TRUTH), [], [{"w": {"c": ["Oslo"]}}, {"v": {"d": [1]}}]):
        item = {"meta": {"calls": told}}
        truth = module.ground_truth(item)
        assert verify("tool_call", module.gold(item), truth).passed
        wrong = module.wrong(item, None)
        assert wrong and not any(verify("tool_call", answer, truth).passed for answer in wrong)


def test_replies_agree_by_their_calls() -> None:
    oslo = said("w", c="Oslo")
    assert verifier("tool_call").agree(f"<tool_call>{oslo}</tool_call>", oslo)
    assert not verifier("tool_call").agree(oslo, said("w", c="Rome"))
