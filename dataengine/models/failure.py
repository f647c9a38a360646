"""Failure classes of a model call: retried how often, billed or not, mendable or not.

Nothing else decides retries: the SDK's own are off, and tenacity asks these classes. A failure is
*final* where asking again would give (and cost) the same: the model refused, the answer was cut at
its limit. It is *mendable* where something outside may be put right: an account, a key, a server, a
network. A stage with mendable failures asks for them again in the next run.
"""

from collections.abc import Iterator
from functools import cache
from typing import ClassVar

from dataengine.errors import UserError


class CallFailed(Exception):
    """A call without a usable answer. Subclasses are the classes that tables and reports name."""

    kind: ClassVar[str]
    tries: ClassVar[int] = 1
    """How often a request may fail so before its row does; 1 is: not retried."""
    billed: ClassVar[bool] = False
    """Whether the endpoint may charge for it although there is nothing to show."""
    mendable: ClassVar[bool] = False
    """Whether a later run may do better; else the failure is final."""


class RateLimited(CallFailed):
    """429. `retry_after` in seconds, where the server said so."""

    kind = "rate_limited"
    mendable = True
    tries = 50

    def __init__(self, message: str, retry_after: float | None = None):
        super().__init__(message)
        self.retry_after = retry_after


class Overloaded(RateLimited):
    """503 and 529: the server has too much to do."""

    kind = "overloaded"
    tries = 20


class ServerError(CallFailed):
    """Any other 5xx, 408, 409, 425, or an error object inside a 200."""

    kind = "server_error"
    mendable = True
    tries = 6


class TimedOut(CallFailed):
    """No whole answer within the model's `timeout`."""

    kind = "timeout"
    mendable = True
    tries = 3
    billed = True


class Disconnected(CallFailed):
    """The connection broke before the answer was whole."""

    kind = "disconnected"
    mendable = True
    tries = 6
    billed = True


class Unreachable(CallFailed):
    """No connection could be made: nothing was sent."""

    kind = "unreachable"
    mendable = True
    tries = 6


class Malformed(CallFailed):
    """A 200 that is not a chat completion."""

    kind = "malformed"
    mendable = True
    tries = 4
    billed = True


class ProviderError(CallFailed):
    """The provider broke off the answer (finish reasons "error", "network_error", "abort", or an
    error beside the choice): half an answer is none."""

    kind = "provider_error"
    mendable = True
    tries = 4
    billed = True


class Empty(CallFailed):
    """A completion with neither text nor tool calls."""

    kind = "empty"
    tries = 3
    billed = True


class Truncated(CallFailed):
    """The answer hit a limit (finish reason "length" by any name), or its reasoning never ended:
    counted, never kept."""

    kind = "truncated"


class UnknownFinish(CallFailed):
    """A finish reason that is not known here: whether the answer is whole nobody can tell."""

    kind = "unknown_finish"


class Filtered(CallFailed):
    """The endpoint's content filter cut the answer."""

    kind = "filtered"


class Refused(CallFailed):
    """The model refused through the protocol's own `refusal` field."""

    kind = "refused"


class WrongSchema(CallFailed):
    """Structured output that does not fit its schema, also after the one repair turn."""

    kind = "wrong_schema"


class BadRequest(CallFailed):
    """400, 413, 422, or a request that is not JSON: as it is, this request will not do.

    `said` is all that the server said; `param` the field that it named, where it named one.
    """

    kind = "bad_request"
    mendable = True

    def __init__(self, message: str, said: str = "", param: str | None = None):
        super().__init__(message)
        self.said, self.param = said or message, param


class TooLong(CallFailed):
    """The prompt leaves no room for an answer in the server's window."""

    kind = "too_long"
    mendable = True


class Forbidden(CallFailed):
    """401, 403, 404: the key, the model or this prompt is not let in."""

    kind = "forbidden"
    mendable = True


class NotInLedger(CallFailed):
    """A replay met a request that neither the ledger nor the file of responses holds."""

    kind = "not_in_ledger"
    mendable = True


class EndpointDown(UserError):
    """The endpoint cannot be used at all; what was paid for is in the ledger."""


@cache
def mendable_kinds() -> frozenset[str]:
    """The kinds of failure that a later run may mend."""
    return frozenset(kind.kind for kind in _kinds(CallFailed) if kind.mendable)


def _kinds(base: type[CallFailed]) -> Iterator[type[CallFailed]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)
