"""Model client: ledger, budget, rate limit and retries between a question and its answer."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import anyio
import orjson
import tenacity

from dataengine.budget import Budget, Price
from dataengine.ledger import ANSWERED, SENT, WITHDRAWN, Call, Ledger, Stored, canonical, key_of
from dataengine.models.failure import (
    BadRequest,
    CallFailed,
    EndpointDown,
    Forbidden,
    NotInLedger,
    RateLimited,
    Unreachable,
    WrongSchema,
)
from dataengine.models.fit import LIMITS, Fit, difference
from dataengine.models.http_client import COMPLETIONS, HttpClient
from dataengine.models.rate_limiter import RateLimiter
from dataengine.models.wire import (
    Answer,
    Completion,
    Failure,
    Outcome,
    outcome_of,
    parse,
    request_for,
    with_repair,
)
from personas.ask import Ask

LONGEST_WAIT = 30.0
DOWN_AFTER = 20
ALIKE_AT_FIRST = 5
"""So many requests that fail alike before one has worked are everybody's failure."""
RECENT = 16_384
"""Requests just answered that are remembered: more than are ever between a look-up and its send."""
REFITS = 6
"""Most times that one request is sent again in another form."""


@dataclass
class Tally:
    """Counters of this run, for progress and reports. USD of unknown cost is apart."""

    in_flight: int = 0
    answered: int = 0
    replayed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0
    retries: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready to go: its body, the canonical bytes of it, and the ledger's key."""

    body: dict[str, Any]
    request: bytes
    key: bytes
    sample: int


