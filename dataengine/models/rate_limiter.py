"""Rate limiter of one (endpoint, model): concurrency, requests and tokens a minute.

Concurrency is additive increase, multiplicative decrease: it doubles per round trip until the
first refusal (slow start), is halved by one, and then grows by one per round trip. A burst of
refusals is one cut, as in TCP: only a request that was sent after the last cut can cut again.
`rpm` holds exactly, in every window of 60 seconds; `tpm` by an estimate that is corrected when
the server has counted.
"""

import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

WINDOW = 60.0
START = 32


@dataclass(slots=True, eq=False)
class Entry:
    """Weight of one request in a window, until it is 60 seconds old."""

    at: float
    amount: int
    counted: bool = True


class Window:
    """Sliding window: a limit on a sum over any 60 seconds; None is no limit."""

    def __init__(self, limit: int | None):
        self.limit = limit
        self.total = 0
        self.entries: deque[Entry] = deque()

    def wait(self, now: float, amount: int) -> float:
        """Seconds until `amount` more fits; more than the limit fits into an empty window."""
        if self.limit is None:
            return 0.0
        while self.entries and self.entries[0].at <= now - WINDOW:
            old = self.entries.popleft()
            self.total, old.counted = self.total - old.amount, False
        over, seconds = self.total + min(amount, self.limit) - self.limit, 0.0
        for entry in self.entries:
            if over <= 0:
                break
            over -= entry.amount
            seconds = entry.at + WINDOW - now
        return seconds

    def add(self, now: float, amount: int) -> Entry:
        """Count `amount` from now on."""
        entry = Entry(now, amount, self.limit is not None)
        if entry.counted:
            self.entries.append(entry)
            self.total += amount
        return entry

    def correct(self, entry: Entry, amount: int) -> None:
        """Replace an estimate by the count."""
        if entry.counted:
            self.total += amount - entry.amount
            entry.amount = amount


@dataclass(slots=True, eq=False)
class Pass:
    """Permit to send one request. Its holder says how it ended: `well` when the server answered,
    `count` when it counted the tokens."""

    sent: float
    tokens: Entry
    well: bool = False
    count: int | None = None


class RateLimiter:
    """Admits requests; adapts its concurrency to how each of them ended."""

    def __init__(
        self,
        max_concurrency: int,
        rpm: int | None = None,
        tpm: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.max = max_concurrency
        self.limit = float(min(START, max_concurrency))
        self.in_flight = 0
        self.cuts = 0
        self._clock = clock
        self._requests, self._tokens = Window(rpm), Window(tpm)
        self._last_cut = -math.inf
        self._paused_until = -math.inf
        self._queue: deque[anyio.Event] = deque()

    @asynccontextmanager
    async def enter(self, tokens: int) -> AsyncIterator[Pass]:
        """Wait for a place and for the limits, in order of arrival, and hold the place.

        `tokens` is what the request may use.
        """
        await self._place()
        try:
            while (seconds := self._seconds(tokens)) > 0:
                await anyio.sleep(seconds)
            now = self._clock()
            self._requests.add(now, 1)
            entry = Pass(now, self._tokens.add(now, tokens))
            yield entry
            self._learn(entry)
        finally:
            self._free()

    def refused(self, entry: Pass, retry_after: float | None) -> None:
        """The server was asked too much (429, overload): halve once per burst, and pause."""
        now = self._clock()
        if entry.sent > self._last_cut:
            self.limit = max(1.0, self.limit / 2)
            self._last_cut = now
            self.cuts += 1
        if retry_after is not None:
            self._paused_until = max(self._paused_until, now + retry_after)

    def _learn(self, entry: Pass) -> None:
        if entry.count is not None:
            self._tokens.correct(entry.tokens, entry.count)
        if entry.well:
            slow_start = self._last_cut == -math.inf
            self.limit = min(self.max, self.limit + (1.0 if slow_start else 1.0 / self.limit))

    def _seconds(self, tokens: int) -> float:
        now = self._clock()
        return max(
            self._paused_until - now, self._requests.wait(now, 1), self._tokens.wait(now, tokens)
        )

    async def _place(self) -> None:
        """Take one of `limit` places, first come, first served."""
        if not self._queue and self.in_flight < int(self.limit):
            self.in_flight += 1
            return
        turn = anyio.Event()
        self._queue.append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():
                self._free()
            else:
                self._queue.remove(turn)
            raise

    def _free(self) -> None:
        self.in_flight -= 1
        while self._queue and self.in_flight < int(self.limit):
            self.in_flight += 1
            self._queue.popleft().set()
