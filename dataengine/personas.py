"""`python -m dataengine.personas cast.yaml --out people.jsonl`: new personas by a model.

    recipe: {persona_to_persona: {count: 3}}     # or text_to_persona, with `documents:`
    personas: {path: seeds.jsonl, licence: cc0-1.0}
    prompts: teacher
    rows: 5000
    models:
      teacher: {backend: openai, model: Qwen/Qwen3-32B, base_url: http://localhost:8000/v1}

What is written is JSONL that a mixture's `personas:` reads. Every reply goes into a ledger beside
it first: a second run pays for nothing twice, and writes the same file.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import Field, ValidationInfo, field_validator, model_validator

from dataengine.command import command, run_command
from dataengine.config import Config
from dataengine.document import Document as YamlDocument
from dataengine.document import validated
from dataengine.generation.novelty import Novelty
from dataengine.generation.sampling import sample
from dataengine.models.model_config import BudgetConfig, ModelConfig, check_budget
from dataengine.models.models import Query
from dataengine.models.session import Session, session
from dataengine.models.wire import Failure
from dataengine.publish.licence import together
from dataengine.sources.generated import PersonaSet
from personas import Draft, NewPersonas, Persona, Reject, recipes
from personas.draw import digest
from personas.persona import document_of, persona_of
from personas.recipe import Recipe

ROUND = 512


class Growth(Config):
    """What to make new personas from, how many, and whom to ask."""

    models: dict[str, ModelConfig]
    budget: BudgetConfig | None = None
    recipe: str | dict[str, dict[str, Any]]
    personas: PersonaSet | None = None
    documents: PersonaSet | None = None
    prompts: str
    rows: int = Field(gt=0)
    ceiling: float = Field(3.0, ge=1)
    """Never ask more than this many times for each new persona."""
    near: float = Field(0.7, gt=0, le=1)
    """Personas whose word 3-grams overlap this much (Jaccard) are one persona."""
    seed: int = 42

    @field_validator("models", "personas", "documents", mode="before")
    @classmethod
    def _based(cls, value: Any, info: ValidationInfo) -> Any:
        """Tell what names files where relative paths start."""
        base = (info.context or {}).get("base", Path())
        if not isinstance(value, dict):
            return value
        if info.field_name != "models":
            return {**value, "base": base}
        return {
            name: {**model, "base": base}
            if isinstance(model, dict) and model.get("backend") in ("vllm", "replay")
            else model
            for name, model in value.items()
        }

    @model_validator(mode="after")
    def _fits(self) -> "Growth":
        check_budget(self.models, self.budget)
        if self.prompts not in self.models:
            raise ValueError(f"prompts: no model is called {self.prompts!r}")
        recipe = self.made_by
        if recipe.makes != "personas":
            raise ValueError(f"recipe: {recipe.name} makes {recipe.makes}, not personas")
        for needed, given, key in (
            (recipe.needs_persona, self.personas, "personas"),
            (recipe.needs_document, self.documents, "documents"),
        ):
            if needed and given is None:
                raise ValueError(f"recipe {recipe.name} needs `{key}: {{path: ...}}`")
        return self

    @property
    def made_by(self) -> Recipe:
        """The recipe with its settings."""
        entry = self.recipe if isinstance(self.recipe, dict) else {self.recipe: {}}
        (name, settings), *more = entry.items()
        if more:
            raise ValueError("recipe: one recipe, its name or {name: {settings}}")
        return recipes.recipe(name, **settings)


class Cultivation:
    """Grows personas in passes over those there are; the same ledger gives the same personas.

    New personas are origins of later ones, so that `persona_to_persona` reaches further with
    every pass (the persona expansion of Persona Hub, arXiv:2406.20094).
    """

    def __init__(self, growth: Growth, notify: Callable[[str], None] = print):
        self.growth, self.recipe, self._notify = growth, growth.made_by, notify
        self.people = sample(growth.personas, "personas", persona_of, growth.seed)
        self.documents = sample(growth.documents, "documents", document_of, growth.seed)
        self.found: list[dict[str, Any]] = []
        self.reasons: Counter[str] = Counter()
        self.tried = 0
        self._terms = growth.models[growth.prompts].licence
        self._novelty = Novelty(growth.near)
        for person in self.people:
            self._novelty.add(person.id, person.text)

    def run(self, asked: Session) -> None:
        """Ask until there are enough personas or the ceiling is reached."""
        most = round(self.growth.rows * self.growth.ceiling)
        while len(self.found) < self.growth.rows and self.tried < most:
            pool = len(self.people) or ROUND
            size = min(self.growth.rows - len(self.found), most - self.tried, pool, ROUND)
            drafts = [self._draft(self.tried + i) for i in range(size)]
            queries = [Query(self.recipe.next(draft).ask, 0, i) for i, draft in enumerate(drafts)]
            for reply in asked.ask(self.growth.prompts, queries, self.recipe.name):
                self._take(drafts[reply.query.tag], reply.outcome)
            self.tried += size
            self._notify(self.account())

    def account(self) -> str:
        """One line: how many there are, and why not more."""
        told = f"{len(self.found):,} of {self.growth.rows:,} personas from {self.tried:,} requests"
        why = ", ".join(f"{reason} {n:,}" for reason, n in self.reasons.most_common())
        return f"{told}; dropped: {why}" if why else told

    def _draft(self, number: int) -> Draft:
        person = self.people[number % len(self.people)] if self.people else None
        document = self.documents[number % len(self.documents)] if self.documents else None
        return self.recipe.start(person, digest(self.growth.seed, number), document)

    def _take(self, draft: Draft, outcome: Any) -> None:
        if isinstance(outcome, Failure):
            self.reasons[outcome.kind] += 1
            return
        made = self.recipe.read(draft, outcome)
        if isinstance(made, Reject):
            self.reasons[made.reason] += 1
        elif isinstance(made, NewPersonas):
            for person in made.personas:
                self._admit(person, draft, outcome.request)

    def _admit(self, person: Persona, draft: Draft, request: str) -> None:
        if len(self.found) == self.growth.rows:
            self.reasons["surplus"] += 1
            return
        if self._novelty.add(person.id, person.text):
            self.reasons["near_duplicate"] += 1
            return
        origin = draft.document or draft.persona
        self.found.append(
            {
                "id": person.id,
                "persona": person.text,
                "licence": together(person.licence, self._terms),
                "provenance": {
                    "origin": origin.id if origin else None,
                    "recipe": f"{self.recipe.name}@{self.recipe.version}",
                    "request": request,
                },
            }
        )
        if self.people:
            self.people.append(person)


def load(file: Path) -> Growth:
    """Read and check the file. Raises UserError with its file, line and key."""
    return validated(Growth, YamlDocument(file), {"base": file.parent})


def grow(growth: Growth, out: Path, notify: Callable[[str], None] = print) -> Cultivation:
    """Make the personas and write them to `out`, whole or not at all."""
    cultivation = Cultivation(growth, notify)
    ledger = out.with_suffix(".ledger.sqlite")
    out.parent.mkdir(parents=True, exist_ok=True)
    with session(growth.models, ledger, growth.budget.usd if growth.budget else None) as asked:
        cultivation.run(asked)
    partial = out.with_name(f".{out.name}.partial")
    partial.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in cultivation.found))
    partial.replace(out)
    return cultivation


app = command()


@app.command()
def main(
    file: Annotated[Path, typer.Argument(help="YAML: recipe, personas or documents, models.")],
    out: Annotated[Path, typer.Option(help="Where the personas go, as JSONL.")],
) -> None:
    """Make new personas with a model, from personas or from texts."""
    print(f"{out}: {grow(load(file), out).account()}")


if __name__ == "__main__":
    run_command(app)
