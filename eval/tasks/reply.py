"""Model reply to one request."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from eval.verifiers.response import stopped


class Reply(NamedTuple):
    """An answer with its reasoning in tags, or without `text` the `error` for which there is none.

    `cut`: it ended at the token limit. `clipped`: its prompt was longer than the model's window,
    and lost its beginning.
    """

    text: str | None
    cut: bool = False
    clipped: bool = False
    error: str | None = None

    def stopped(self, stop: Sequence[str]) -> "Reply":
        """Up to the first stop string in the answer; what was stopped is whole."""
        short = stopped(self.text, stop) if self.text else None
        return self if short is None else self._replace(text=short, cut=False)


class Settings(NamedTuple):
    """How an answer is generated. Without `chat` the prompt is plain text to go on from."""

    chat: bool
    max_tokens: int
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float | None = None
    top_k: int | None = None

    @property
    def sampling(self) -> dict[str, Any]:
        """`top_p` and `top_k` where they are given."""
        given = {"top_p": self.top_p, "top_k": self.top_k}
        return {name: value for name, value in given.items() if value is not None}
