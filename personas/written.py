"""YAML recipes: a file of prompts, without any Python.

    ask: |                      # what the writer of prompts is told; {names} are filled in
      {persona}
      Write {mood} riddle from this person's world, about {topic}.
    draws:                      # one of each is drawn, by the same seed always the same
      mood: [a sad, a merry, a sly]
      topic: [weather, tools, bread]
    system: You write riddles with one good answer.
    answer_system: Answer in one word, then say why.
    skill: chat
    keep: judge                 # all, judge, or majority (with a verifier)
    criterion: Does the answer solve the riddle?

`{persona}` and `{document}` stand between marks that they cannot contain, as in every recipe.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dataengine.errors import UserError
from eval.verifiers import verifier as verifier_of
from personas.draft import Draft, Prompt, Reject
from personas.fence import fenced
from personas.recipe import Keep, OneTurn, persona_fence, user

_NAME = re.compile(r"\{(\w+)\}")


class Request(BaseModel):
    """A message to an assistant."""

    message: str = Field(description="the message, exactly as the person would send it")


class Page(BaseModel):
    """What a file may say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ask: str = Field(min_length=1)
    draws: dict[str, list[str]] = Field(default_factory=dict)
    system: str = (
        "You write the messages that real people send to an assistant: particular, in their own "
        "voice, with the details that such a person would give and no others."
    )
    answer_system: str | None = None
    skill: str = "chat"
    keep: Literal["all", "judge", "majority"] = "all"
    criterion: str | None = None
    verifier: Literal["gsm8k", "math", "choice", "exact"] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "Page":
        named = set(_NAME.findall(self.ask))
        for name, options in self.draws.items():
            if not options:
                raise ValueError(f"draws: {name} has nothing to draw from")
            if name in GIVEN:
                raise ValueError(f"draws: {name} is what the recipe is given, and is not drawn")
            if name not in named:
                raise ValueError(f"draws: {name} does not stand in `ask`")
        if unknown := sorted(named - self.draws.keys() - set(GIVEN)):
            raise ValueError(f"ask: {{{unknown[0]}}} is in no `draws`")
        if self.keep == "majority" and self.verifier is None:
            raise ValueError("keep: majority needs a `verifier`: gsm8k, math, choice or exact")
        return self


GIVEN = ("persona", "document")


class Written(OneTurn):
    """The recipe that a page describes, called by its file's name."""

    version: ClassVar[int] = 1
    form: ClassVar[type[BaseModel]] = Request

    called: str
    page: Page

    # What a recipe is by nature, here the page says.
    @property
    def name(self) -> str:  # type: ignore[override]
        return self.called

    @property
    def skill(self) -> str:  # type: ignore[override]
        return self.page.skill

    @property
    def verifier(self) -> str | None:  # type: ignore[override]
        return self.page.verifier

    @property
    def keep(self) -> Keep:  # type: ignore[override]
        return self.page.keep

    @property
    def criterion(self) -> str | None:  # type: ignore[override]
        return self.page.criterion

    @property
    def system(self) -> str:  # type: ignore[override]
        return self.page.system

    @property
    def answer_system(self) -> str | None:  # type: ignore[override]
        return self.page.answer_system

    @property
    def needs_persona(self) -> bool:  # type: ignore[override]
        return "{persona}" in self.page.ask

    @property
    def needs_document(self) -> bool:  # type: ignore[override]
        return "{document}" in self.page.ask

    def brief(self, draft: Draft) -> str:
        drawn = {
            name: self.rng(draft, name).choice(options) for name, options in self.page.draws.items()
        }
        if self.needs_persona:
            drawn["persona"] = persona_fence(draft)
        if self.needs_document and draft.document:
            drawn["document"] = f"The document:\n{fenced('document', draft.document.text)}"
        return _NAME.sub(lambda match: drawn[match[1]], self.page.ask).strip()

    def made(self, draft: Draft, written: Any) -> Prompt | Reject:
        message = self.asked(draft, written.message)
        return message if isinstance(message, Reject) else self.prompt(draft, user(message))

    def label(self, answer: str) -> str | None:
        """What a majority agrees on, as a ground truth of the verifier."""
        if self.verifier is None:
            return None
        return verifier_of(self.verifier).label(answer)


def written(name: str, told: Mapping[str, Any], language: str | None = None) -> Written:
    """The recipe that a file's content describes. Raises UserError, naming the key."""
    own = ("language", "max_tokens")
    given = {key: told[key] for key in own if key in told}
    page = {key: value for key, value in told.items() if key not in own}
    spoken = {"language": language} if language else {}
    try:
        return Written.model_validate({**spoken, **given, "called": name, "page": page})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(step) for step in first["loc"] if step != "page")
        message = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = f"no such key; there are: {', '.join((*Page.model_fields, *own))}"
        raise UserError(f"recipe {name}: {key + ': ' if key else ''}{message}") from None
