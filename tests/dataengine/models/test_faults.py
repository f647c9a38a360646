"""Every class of fault, against a server that fails on purpose."""

import sqlite3

import httpx2
import pytest
from pydantic import BaseModel

from dataengine.models.failure import EndpointDown
from dataengine.models.http_client import retry_after
from dataengine.models.wire import Answer


class Fine(BaseModel):
    verdict: str
    score: int = 0


@pytest.mark.parametrize(
    "fault",
    ["rate_limited", "rate_limited_after", "server_error", "bad_gateway", "overloaded", "hang",
     "close", "close_mid_body", "malformed", "empty", "broken_off", "error_inside"],
)  # fmt: skip
def test_passing_faults_are_retried(run, ask, fault):
    ran = run([ask()], script=[fault], timeout=1.0 if fault == "hang" else 20.0)
    assert ran.texts == {0: "a fine answer"}
    assert ran.server.asked.total() == 2
    kinds = {"rate_limited_after": "rate_limited", "bad_gateway": "server_error",
             "broken_off": "provider_error", "error_inside": "server_error",
             "hang": "timeout", "close": "disconnected", "close_mid_body": "disconnected"}  # fmt: skip
    assert dict(ran.tally.retries) == {kinds.get(fault, fault): 1}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("truncated", "truncated"),
        ("cut_by_another_name", "truncated"),
        ("filtered", "filtered"),
        ("refusal", "refused"),
        ((400, {"message": "too long"}, {}), "bad_request"),
        ((422, {"message": "no"}, {}), "bad_request"),
    ],
)
def test_lasting_faults_are_not_retried(run, ask, fault, kind):
    ran = run([ask()], script=[fault])
    assert ran.texts == {0: kind}
    assert ran.server.asked.total() == 1


def test_what_was_billed_but_useless_is_not_asked_again(run, ask):
    """A truncated completion was paid for: the next run finds it in the ledger."""
    assert run([ask()], script=["truncated"]).texts == {0: "truncated"}
    again = run([ask()])
    assert again.texts == {0: "truncated"}
    assert again.server.asked.total() == 0


def test_a_fault_that_stays_fails_its_row_after_its_tries(run, ask):
    ran = run([ask("well"), ask("ill")], script=["ok", *["malformed"] * 9],
              config={"max_concurrency": 1})  # fmt: skip
    assert ran.texts == {0: "a fine answer", 1: "malformed"}
    assert ran.replies[1].tries == 4
    assert ran.server.asked.total() == 1 + 4


def test_structured_output_gets_one_repair_turn(run, ask):
    def answer(body):
        return '{"verdict": "yes", "score": 3}' if len(body["messages"]) == 3 else '{"score": "x"}'

    ran = run([ask(schema=Fine)], answer=answer)
    outcome = ran.replies[0]
    assert isinstance(outcome, Answer)
    assert outcome.parsed == Fine(verdict="yes", score=3)
    assert outcome.repaired
    assert ran.server.asked.total() == 2
    replayed = run([ask(schema=Fine)])
    assert replayed.replies[0] == outcome
    assert replayed.replies[0].replayed
    assert replayed.server.asked.total() == 0


def test_a_failed_repair_fails_the_row(run, ask):
    ran = run([ask(schema=Fine)], answer=lambda body: "not JSON at all")
    assert ran.texts == {0: "wrong_schema"}
    assert ran.server.asked.total() == 2


def test_an_error_inside_a_200_is_an_error(run, ask):
    ran = run([ask()], script=[(200, {"message": "upstream died"}, {})])
    assert ran.texts == {0: "a fine answer"}
    assert dict(ran.tally.retries) == {"server_error": 1}


def test_nothing_listens(run, ask):
    ran = run([ask(str(i)) for i in range(5)], config={"base_url": "http://127.0.0.1:9/v1"})
    assert isinstance(ran.error, EndpointDown)
    assert "unreachable" not in ran.texts.values()
    assert "no connection" in str(ran.error)


