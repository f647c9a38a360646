"""Streams: bounded, each question once, and errors that stay themselves."""

import itertools

import anyio
import pytest

from dataengine.errors import UserError
from dataengine.ledger import Ledger
from dataengine.models.model_config import OpenAIModel
from dataengine.models.models import BATCH, BUFFER, Models, Query
from dataengine.models.wire import request_for
from personas.ask import Ask, Sampling


@pytest.fixture
def opened(tmp_path, fault_server, monkeypatch):
    """Run `main(models, server)` with a model called "m"."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-123456")

    def go(main, **config):
        async def whole():
            server = await fault_server.FaultServer().start()
            settings = {"model": "tiny", "base_url": server.url} | config
            try:
                with Ledger(tmp_path / "ledger.sqlite") as ledger:
                    async with Models({"m": OpenAIModel(**settings)}, ledger) as models:
                        return await main(models, server)
            finally:
                await server.stop()

        return anyio.run(whole)

    return go


def test_the_same_question_at_once_is_asked_once(opened, ask):
    async def main(models, server):
        queries = [Query(ask("same"), 0, i) for i in range(600)]
        async with models.stream("m", queries, "s") as replies:
            found = [reply async for reply in replies]
        assert sorted(reply.query.tag for reply in found) == list(range(600))
        assert {reply.outcome.text for reply in found} == {"a fine answer"}
        assert server.asked.total() == 1

    opened(main)


def test_samples_are_questions_of_their_own(opened, ask):
    async def main(models, server):
        unseeded = Ask(ask().messages, Sampling(temperature=1.0))
        queries = [Query(one, k) for one in (ask(seed=7), unseeded) for k in range(3)]
        async with models.stream("m", queries, "s") as replies:
            keys = {reply.outcome.request async for reply in replies}
        assert len(keys) == 6
        assert sorted(server.asked.values()) == [1, 1, 1, 3]

    opened(main)
    seeds = [request_for("m", ask(seed=2**63 - 1), k, {})["seed"] for k in range(2)]
    assert seeds == [2**63 - 1, 0]


def test_a_slow_reader_holds_up_the_asking(opened, ask):
    async def main(models, server):
        taken = 0

        def endless():
            nonlocal taken
            for number in itertools.count():
                taken += 1
                yield Query(ask(f"question {number}"), 0, number)

        async with models.stream("m", endless(), "s") as replies:
            async for _ in replies:
                await anyio.sleep(1.0)
                assert taken <= 2 * BATCH
                assert server.asked.total() <= 8 + BUFFER + 2
                break
        return server.asked.total()

    opened(main, max_concurrency=8)


def test_what_the_reader_or_the_questions_raise_stays_itself(opened, ask):
    async def reader(models, server):
        async with models.stream("m", [Query(ask())], "s") as replies:
            async for _ in replies:
                raise KeyError("reader")

    def broken():
        yield Query(ask())
        raise KeyError("questions")

    async def questions(models, server):
        async with models.stream("m", broken(), "s") as replies:
            async for _ in replies:
                pass

    for main in (reader, questions):
        with pytest.raises(KeyError):
            opened(main)


def test_what_json_cannot_hold_is_a_failed_row_and_is_not_sent(opened, ask):
    async def main(models, server):
        async with models.stream("m", [Query(ask("\ud800")), Query(ask("fine"))], "s") as replies:
            kinds = [getattr(reply.outcome, "kind", "answer") async for reply in replies]
        assert sorted(kinds) == ["answer", "bad_request"]
        assert server.asked.total() == 1

    opened(main)


def test_an_unknown_model_is_named(opened, ask):
    async def main(models, server):
        async with models.stream("n", [], "s"):
            pass

    with pytest.raises(UserError, match="there is no model called 'n'; known: m"):
        opened(main)


def test_the_request_is_sent_as_it_is_keyed(opened, ask):
    tools = ({"type": "function", "function": {"name": "f", "parameters": {}}},)
    called = {"role": "assistant", "content": None, "tool_calls": '[{"id": "c", "type": "x"}]'}
    told = Ask(({"role": "user", "content": "ü"}, called), Sampling(stop=("E",)), tools=tools)

    async def main(models, server):
        async with models.stream("m", [Query(told)], "s") as replies:
            async for _ in replies:
                pass
        (body,) = server.asked
        (call,) = models.ledger.calls()
        assert call["request"] == body
        assert body.decode() == (
            '{"messages":[{"content":"ü","role":"user"},{"role":"assistant","tool_calls":'
            '[{"id":"c","type":"x"}]}],"model":"tiny","stop":["E"],"tools":[{"function":'
            '{"name":"f","parameters":{}},"type":"function"}],"top_k":20}'
        )

    opened(main, extra_body={"top_k": 20})
