"""Generation state: what is wanted of a generated source, and each candidate for it."""

import math
from dataclasses import dataclass, field
from typing import Any

from dataengine.generation.selection import Samples, Selection
from dataengine.row import Kind
from personas import Document, Draft, Persona
from personas.recipe import Recipe


@dataclass(frozen=True)
class Order:
    """Settings of a generated source, resolved."""

    source: str
    kind: Kind
    seed: int
    recipe: Recipe
    prompts: str
    answers: str
    samples: int
    keep: str
    share: float
    judge: str | None
    rows: int
    ceiling: float
    near: float
    licence: str | None
    """What every row is under: the source's licence, and the terms of the models that are asked."""
    skill: str | None
    reasoning: str = "keep"
    """What becomes of the reasoning of who answers: keep, in_content, drop."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the verifier that only a person may give, such as its sandbox."""

    @property
    def most(self) -> int:
        """Candidates at the ceiling."""
        return math.ceil(self.rows * self.ceiling)


@dataclass
class Candidate:
    """Candidate: one attempt at a row."""

    number: int
    persona: Persona | None
    document: Document | None
    draft: Draft | None = None
    samples: Samples | None = None
    selected: Selection | None = None
    request: str | None = None


@dataclass
class Round:
    """Results of one round of candidates, as records for the tables."""

    kept: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