class ModelClient:
    """Client of one model: ledger, budget, rate limiter, HTTP; retries by class of failure.

    `connect` gives the client when the first request needs it (and, for a server of our own,
    once that server is up). `backoff` is the first wait in seconds; waits double, with jitter.
    """

    path: ClassVar[str] = COMPLETIONS
    outcome_of = staticmethod(outcome_of)
    """How a response is read: (what it says or how it failed, input tokens, output tokens)."""

    def __init__(
        self,
        model: str,
        ledger: Ledger,
        budget: Budget,
        tally: Tally,
        limiter: RateLimiter,
        connect: Callable[[], Awaitable[HttpClient]],
        price: Price | None = None,
        extra_body: dict[str, Any] | None = None,
        backoff: float = 0.5,
    ):
        self.model, self.price, self.limiter = model, price, limiter
        self.ledger, self.budget, self.tally = ledger, budget, tally
        self._connect, self.extra, self._backoff = connect, extra_body or {}, backoff
        self._asking: dict[bytes, anyio.Event] = {}
        self._recent: dict[bytes, None] = {}
        self.fit = Fit(changed=ledger.learned(model))
        self._window_asked = anyio.Lock()
        self._window_known = False
        self._counted: dict[bytes, int] = {}
        self._worked = False
        self._alike = ("", 0)

    def prepare(self, ask: Ask, sample: int) -> Prepared | Failure:
        """The request for a sample; a Failure for what JSON cannot hold."""
        try:
            return readied(request_for(self.model, ask, sample, self.extra), sample)
        except BadRequest as failure:
            self.tally.failures[failure.kind] += 1
            return Failure(failure.kind, str(failure), "", tries=0)

    def replay(self, ask: Ask, prepared: Prepared, stored: Stored) -> Answer | Failure | None:
        """The outcome that a stored response gives; None where it also takes a repair turn."""
        outcome: Answer | Failure
        try:
            outcome = self._read(ask, prepared, self.outcome_of(stored.response)[0], replayed=True)
        except WrongSchema:
            return None
        except CallFailed as failure:
            outcome = self._failed(prepared, failure)
        self.tally.replayed += 1
        return outcome

    async def answer(
        self, ask: Ask, prepared: Prepared, stage: str, looked_up: bool = False
    ) -> Answer | Failure:
        """Ask until there is an answer or the class of failure says that there will be none.
        `looked_up` says that the ledger had no answer a moment ago.

        Raises:
            BudgetReached, EndpointDown: nothing more can be asked.
        """
        tries: Counter[str] = Counter()
        try:
            said, replayed = await self._response(prepared, stage, tries, looked_up)
            try:
                return self._read(ask, prepared, said, replayed)
            except WrongSchema as problem:
                assert isinstance(said, Completion)
                prepared = readied(
                    with_repair(prepared.body, said.text, str(problem)), prepared.sample
                )
                said, again = await self._response(prepared, stage, tries, looked_up=False)
                return self._read(ask, prepared, said, replayed and again, repaired=True)
        except CallFailed as failure:
            return self._failed(prepared, failure, tries)

    def _read(
        self, ask: Ask, prepared: Prepared, whole: Outcome, replayed: bool, repaired: bool = False
    ) -> Answer:
        if isinstance(whole, CallFailed):
            raise whole
        assert isinstance(whole, Completion)
        parsed, text = parse(whole.text, ask.schema) if ask.schema else (None, whole.text)
        return Answer(
            text=text,
            tool_calls=whole.tool_calls,
            finish_reason=whole.finish_reason,
            model=self.model,
            request=prepared.key.hex(),
            input_tokens=whole.input_tokens,
            output_tokens=whole.output_tokens,
            reasoning=whole.reasoning,
            parsed=parsed,
            repaired=repaired,
            replayed=replayed,
        )

    def _failed(
        self, prepared: Prepared, failure: CallFailed, tries: Counter[str] | None = None
    ) -> Failure:
        self.tally.failures[failure.kind] += 1
        return Failure(
            failure.kind,
            str(failure),
            prepared.key.hex(),
            tries.total() if tries else 1,
            failure.mendable,
        )

    async def _response(
        self, prepared: Prepared, stage: str, tries: Counter[str], looked_up: bool
    ) -> tuple[Outcome, bool]:
        """What was said to a request, and whether it came from the ledger.

        The same request asked for twice at once is sent once. `looked_up` says that the ledger had
        no answer a moment ago: it is asked again only where one may have come since.
        """
        while prepared.key in self._asking:
            await self._asking[prepared.key].wait()
        known: dict[bytes, Stored] = {}
        if not looked_up or prepared.key in self._recent:
            known = self.ledger.look_up([prepared.key])
        if stored := known.get(prepared.key):
            self.tally.replayed += 1
            return self.outcome_of(stored.response)[0], True
        done = self._asking[prepared.key] = anyio.Event()
        try:
            return await self._retried(prepared, stage, tries), False
        finally:
            del self._asking[prepared.key]
            self._recent[prepared.key] = None
            if len(self._recent) > RECENT:
                del self._recent[next(iter(self._recent))]
            done.set()

    async def _retried(self, prepared: Prepared, stage: str, tries: Counter[str]) -> Outcome:
        """Send until it is answered, or until a class of failure has used up its tries."""
        try:
            try:
                said = await self._once(prepared, stage)
            except CallFailed as failure:
                said = await self._again(failure, prepared, stage, tries)
        except CallFailed as failure:
            self._watch(failure)
            raise
        tries["answered"] += 1
        return said

    async def _again(
        self, failure: CallFailed, prepared: Prepared, stage: str, tries: Counter[str]
    ) -> Outcome:
        """What tenacity makes of a first failure; requests that are well never pay for it."""
        waiting = [failure]

        async def attempt() -> Outcome:
            if waiting:
                raise waiting.pop()
            return await self._once(prepared, stage)

        def spent(state: tenacity.RetryCallState) -> bool:
            failure = _failure(state)
            tries[failure.kind] += 1
            if tries[failure.kind] >= failure.tries:
                return True
            self.tally.retries[failure.kind] += 1
            return False

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(CallFailed),
            stop=spent,
            wait=self._wait,
            reraise=True,
        )
        said: Outcome = await retrying(attempt)
        return said

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Full jitter, doubling; where the server named a pause the limiter already keeps it."""
        failure = _failure(state)
        first_wait = isinstance(failure, RateLimited) and failure.retry_after is not None
        doublings = 0 if first_wait else min(state.attempt_number, 10)
        wait = tenacity.wait_random(0, min(LONGEST_WAIT, self._backoff * 2**doublings))
        return wait(state)

    async def _once(self, prepared: Prepared, stage: str) -> Outcome:
        """Send once, in the form that the server takes: what its refusals teach is sent again.

        Raises CallFailed.
        """
        client = await self._connect()
        await self._ask_window(client)
        size = len(prepared.request)
        sent = self.fit.sent(prepared.body, size, self._counted.get(prepared.key))
        for _ in range(REFITS):
            try:
                return await self._send(client, prepared, sent, stage)
            except BadRequest as refused:
                tokens = self.fit.learn(refused, sent)
                if tokens is not None:
                    self._counted[prepared.key] = tokens
                again = self.fit.sent(prepared.body, size, self._counted.get(prepared.key))
                if again == sent:
                    raise
                self.ledger.remember(self.model, self.fit.changed)
                sent = again
        return await self._send(client, prepared, sent, stage)

    async def _ask_window(self, client: HttpClient) -> None:
        async with self._window_asked:
            if not self._window_known:
                self.fit.window = await client.window(self.model)
                self._window_known = True

    async def _send(
        self, client: HttpClient, prepared: Prepared, sent: dict[str, Any], stage: str
    ) -> Outcome:
        """Post `sent`. Whatever was or may have been paid for is in the ledger before we return."""
        changed = difference(prepared.body, sent)
        request = canonical(sent) if changed else prepared.request
        at_most = self.price.at_most(sent, len(request)) if self.price else 0.0
        limit = next((sent[name] for name in LIMITS if isinstance(sent.get(name), int)), 0)
        tokens = len(request) // 4 + limit
        call = Call(
            prepared.key, prepared.sample, self.model, stage, SENT, prepared.request,
            usd_at_most=at_most if self.price else None,
            adapted=orjson.dumps(changed).decode() if changed else None,
        )  # fmt: skip
        async with self.limiter.enter(tokens) as entry, self.budget.admit(at_most) as held:
            call.noted = noted = at_most > 0 and self.budget.cap is not None
            if noted:
                await self.ledger.record(replace(call))
            self.tally.in_flight += 1
            try:
                response = await client.send(request, self.path)
            except CallFailed as failure:
                if isinstance(failure, RateLimited):
                    self.limiter.refused(entry, failure.retry_after)
                call.outcome = failure.kind if failure.billed else WITHDRAWN
                held.cost = None if failure.billed else 0.0
                if noted or failure.billed:
                    await self.ledger.record(call)
                raise
            finally:
                self.tally.in_flight -= 1
            said = self._judge(call, response)
            entry.well, held.cost = True, call.usd
            if call.input_tokens is not None and call.output_tokens is not None:
                entry.count = call.input_tokens + call.output_tokens
            await self.ledger.record(call)
        if isinstance(said, CallFailed) and said.tries > 1:
            raise said
        self._worked, self._alike = True, ("", 0)
        self.tally.answered += 1
        return said

    def _judge(self, call: Call, response: bytes) -> Outcome:
        """Read a response, and fill in what it cost.

        A truncated, filtered or refused completion is an answer: asked again it would be paid
        for again. A failure where another try may do better is none.
        """
        said, call.input_tokens, call.output_tokens = self.outcome_of(response)
        again = isinstance(said, CallFailed) and said.tries > 1
        call.outcome = said.kind if isinstance(said, CallFailed) and again else ANSWERED
        call.response = response
        call.usd = self.price.cost(call.input_tokens, call.output_tokens) if self.price else None
        self.tally.input_tokens += call.input_tokens or 0
        self.tally.output_tokens += call.output_tokens or 0
        self.tally.usd += call.usd or 0.0
        self.tally.unpriced += call.usd is None
        return said

    def _watch(self, failure: CallFailed) -> None:
        """Tell an endpoint that is down, or an error that hits every request, from a request that
        failed.

        Raises:
            EndpointDown: asking on would only turn every row into a failed one.
        """
        if not failure.mendable or isinstance(failure, NotInLedger):
            return
        if not self._worked and isinstance(failure, Unreachable | Forbidden):
            raise EndpointDown(
                f"model {self.model}: the first request failed ({failure}): check that the "
                "endpoint runs, its base_url, the model's name and the key"
            )
        likeness = f"{failure.kind}: {_WITH_DIGITS.sub('#', str(failure))}"
        known, count = self._alike
        self._alike = likeness, count + 1 if likeness == known else 1
        if self._alike[1] >= (DOWN_AFTER if self._worked else ALIKE_AT_FIRST):
            which = "requests in a row" if self._worked else "first requests"
            raise EndpointDown(
                f"model {self.model}: {self._alike[1]} {which} failed alike, with {failure.kind} "
                f"({failure}); everything so far is in the ledger: mend it and run again"
            )


_WITH_DIGITS = re.compile(r"[\w-]*\d[\w-]*")


def readied(body: dict[str, Any], sample: int) -> Prepared:
    """Canonical bytes and ledger key of a request's body."""
    try:
        request = canonical(body)
    except TypeError as error:
        raise BadRequest(f"cannot be sent as JSON: {error}") from None
    return Prepared(body, request, key_of(request, sample), sample)


def _failure(state: tenacity.RetryCallState) -> CallFailed:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, CallFailed)
    return error
