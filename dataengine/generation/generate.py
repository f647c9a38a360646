"""Stage `generate`: a generated source as a reader of rows, resumed from the ledger."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from dataengine.generation.sampling import sample
from dataengine.ledger import Ledger
from dataengine.models.model_config import ModelConfig, terms
from dataengine.publish.licence import together
from dataengine.row import Kind, schema
from dataengine.sources.generated import GeneratedSource, PersonaSet
from dataengine.stages.stage import FAILED, KEPT_OF_A_BAD_RECORD, Context, Outcome, Reader, evidence
from dataengine.verifying import verifiers_ready
from personas.persona import document_of, persona_of
from personas.recipe import Recipe


class GeneratedReader(Reader):
    """Generates one source. `models` and `usd` (the hard cap) are the mixture's."""

    name: ClassVar[str] = "generate"
    version: ClassVar[int] = 2
    replays: ClassVar[bool] = False
    source: GeneratedSource
    kind: Kind
    models: dict[str, ModelConfig]
    usd: float | None = None
    limit: int | None = Field(default=None, gt=0)

    def label(self) -> str:
        return f"generate {self.source.name}"

    def explain(self) -> str:
        from dataengine.generation.cost_estimate import project

        return str(project(self.source, self.wanted, self.models, self.usd))

    def projected(self, ledger: Path) -> str:
        from dataengine.generation.cost_estimate import project
        from dataengine.shown import shown

        used = {name: self.models[name] for name in self.source.names.values()}
        known = shown(ledger, self.source.name, used)
        return str(project(self.source, self.wanted, self.models, self.usd, known))

    @property
    def wanted(self) -> int:
        """Rows to accept."""
        assert self.source.rows is not None
        return min(self.source.rows, self.limit or self.source.rows)

    def identity(self) -> dict[str, Any]:
        """What decides the rows: how fast, how dear and where a model is asked does not."""
        recipe, source = self.source.made_by, self.source.model_dump(mode="json")
        names = {"prompts", "recipe", "answers"}
        for key, _ in self._persona_sets():
            del source[key]["content"]
        return {
            "source": {key: value for key, value in source.items() if key not in names},
            "answers": self.source.answers.model_dump(exclude={"model", "judge"}),
            "recipe": [recipe.name, recipe.version, recipe.model_dump(mode="json")],
            "recipe_source": source_of(recipe),
            "models": {
                key: self.models[name].identity() for key, name in self.source.names.items()
            },
            "kind": self.kind,
            "rows": self.wanted,
            **({"terms": self._terms} if self._terms else {}),
        }

    @property
    def _terms(self) -> dict[str, str]:
        return terms(self.models, self.source.names)

    def needs(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, chosen in self._persona_sets():
            found |= {f"{key}.{what}": is_ for what, is_ in chosen.reader(key).needs().items()}
        return found

    def settled(self) -> bool:
        return all(chosen.reader(key).settled() for key, chosen in self._persona_sets())

    def known_rows(self) -> int | None:
        return self.wanted

    def read(self, context: Context) -> Iterator[Outcome]:
        from dataengine.generation.loop import Loop
        from dataengine.models.session import session

        assert context.ledger is not None
        self._ready()
        people = sample(self.source.personas, "personas", persona_of, context.seed)
        documents = sample(self.source.documents, "documents", document_of, context.seed)
        with session(self.models, context.ledger, self.usd) as asked:
            order = self._order(context.seed)
            loop = Loop(order, people, documents, asked.models, context.notify)
            yield from self._rounds(loop, asked)
            figures = self._found(loop, asked.ledger)
            yield Outcome(figures=figures, mendable=loop.mendable())
        if loop.accepted < self.wanted and context.notify:
            context.notify(f"{self.source.name}: {loop.account()}")

    def _ready(self) -> None:
        """Before anything is paid for: can what will be answered be verified here?

        Raises:
            UserError: it names what is missing.
        """
        recipe = self.source.made_by
        if recipe.verifier and (
            self.source.keep in ("verified", "majority") or self.kind == "rlvr"
        ):
            verifiers_ready([recipe.verifier], f"source {self.source.name}", **self._settings())

    def _settings(self) -> dict[str, Any]:
        """What only a person may tell the verifier of the source."""
        code = self.source.made_by.skill == "code"
        return {"sandbox": self.source.answers.sandbox} if code else {}

    def _rounds(self, loop: Any, asked: Any) -> Iterator[Outcome]:
        while made := asked.wait(loop.next):
            columns = schema(self.kind)
            dropped = [row | {"evidence": evidence(**row["evidence"])} for row in made.dropped]
            failed = [
                {
                    "source": self.source.name,
                    "row": row["row"],
                    "reason": row["reason"],
                    "evidence": evidence(**row["evidence"]),
                    "record": row["record"][:KEPT_OF_A_BAD_RECORD],
                }
                for row in made.failed
            ]
            yield Outcome(
                kept=pl.DataFrame(made.kept, schema=columns),
                dropped=pl.DataFrame(
                    dropped, schema=columns | {"reason": pl.String(), "evidence": pl.String()}
                ),
                failed=pl.DataFrame(failed, schema=FAILED),
            )

    def _order(self, seed: int) -> Any:
        from dataengine.generation.order import Order

        source = self.source
        recipe = source.made_by
        return Order(
            source=source.name,
            kind=self.kind,
            seed=seed,
            recipe=recipe,
            prompts=source.prompts,
            answers=source.answers.model,
            samples=source.answers.samples,
            keep=source.keep,
            share=source.answers.share,
            judge=source.answers.judge,
            rows=self.wanted,
            ceiling=source.ceiling,
            near=source.near,
            licence=together(source.licence, *self._terms.values()),
            skill=source.skill,
            reasoning=source.reasoning,
            settings=self._settings(),
        )

    def _persona_sets(self) -> list[tuple[str, PersonaSet]]:
        given = {"personas": self.source.personas, "documents": self.source.documents}
        return [(key, chosen) for key, chosen in given.items() if chosen]

    def _found(self, loop: Any, ledger: Ledger) -> dict[str, Any]:
        """What the manifest says: the sets, what the loop did, and what each model was asked."""
        used = {loop.models.client(name).model for name in self.source.names.values()}
        spent = [
            asdict(line)
            for line in ledger.spent()
            if line.stage == self.source.name and line.model in used
        ]
        sets = {
            key: chosen.reader(key).figures() | {"licence": chosen.licence}
            for key, chosen in self._persona_sets()
        }
        return {**sets, "generation": loop.figures(), "models": spent}


@cache
def _source(module: str) -> str:
    file = sys.modules[module].__file__
    return Path(file).read_text("utf-8") if file else ""


def source_of(recipe: Recipe) -> str:
    """A hash of the source of a recipe and of what it derives from, and of the recipes that it
    wraps: an edited prompt makes other rows, whether or not the version was raised."""
    total = blake2b(digest_size=16)
    wrapped = getattr(recipe, "inner", {})
    kinds = [type(recipe), *(type(inner) for inner in wrapped.values())]
    modules = {base.__module__ for kind in kinds for base in kind.__mro__}
    for module in sorted(modules):
        if not module.startswith(("pydantic", "builtins", "abc", "typing")):
            total.update(f"{module}\n{_source(module)}\n".encode())
    return total.hexdigest()
