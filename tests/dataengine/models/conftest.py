"""A fault server in this process, and a short way to ask it."""

import asyncio
import importlib.util
from pathlib import Path

import pytest

from dataengine.budget import Budget
from dataengine.ledger import Ledger
from dataengine.models.model_config import OpenAIModel
from dataengine.models.models import Models, Query
from dataengine.models.wire import Answer
from personas.ask import Ask, Sampling


def _load(name: str):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fault_server():
    """The module: `fault_server.FaultServer`."""
    return _load("fault_server")


@pytest.fixture
def ask():
    def make(text="Say it.", seed=1, max_tokens=64, **more) -> Ask:
        sampling = Sampling(temperature=0.7, seed=seed, max_tokens=max_tokens)
        return Ask(({"role": "user", "content": text},), sampling, **more)

    return make


@pytest.fixture
def run(tmp_path, fault_server, monkeypatch):
    """Ask a server of this process; gives (replies by tag, the server, the models' tally)."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-123456")

    def go(
        asks, *, usd=None, timeout=20.0, ledger=tmp_path / "ledger.sqlite", config=None, **server
    ):
        async def main():
            mind = await fault_server.FaultServer(**server).start()
            config_ = {"model": "tiny", "base_url": mind.url, "timeout": timeout} | (config or {})
            queries = [q if isinstance(q, Query) else Query(q, 0, i) for i, q in enumerate(asks)]
            replies = {}
            error = None
            try:
                with Ledger(ledger) as book:
                    budget = Budget(usd, book.spent_usd())
                    async with Models(
                        {"teacher": OpenAIModel(**config_)}, book, budget, backoff=0.01
                    ) as models:
                        try:
                            async with models.stream("teacher", queries, "test") as stream:
                                async for reply in stream:
                                    assert reply.query.tag not in replies
                                    replies[reply.query.tag] = reply.outcome
                        except Exception as stopped:
                            error = stopped
                        return Ran(replies, mind, models.tally, budget, error)
            finally:
                await mind.stop()

        return asyncio.run(main())

    return go


class Ran:
    def __init__(self, replies, server, tally, budget, error):
        self.replies, self.server, self.tally = replies, server, tally
        self.budget, self.error = budget, error

    @property
    def texts(self):
        return {tag: o.text if isinstance(o, Answer) else o.kind for tag, o in self.replies.items()}
