"""Model request: messages, schema and sampling settings, with no idea of who is asked.

`personas/` and `dataengine/preferences/` make asks; `dataengine/models/` sends them and knows
endpoints, prices, retries and the ledger. Nothing here names a model.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel

Message = dict[str, Any]
"""One chat message: `role` and `content`, and where used `tool_calls`, `tool_call_id`, `name`."""


@dataclass(frozen=True)
class Sampling:
    """How the answer is drawn. A None leaves the server's own default in place.

    `max_tokens` counts the tokens of the answer alone. `seed` is sent to the server, which may
    honour it; it is part of the request and so of the ledger's key either way.
    """

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ask:
    """One request: messages, how to sample, and the structure that the answer must have.

    `schema` asks for structured output: the answer's text is then JSON that the pydantic model
    accepts. `tools` are functions the model may call, in the OpenAI (and TRL) form
    `{"type": "function", "function": {"name", "description", "parameters"}}`.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    schema: type[BaseModel] | None = None
    tools: tuple[dict[str, Any], ...] | None = None

    def seeded(self, seed: int) -> "Ask":
        """The same ask under another sampling seed: another sample of the same question."""
        return replace(self, sampling=replace(self.sampling, seed=seed))
