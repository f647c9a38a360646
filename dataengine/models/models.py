"""Model pool of a build: streams of questions in, answers as they come."""

from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import anyio
import numpy as np
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from numpy.typing import NDArray

from dataengine.budget import Budget
from dataengine.errors import UserError
from dataengine.ledger import Ledger
from dataengine.models.embeddings import EmbeddingClient
from dataengine.models.failure import NotInLedger
from dataengine.models.http_client import HttpClient
from dataengine.models.model_client import ModelClient, Prepared, Tally
from dataengine.models.model_config import ModelConfig, OpenAIModel, ReplayModel, VllmModel
from dataengine.models.rate_limiter import RateLimiter
from dataengine.models.vllm import VllmServer
from dataengine.models.wire import Answer, Failure
from personas.ask import Ask

BATCH = 256
BUFFER = 16
"""Lists of replies that wait for a slow reader before asking stops."""


@dataclass(frozen=True, slots=True)
class Query:
    """One sample of an ask. `tag` is the caller's own, and comes back with the reply."""

    ask: Ask
    sample: int = 0
    tag: Any = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Reply to a query: its outcome, and what it was asked."""

    query: Query
    outcome: Answer | Failure


class Models:
    """Model pool of one build. Use as an async context manager, once per run.

        async with Models(configs, ledger, Budget(25.0, ledger.spent_usd()), logs) as models:
            async with models.stream("teacher", queries, stage="persona-math") as replies:
                async for reply in replies: ...

    Servers of our own start at the first question that the ledger cannot answer, and end here.
    """

    def __init__(
        self,
        configs: Mapping[str, ModelConfig],
        ledger: Ledger,
        budget: Budget | None = None,
        logs: Path | None = None,
        backoff: float = 0.5,
    ):
        self.configs, self.ledger = configs, ledger
        self.budget = budget or Budget(None, ledger.spent_usd())
        self.tally = Tally()
        self.servers: dict[str, VllmServer] = {}
        self._logs, self._backoff = logs or ledger.path.parent, backoff
        self._clients: dict[tuple[str, type[ModelClient]], ModelClient] = {}
        self._limiters: dict[tuple[str, str], RateLimiter] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Models":
        self.ledger.close_open_calls()
        await self._stack.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        with anyio.CancelScope(shield=True):
            await self._stack.aclose()

    @asynccontextmanager
    async def stream(
        self, name: str, queries: Iterable[Query], stage: str
    ) -> AsyncIterator[AsyncIterator[Reply]]:
        """Ask the model called `name` everything; replies come in no particular order.

        `queries` is consumed as fast as replies are: memory stays bounded by the model's
        concurrency. Every query gets exactly one reply, unless nothing more can be asked.

        Raises:
            BudgetReached, EndpointDown: after every reply that was in flight has been given out.
        """
        client, config = self.client(name), self.configs[name]
        width = 0 if isinstance(config, ReplayModel) else config.max_concurrency
        send, receive = anyio.create_memory_object_stream[list[Reply]](BUFFER)
        flow = _Flow(client, stage, width, send)
        with _one_error():
            async with anyio.create_task_group() as group:
                group.start_soon(flow.feed, queries)
                yield flow.replies(receive)
                group.cancel_scope.cancel()

    async def embed(self, name: str, texts: Sequence[str], stage: str) -> NDArray[np.float32]:
        """The vectors of `texts` by the model called `name`, of length 1.

        Raises:
            UserError: some could not be had.
        """
        client, config = self.client(name, EmbeddingClient), self.configs[name]
        width = 1 if isinstance(config, ReplayModel) else config.max_concurrency
        assert isinstance(client, EmbeddingClient)
        with _one_error():
            return await client.embed(texts, stage, width)

    def client(self, name: str, kind: type[ModelClient] = ModelClient) -> ModelClient:
        """The client of a model of the mixture.

        Raises:
            UserError: there is no such model.
        """
        if name not in self.configs:
            known = ", ".join(sorted(self.configs)) or "none"
            raise UserError(f"models: there is no model called {name!r}; known: {known}")
        if (name, kind) not in self._clients:
            self._clients[name, kind] = self._open(name, self.configs[name], kind)
        return self._clients[name, kind]

    def _open(self, name: str, config: ModelConfig, kind: type[ModelClient]) -> ModelClient:
        shared = partial(
            kind,
            ledger=self.ledger,
            budget=self.budget,
            tally=self.tally,
            extra_body=config.extra_body,
            backoff=self._backoff,
        )
        if isinstance(config, ReplayModel):
            self.ledger.import_file(config.file)
            return shared(config.model, limiter=RateLimiter(1), connect=_nobody)
        if isinstance(config, VllmModel):
            server = self._server(name, config)
            where, model = server.url, config.served_name
            connect = self._served(server, config)
        else:
            where, model = config.url, config.model
            connect = self._dialled(config)
        if (where, model) not in self._limiters:
            self._limiters[where, model] = RateLimiter(
                config.max_concurrency, config.rpm, config.tpm
            )
        return shared(
            model, limiter=self._limiters[where, model], connect=connect, price=config.price
        )

    def _server(self, name: str, config: VllmModel) -> VllmServer:
        """The server of a model; two names for one model with the same options share it."""
        key = repr((config.where, sorted(config.args.items()), sorted(config.env.items())))
        if key not in self.servers:
            self.servers[key] = VllmServer(config, self._logs / f"vllm-{name}.log")
            self._stack.push_async_callback(self.servers[key].close)
        return self.servers[key]

    def _http_client(self, url: str, key: str, config: OpenAIModel | VllmModel) -> HttpClient:
        client = HttpClient(url, key, config.timeout, config.max_concurrency)
        self._stack.push_async_callback(client.close)
        return client

    def _dialled(self, config: OpenAIModel) -> Callable[[], Awaitable[HttpClient]]:
        """A connection that is made at the first request: a replay needs no key."""
        clients: list[HttpClient] = []

        async def connect() -> HttpClient:
            if not clients:
                clients.append(self._http_client(config.url, config.api_key(), config))
            return clients[0]

        return connect

    def _served(self, server: VllmServer, config: VllmModel) -> Callable[[], Awaitable[HttpClient]]:
        """A connection to our own server, which is up whenever this returns."""
        clients: list[HttpClient] = []

        async def connect() -> HttpClient:
            url = await server.ready()
            if not clients:
                clients.append(self._http_client(url, "none", config))
            return clients[0]

        return connect


async def _nobody() -> HttpClient:
    raise NotInLedger("the file of responses does not hold this request, and nobody may be asked")


Open = tuple[Query, Prepared, bool]
"""What is to be asked, and whether the ledger had nothing under its key."""
Out = MemoryObjectSendStream[list[Reply]]
In = MemoryObjectReceiveStream[list[Reply]]


class _Flow:
    """One stream under way: a feeder that looks queries up, and workers that ask the rest."""

    def __init__(
        self, client: ModelClient, stage: str, width: int, out: MemoryObjectSendStream[list[Reply]]
    ):
        self.client, self.stage, self.width, self.out = client, stage, max(1, width), out
        self.stop: UserError | None = None
        self._feeding = anyio.CancelScope()

    async def feed(self, queries: Iterable[Query]) -> None:
        """Look up in batches; hand hits out at once and the rest to the workers."""
        work, tasks = anyio.create_memory_object_stream[Open](BATCH)
        async with self.out, anyio.create_task_group() as group:
            with work, tasks, self._feeding:
                started = 0
                for found, open_ in self._looked_up(queries):
                    if found:
                        await self.out.send(found)
                    for item in open_:
                        if started < self.width:
                            group.start_soon(self._work, tasks.clone())
                            started += 1
                        await work.send(item)

    async def replies(
        self, receive: MemoryObjectReceiveStream[list[Reply]]
    ) -> AsyncIterator[Reply]:
        """The replies as they come; at their end, the reason why there are no more, if any."""
        async with receive:
            async for several in receive:
                for reply in several:
                    yield reply
        if self.stop:
            raise self.stop

    def _looked_up(self, queries: Iterable[Query]) -> Iterator[tuple[list[Reply], list[Open]]]:
        """The queries in batches: those that need no asking with their outcomes, and the rest."""
        waiting = iter(queries)
        while batch := list(islice(waiting, BATCH)):
            prepared = [self.client.prepare(query.ask, query.sample) for query in batch]
            keys = [one.key for one in prepared if isinstance(one, Prepared)]
            stored = self.client.ledger.look_up(keys)
            found: list[Reply] = []
            open_: list[Open] = []
            for query, one in zip(batch, prepared, strict=True):
                if not isinstance(one, Prepared):
                    found.append(Reply(query, one))
                    continue
                hit = one.key in stored and self.client.replay(query.ask, one, stored[one.key])
                if hit:
                    found.append(Reply(query, hit))
                else:
                    open_.append((query, one, one.key not in stored))
            yield found, open_

    async def _work(self, tasks: MemoryObjectReceiveStream[Open]) -> None:
        """Ask, until there is nothing left or nothing more may be asked."""
        async with tasks:
            async for query, prepared, looked_up in tasks:
                try:
                    outcome = await self.client.answer(query.ask, prepared, self.stage, looked_up)
                except UserError as error:
                    self.stop = self.stop or error
                    self._feeding.cancel()
                    return
                await self.out.send([Reply(query, outcome)])


@contextmanager
def _one_error() -> Iterator[None]:
    """What a task group raises for one error is that error."""
    try:
        yield
    except BaseExceptionGroup as group:
        errors: BaseException = group
        while isinstance(errors, BaseExceptionGroup) and len(errors.exceptions) == 1:
            errors = errors.exceptions[0]
        raise errors from None
