"""Requests that are made to fit a server, learned from its first refusal."""

import json
import sqlite3

import pytest

from dataengine.models.failure import BadRequest, EndpointDown, TooLong
from dataengine.models.fit import Fit, difference
from dataengine.models.wire import Answer
from personas.ask import Ask, Sampling


def question(text="what is it?", **sampling):
    return Ask(({"role": "user", "content": text},), Sampling(max_tokens=4096, **sampling))


@pytest.mark.parametrize(
    ("said", "window", "prompt", "most"),
    [
        (
            "max_tokens=4096 cannot be greater than max_model_len=max_total_tokens=2048.",
            2048, None, None,
        ),
        ("max_tokens=4096 cannot be greater than max_model_len=2048", 2048, None, None),
        (
            "This model's maximum context length is 2048 tokens. However, you requested 4127 tokens "
            "(31 in the messages, 4096 in the completion).",
            2048, 31, None,
        ),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context "
            "length is 2,048 tokens and your request has 31 input tokens (4096 > 2048 - 31).",
            2048, 31, None,
        ),
        (
            "max_tokens is too large: 9000. This model supports at most 8192 completion tokens, "
            "whereas you provided 9000.",
            None, None, 8192,
        ),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", None, None, 8192),
        ("the prompt is too rude", None, None, None),
    ],
)  # fmt: skip
def test_what_a_refusal_says(said, window, prompt, most):
    fit = Fit()
    assert fit.learn(BadRequest("400", said), {"max_tokens": 4096}) == prompt
    assert (fit.window, fit.most_output) == (window, most)


@pytest.mark.parametrize(
    ("said", "param", "changed"),
    [
        ("Unsupported parameter: 'max_tokens' is not supported with this model.", "max_tokens",
         {"max_tokens": "max_completion_tokens"}),
        ("Unsupported value: 'temperature' does not support 0.7 with this model.", None,
         {"temperature": None}),
        ("Unrecognized request argument supplied: seed", None, {"seed": None}),
        ("top_p must be larger", None, {}),
        ("Unsupported parameter: 'messages'", None, {}),
    ],
)  # fmt: skip
def test_fields_that_are_refused(said, param, changed):
    fit, body = (
        Fit(),
        {"max_tokens": 4096, "temperature": 0.7, "seed": 1, "top_p": 1, "messages": []},
    )
    fit.learn(BadRequest("400", said, param), body)
    assert fit.changed == changed


def test_a_name_that_is_refused_under_both_is_left_out():
    fit, body = Fit(), {"max_tokens": 9}
    fit.learn(BadRequest("", "unsupported: max_tokens"), body)
    assert fit.sent(body, 0) == {"max_completion_tokens": 9}
    fit.learn(BadRequest("", "unsupported: max_completion_tokens"), fit.sent(body, 0))
    assert fit.sent(body, 0) == {}
    assert difference(body, {}) == {"max_tokens": None}


def test_the_window_leaves_room_for_the_prompt():
    fit = Fit(window=2048)
    assert fit.sent({"max_tokens": 4096}, 300)["max_tokens"] == 2048 - 100 - 64
    assert fit.sent({"max_tokens": 100}, 300)["max_tokens"] == 100
    assert fit.sent({"max_tokens": 4096}, 9_000_000)["max_tokens"] == 16  # the server will count
    assert fit.sent({"max_tokens": 4096}, 300, prompt=2000)["max_tokens"] == 48
    with pytest.raises(TooLong, match="2040 tokens of prompt"):
        fit.sent({"max_tokens": 4096}, 300, prompt=2040)


def refuses(body):
    """A model of OpenAI's with a window of 2,048 tokens."""
    for name in ("max_tokens", "temperature"):
        if name in body:
            return 400, {"message": f"Unsupported parameter: '{name}'", "param": name}, {}
    words = len(body["messages"][0]["content"].split())
    if body["max_completion_tokens"] + words > 2048:
        message = (
            f"This model's maximum context length is 2048 tokens and your request has {words} "
            "input tokens"
        )
        return 400, {"message": message}, {}
    return "ok"


def test_a_server_is_learned_once_and_its_answers_are_found_again(run, tmp_path):
    asks = [question(f"what is {number}?", temperature=0.7) for number in range(5)]
    ran = run(asks, decide=refuses, config={"max_concurrency": 1})
    assert set(ran.texts.values()) == {"a fine answer"}
    assert ran.server.asked.total() == 3 + 5  # three lessons
    sent = json.loads(max(ran.server.answered))
    assert "max_tokens" not in sent and "temperature" not in sent
    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        request, adapted = db.execute("SELECT request, adapted FROM calls LIMIT 1").fetchone()
    assert json.loads(request)["max_tokens"] == 4096  # the ledger's key is what was asked for
    assert json.loads(adapted) == {
        "max_tokens": None,
        "temperature": None,
        "max_completion_tokens": sent["max_completion_tokens"],
    }
    again = run(asks, decide=refuses)
    assert again.server.asked.total() == 0
    assert all(outcome.replayed for outcome in again.replies.values())
    more = run([question("and this?", temperature=0.7)], decide=refuses)
    assert more.texts == {0: "a fine answer"}
    assert more.server.asked.total() == 2  # the names are remembered, the window is asked anew


def test_a_window_that_the_server_tells_is_not_run_into(run):
    extra = {"max_tokens": None, "max_completion_tokens": 4096}  # the documented way to say it
    ran = run([question()], decide=refuses, models=[{"id": "tiny", "max_model_len": 2048}],
              config={"extra_body": extra})  # fmt: skip
    assert ran.texts == {0: "a fine answer"}
    assert ran.server.asked.total() == 1


def test_a_prompt_longer_than_the_window_costs_nothing_and_can_be_mended(run):
    ran = run([question("word " * 3000), question()], decide=refuses, config={"max_concurrency": 1})
    assert ran.texts == {0: "too_long", 1: "a fine answer"}
    assert ran.replies[0].mendable


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (402, "Insufficient Balance"),
        (400, "The moon is in the wrong phase"),
        (404, "no such model"),
    ],
)
def test_an_error_that_hits_every_request_is_told_in_the_providers_words(run, status, message):
    asks = [question(f"{number}?") for number in range(40)]
    ran = run(asks, decide=lambda body: (status, {"message": message}, {}))
    assert isinstance(ran.error, EndpointDown)
    assert message in str(ran.error)
    assert ran.server.asked.total() <= 40


def test_an_account_that_runs_empty_keeps_what_was_paid_for(run):
    asks = [question(f"{number}?") for number in range(10)]
    empty = (402, {"message": "Insufficient Balance"}, {})
    ran = run(asks, script=["ok"] * 4 + [empty] * 99, config={"max_concurrency": 1})
    assert isinstance(ran.error, EndpointDown) and "Insufficient Balance" in str(ran.error)
    assert [isinstance(outcome, Answer) for outcome in ran.replies.values()] == [True] * 4
    again = run(asks)
    assert set(again.texts.values()) == {"a fine answer"}
    assert again.server.asked.total() == 6