@pytest.mark.parametrize("status", [401, 404])
def test_a_wrong_key_or_model_stops_at_once(run, ask, status):
    script = [(status, {"message": "no such thing"}, {})] * 9
    ran = run([ask(str(i)) for i in range(9)], script=script, config={"max_concurrency": 1})
    assert isinstance(ran.error, EndpointDown)
    assert ran.server.asked.total() == 1


def test_no_quota_left_is_not_a_rate_limit(run, ask):
    error = {"message": "You exceeded your quota", "code": "insufficient_quota"}
    ran = run([ask()], script=[(429, error, {})])
    assert isinstance(ran.error, EndpointDown)
    assert "quota" in str(ran.error)


def test_an_endpoint_that_goes_down_stops_the_run_and_keeps_what_came(run, ask):
    asks = [ask(str(i)) for i in range(200)]
    script = ["ok"] * 20 + ["server_error"] * 9_999
    ran = run(asks, script=script, config={"max_concurrency": 8})
    assert isinstance(ran.error, EndpointDown)
    assert sum(text == "a fine answer" for text in ran.texts.values()) == 20
    again = run(asks)
    assert set(again.texts.values()) == {"a fine answer"}
    assert again.server.asked.total() == 180


def test_at_a_fifth_of_faults_no_row_is_lost_and_none_asked_after_success(run, ask, fault_server):
    asks = [ask(f"question {i}") for i in range(1_000)]
    kinds = tuple(kind for kind in fault_server.FAULTS if kind != "hang")
    ran = run(asks, faults=0.2, kinds=kinds, config={"max_concurrency": 64})
    assert ran.error is None
    assert set(ran.replies) == set(range(1_000))
    assert set(ran.texts.values()) <= {
        "a fine answer", '{"unasked": true}', "truncated", "malformed", "empty",
        "server_error", "disconnected", "overloaded", "rate_limited", "provider_error",
    }  # fmt: skip
    assert max(ran.server.answered.values()) == 1
    assert ran.tally.answered == ran.server.answered.total()
    again = run(asks, config={"max_concurrency": 64})
    for tag, outcome in ran.replies.items():
        if isinstance(outcome, Answer):
            assert again.replies[tag] == outcome
    assert not set(again.server.asked) & set(ran.server.answered)


def test_secrets_reach_neither_ledger_nor_errors(run, ask, tmp_path):
    error = {"message": "Incorrect API key provided: sk-test-123456"}
    ran = run([ask(), ask("b")], script=["ok", (403, error, {})], config={"max_concurrency": 1},
              answer=lambda body: "your key is sk-test-123456")  # fmt: skip
    assert ran.server.headers[0]["authorization"].endswith("sk-test-123456")
    assert ran.texts == {0: "your key is [secret]", 1: "forbidden"}
    assert "sk-test" not in ran.replies[1].message
    files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert files
    assert all(b"sk-test" not in content for content in files)
    down = run([ask("c")], script=[(401, error, {})])
    assert "sk-test" not in str(down.error)


def test_unknown_usage_stays_unknown(run, ask, tmp_path, fault_server):
    run([ask()], config={"price": {"input": 1, "output": 1}}, answer=lambda body: "x",
        script=[(200, b'{"choices": [{"message": {"content": "no usage"}}]}', {})])  # fmt: skip
    row = sqlite3.connect(tmp_path / "ledger.sqlite").execute(
        "SELECT input_tokens, output_tokens, usd, usd_at_most > 0 FROM calls"
    )
    assert row.fetchall() == [(None, None, None, 1)]


def test_retry_after_in_every_form():
    def header(**values):
        return retry_after(httpx2.Headers({k.replace("_", "-"): v for k, v in values.items()}))

    assert header(retry_after="2") == 2
    assert header(retry_after_ms="250") == 0.25
    assert header(retry_after="Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert header(retry_after="Tue, 19 Jan 2100 03:14:07 GMT") > 3000
    assert header(retry_after="soon") is None
    assert header() is None
