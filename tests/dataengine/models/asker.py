"""A process that asks a server N questions through a ledger, for tests that kill it."""

import sys
from pathlib import Path

import anyio

from dataengine.budget import Budget
from dataengine.ledger import Ledger
from dataengine.models.model_config import OpenAIModel
from dataengine.models.models import Models, Query
from dataengine.models.wire import Answer
from personas.ask import Ask, Sampling


async def main(url, ledger, questions, concurrency, timeout):
    config = OpenAIModel(
        model="tiny", base_url=url, max_concurrency=int(concurrency), timeout=float(timeout)
    )
    queries = (
        Query(
            Ask(({"role": "user", "content": f"question {i}"},), Sampling(seed=i, temperature=0.7)),
            0,
            i,
        )
        for i in range(int(questions))
    )
    ended = {}
    with Ledger(Path(ledger)) as book:
        async with (
            Models({"m": config}, book, Budget(None), backoff=0.01) as models,
            models.stream("m", queries, "killed") as replies,
        ):
            async for reply in replies:
                assert reply.query.tag not in ended
                outcome = reply.outcome
                ended[reply.query.tag] = "accepted" if isinstance(outcome, Answer) else outcome.kind
    kinds = {kind: list(ended.values()).count(kind) for kind in sorted(set(ended.values()))}
    print(len(ended), kinds)


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
