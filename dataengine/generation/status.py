"""Progress lines of generation, every few seconds and at the end of a round."""

import time
from collections.abc import Callable

from dataengine.models.models import Models

TICK_SECONDS = 10.0


class Status:
    """Tells of one source: rows accepted, calls, tokens a second, money, retries by class."""

    def __init__(self, source: str, wanted: int, models: Models, notify: Callable[[str], None]):
        self.source, self.wanted, self.models, self.notify = source, wanted, models, notify
        self._began = self._ticked = time.monotonic()
        self._tokens = models.tally.output_tokens

    def tell(self, accepted: int, *, now: bool = False) -> None:
        """Say a line, unless one was said a moment ago."""
        time_ = time.monotonic()
        if now or time_ - self._ticked >= TICK_SECONDS:
            self._ticked = time_
            self.notify(f"{self.source}: {self._line(accepted, time_)}")

    def _line(self, accepted: int, time_: float) -> str:
        tally = self.models.tally
        speed = (tally.output_tokens - self._tokens) / max(time_ - self._began, 1e-9)
        parts = [
            f"{accepted:,} of {self.wanted:,} accepted",
            f"{tally.in_flight} in flight",
            f"{tally.answered:,} asked, {tally.replayed:,} replayed",
            f"{speed:,.0f} tokens/s",
            self._money(accepted),
        ]
        if tally.retries:
            told = ", ".join(f"{kind} {count}" for kind, count in tally.retries.most_common())
            parts.append(f"retried: {told}")
        return ", ".join(parts)

    def _money(self, accepted: int) -> str:
        tally, spent = self.models.tally, self.models.budget.spent
        text = f"{spent:.4f} USD"
        if tally.unpriced:
            text += f" + {tally.unpriced:,} calls of unknown price"
        if accepted and tally.usd:
            rest = tally.usd / accepted * (self.wanted - accepted)
            text += f" (projected {spent + max(0.0, rest):.4f})"
        return text
