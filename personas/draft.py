"""Drafts: what passes between a recipe and the sender of its requests (`personas/__init__.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from personas.ask import Ask, Message
from personas.persona import Document, Persona


class Reply(Protocol):
    """Model reply to an ask. `dataengine.models` answers have this shape."""

    @property
    def text(self) -> str: ...

    @property
    def tool_calls(self) -> tuple[dict[str, Any], ...]: ...


@dataclass(frozen=True)
class Said:
    """A reply kept in a draft."""

    text: str
    tool_calls: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Draft:
    """A prompt in the making: what it is made from, and every reply so far."""

    persona: Persona | None
    document: Document | None
    seed: int
    replies: tuple[Said, ...] = ()

    def with_reply(self, reply: Reply) -> "Draft":
        return replace(self, replies=(*self.replies, Said(reply.text, tuple(reply.tool_calls))))


@dataclass(frozen=True)
class Turn:
    """The next request, and which of the mixture's models it is for."""

    ask: Ask
    by: Literal["prompts", "answers"]


@dataclass(frozen=True)
class Prompt:
    """A finished prompt. `rejected` is a weaker answer made on the way, for a preference pair.

    `gist` is what is new in it, where that is not the whole of the user's turns: prompts over one
    document are not near duplicates of each other.
    """

    messages: tuple[Message, ...]
    seed: int
    tools: tuple[dict[str, Any], ...] | None = None
    verifier: str | None = None
    ground_truth: str | None = None
    language: str = "en"
    rejected: Message | None = None
    gist: str | None = None
    details: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Generated:
    """The fields of an answered row; ids, lineage and licences are the engine's to add."""

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] | None
    verifier: str | None
    ground_truth: str | None
    skill: str
    language: str
    rejected: Message | None = None
    details: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class NewPersonas:
    """Personas that a reply described."""

    personas: tuple[Persona, ...]


@dataclass(frozen=True)
class Reject:
    """Rejection of a reply: `reason` is a short class, `detail` one line."""

    reason: str
    detail: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", " ".join(self.detail.split())[:300])
