"""Request adaptation to a server: its context window, and the fields that it does not take.

A window is asked for once (`/v1/models`) or learned from the first refusal; so are fields that a
model refuses (OpenAI's reasoning models take `max_completion_tokens`, and no `temperature`). The
ledger's key is that of the request as it was asked for: what is changed here decides at most where
an answer is cut off, and such an answer is not kept. What was sent otherwise stands beside it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dataengine.models.failure import BadRequest, TooLong

LEAST_ANSWER = 16
"""Tokens below which an answer is not worth asking for."""
TOKEN_BYTES = 3.0
"""Bytes of a request that are assumed to be one token; a server that counts more says so."""
TEMPLATE_TOKENS = 64
LIMITS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
OPTIONAL = ("temperature", "top_p", "seed", "stop", "response_format")
"""Fields that a request can do without; what is dropped is recorded."""

_NAMED = re.compile(
    r"(?:unsupported|unrecognized|unknown|unexpected|invalid|not supported|does not support|"
    r"unavailable|not permitted|not allowed|deprecated)",
    re.IGNORECASE,
)
_WINDOW = re.compile(
    r"(?:maximum (?:context|model) length (?:is|of)|max_model_len(?:gth)?\W+"
    r"|context (?:window|size|length)(?: limit)?(?: is| of)?)\D{0,20}?(\d[\d,]*)",
    re.IGNORECASE,
)
_PROMPT = re.compile(
    r"(\d[\d,]*)(?: tokens?)? (?:(?:of|from|in) (?:the |your )?(?:text )?(?:input|messages|prompt)"
    r"|(?:input|prompt) tokens)"
    r"|(?:prompt|input|messages) (?:contains?|has|have|resulted in)(?: at least)? (\d[\d,]*)",
    re.IGNORECASE,
)
_MOST_OUTPUT = re.compile(
    r"at most (\d[\d,]*) (?:completion|output) tokens"
    r"|max_(?:completion_)?tokens[^\[]{0,60}\[\d+, ?(\d+)\]"
    r"|max_(?:completion_)?tokens\D{1,40}(?:less than or equal to|<=) `?(\d+)",
    re.IGNORECASE,
)


@dataclass
class Fit:
    """Known limits of one server. `changed` holds the fields renamed or dropped, by
    name: their new name, or None."""

    window: int | None = None
    most_output: int | None = None
    changed: dict[str, str | None] = field(default_factory=dict)

    def sent(self, body: Mapping[str, Any], size: int, prompt: int | None = None) -> dict[str, Any]:
        """The body to send for a request of `size` bytes; `prompt` is the number of its tokens
        where the server has counted them.

        Raises:
            TooLong: the window has no room for an answer.
        """
        fitted: dict[str, Any] = {}
        for name, value in body.items():
            new = self.changed.get(name, name)
            if new is not None:
                fitted[new] = value
        limit = next((name for name in LIMITS if isinstance(fitted.get(name), int)), None)
        if limit is not None:
            fitted[limit] = self._limit(fitted[limit], size, prompt)
        return fitted

    def _limit(self, wanted: int, size: int, prompt: int | None) -> int:
        if self.most_output is not None:
            wanted = min(wanted, self.most_output)
        if self.window is None:
            return wanted
        tokens = prompt or int(size / TOKEN_BYTES) + TEMPLATE_TOKENS
        room = self.window - tokens
        if room >= LEAST_ANSWER:
            return min(wanted, room)
        if prompt is not None:
            raise TooLong(f"{prompt} tokens of prompt leave no room in a window of {self.window}")
        return min(wanted, LEAST_ANSWER)  # the estimate may be wrong: the server counts

    def learn(self, refused: BadRequest, body: Mapping[str, Any]) -> int | None:
        """Take in what a refusal of `body` says; the tokens of its prompt, where it counts them."""
        counted = _PROMPT.search(refused.said)
        if window := _WINDOW.search(refused.said):
            self.window = _int(window)
        elif most := _MOST_OUTPUT.search(refused.said):
            self.most_output = _int(most)
        else:
            self._change(refused, body)
        return _int(counted) if counted else None

    def _change(self, refused: BadRequest, body: Mapping[str, Any]) -> None:
        """Rename or drop the field that the server names."""
        if not _NAMED.search(refused.said):
            return
        for name in (*LIMITS, *OPTIONAL):
            named = refused.param == name or (
                refused.param is None and re.search(rf"\b{name}\b", refused.said)
            )
            if named and name in body:
                new = LIMITS.get(name)
                origin = next((old for old, to in self.changed.items() if to == name), name)
                self.changed[origin] = None if new in (origin, *self.changed.values()) else new
                return


def _int(match: re.Match[str]) -> int:
    return int(next(group for group in match.groups() if group).replace(",", ""))


def difference(asked: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were sent otherwise than asked for; None for those left out."""
    names = [name for name in {**asked, **sent} if asked.get(name) != sent.get(name)]
    return {name: sent.get(name) for name in names}
