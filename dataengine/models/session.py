"""Blocking session: the models of a build, open for one stage, for synchronous code."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from anyio.from_thread import BlockingPortal, start_blocking_portal
from numpy.typing import NDArray

from dataengine.budget import Budget
from dataengine.ledger import Ledger
from dataengine.models.model_config import ModelConfig
from dataengine.models.models import Models, Query, Reply

T = TypeVar("T")
POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Session:
    """Open models, and the ledger that stores their answers."""

    models: Models
    ledger: Ledger
    portal: BlockingPortal

    def ask(self, name: str, queries: Iterable[Query], stage: str) -> list[Reply]:
        """Every reply to a bounded number of queries, in the order of the queries' tags.

        Raises:
            BudgetReached, EndpointDown: what was paid for until then is in the ledger.
        """
        return self.wait(self._gather, name, queries, stage)

    def embed(self, name: str, texts: Sequence[str], stage: str) -> NDArray[np.float32]:
        """The vectors of `texts` by the model called `name`, of length 1: (texts, its size).

        Raises:
            UserError: some could not be had; the others are in the ledger.
        """
        return self.wait(self.models.embed, name, texts, stage)

    def wait(self, function: Callable[..., Awaitable[T]], *arguments: object) -> T:
        """What an asynchronous function returns, in a wait that Ctrl-C can end.

        A wait without a timeout could not be ended: polars' signal handler restarts it.
        """
        future = self.portal.start_task_soon(function, *arguments)
        try:
            while True:
                try:
                    return future.result(POLL_SECONDS)
                except TimeoutError:
                    if future.done():
                        raise
        except BaseException:
            future.cancel()
            raise

    async def _gather(self, name: str, queries: Iterable[Query], stage: str) -> list[Reply]:
        async with self.models.stream(name, queries, stage) as replies:
            found = [reply async for reply in replies]
        return sorted(found, key=lambda reply: (reply.query.tag, reply.query.sample))


@contextmanager
def session(
    configs: Mapping[str, ModelConfig], ledger: Path, usd: float | None
) -> Iterator[Session]:
    """The models of a mixture, open; `usd` is the hard cap over every run of the build."""
    with Ledger(ledger) as book, start_blocking_portal() as portal:
        budget = Budget(usd, book.spent_usd())
        models = Models(configs, book, budget, ledger.parent / ".work" / "logs")
        with portal.wrap_async_context_manager(models):
            yield Session(models, book, portal)
