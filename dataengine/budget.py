"""Budget: the most that a call may cost, what it did cost, and a cap that no call goes over.

Every request is admitted with the most it can cost, which is held back until its real cost is
known. At the cap nothing more is admitted; what is in flight finishes and is kept.
"""

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
from pydantic import Field

from dataengine.config import Config
from dataengine.errors import UserError

TEMPLATE_TOKENS = 256
"""Room for what a chat template adds to a prompt: roles, dates, a default system prompt."""


class Price(Config):
    """USD per million tokens."""

    input: float = Field(ge=0, allow_inf_nan=False)
    output: float = Field(ge=0, allow_inf_nan=False)

    def cost(self, input_tokens: float | None, output_tokens: float | None) -> float | None:
        """USD of a call; None where the server did not say how many tokens it was."""
        if input_tokens is None or output_tokens is None:
            return None
        return (input_tokens * self.input + output_tokens * self.output) / 1e6

    def at_most(self, request: Mapping[str, Any], size: int) -> float:
        """The most a request of `size` bytes can cost, or infinity where nothing bounds it.

        A token is at least one byte, so the bytes of the request bound its input tokens.
        """
        limit = request.get("max_completion_tokens") or request.get("max_tokens")
        if limit is None:
            return math.inf if self.output else (size + TEMPLATE_TOKENS) * self.input / 1e6
        output = limit * (request.get("n") or 1)
        return ((size + TEMPLATE_TOKENS) * self.input + output * self.output) / 1e6


class BudgetReached(UserError):
    """The cap is reached: everything paid for is in the ledger, and a rerun goes on from there."""


@dataclass(slots=True)
class Held:
    """A call that was admitted. None as its cost is unknown, and counts as the most it can be."""

    cost: float | None = None


class Budget:
    """A hard cap in USD over every model of a build and every run of it; None is no cap.

    `spent` starts from what the ledger says earlier runs cost.
    """

    def __init__(self, usd: float | None = None, spent: float = 0.0):
        self.cap = usd
        self.spent = spent
        self.held = 0.0
        self.in_flight = 0
        self.reached = False
        self._freed = anyio.Event()

    @asynccontextmanager
    async def admit(self, at_most: float) -> AsyncIterator[Held]:
        """Hold back `at_most` USD while a call is made, then count what it cost.

        Waits while calls in flight may yet turn out cheaper. Raises BudgetReached once nothing
        in flight can make room; from then on for everybody.
        """
        if self.cap is not None and math.isinf(at_most):
            raise UserError(
                "budget: a cap needs `max_tokens` on every request to a priced model, "
                "or no request's cost is bounded; set it in the recipe's sampling"
            )
        while self.cap is not None and self.spent + self.held + at_most > self.cap:
            if self.reached or not self.in_flight:
                self.reached = True
                self._wake()
                raise BudgetReached(
                    f"budget: the cap of {self.cap:.2f} USD is reached ({self.spent:.4f} spent, "
                    f"the next request may cost up to {at_most:.4f}); everything paid for is in "
                    "the ledger: raise `budget: {usd: ...}` and run again to go on from here"
                )
            await self._freed.wait()
        held = Held()
        bound = at_most if self.cap is not None else 0.0
        self.held += bound
        self.in_flight += 1
        try:
            yield held
        finally:
            self.in_flight -= 1
            self.held = self.held - bound if self.in_flight else 0.0
            self.spent += (
                at_most if held.cost is None and math.isfinite(at_most) else held.cost or 0.0
            )
            self._wake()

    def _wake(self) -> None:
        freed, self._freed = self._freed, anyio.Event()
        freed.set()
