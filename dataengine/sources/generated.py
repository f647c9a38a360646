"""Generated source configuration: personas x recipe x models, until there are N rows.

This is what a mixture may say of them; `dataengine/generation/` makes the rows.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import yaml
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from dataengine.config import Config
from dataengine.rows.formats import Record
from dataengine.schema import Named
from dataengine.sources.dataset_ref import DatasetRef
from dataengine.sources.source import Amount, Source
from eval import verifiers
from personas import recipes
from personas.recipe import Keep, Recipe
from personas.written import written

if TYPE_CHECKING:
    from dataengine.generation.generate import GeneratedReader
    from dataengine.mixture import Mixture


class PersonaSet(DatasetRef):
    """A set of personas, or of documents."""

    rows: int | None = Field(default=None, gt=0)
    """Take so many, drawn by hash of (seed, id); all of them where absent."""
    licence: str | None = None
    """The licence of the set; it binds every row that is made from it."""

    def records(self, name: str) -> Iterator[Record]:
        """Its records as they are."""
        return self.reader(name).records()


class Answers(Config):
    """Who answers, how often, and how an answer is selected."""

    model: str
    samples: int = Field(default=1, ge=1, le=1024)
    keep: Keep | None = None
    """verified, majority, judge or all; the recipe's own way where absent."""
    share: float = Field(default=0.5, gt=0, le=1)
    """majority: the least share of the samples that must agree."""
    judge: str | None = None
    """judge: the model that judges; the one that answers where absent."""
    sandbox: Literal["bwrap", "podman", "docker", "none"] = "bwrap"
    """code: what generated programs run in; `none` runs them unguarded on this machine."""


A_FILE = {"type": "string", "pattern": r"\.ya?ml$", "description": "A file of prompts."}


def _for_rows() -> dict[str, type[Recipe]]:
    """The recipes that a source may name."""
    known = {name: recipes.kind(name) for name in recipes.names()}
    return {name: kind for name, kind in known.items() if kind.makes != "personas"}


def _model_alone(value: Any) -> Any:
    return {"model": value} if isinstance(value, str) else value


class GeneratedSource(Source):
    """Rows that models make."""

    key: ClassVar[str] = "recipe"

    recipe: Annotated[str | dict[str, dict[str, Any]], Named(_for_rows, A_FILE)]
    """A recipe's name, {name: {settings}}, or a YAML file of prompts (personas/written.py)."""
    personas: PersonaSet | None = None
    documents: PersonaSet | None = None
    prompts: str
    """The model that writes the questions."""
    answers: Annotated[Answers, BeforeValidator(_model_alone, json_schema_input_type=str | Answers)]
    rows: int | None = Field(..., gt=0)
    """Exactly so many accepted rows, or a clear account of why not."""
    ceiling: float = Field(default=3.0, ge=1)
    """Never try more than this many candidates for each row."""
    near: float = Field(default=0.7, gt=0, le=1)
    """Prompts whose 3-grams overlap this much (Jaccard) are one prompt."""

    @field_validator("recipe", mode="before")
    @classmethod
    def _of_file(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str) or not value.endswith((".yaml", ".yml")):
            return value
        file = (info.context or {}).get("base", Path()) / value
        try:
            page = yaml.safe_load(file.read_text("utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            told = " ".join(str(error).split())
            raise ValueError(f"recipe file {file} cannot be read: {told}") from None
        if not isinstance(page, dict):
            raise ValueError(f"recipe file {file}: expected keys such as `ask`, not a list or text")
        return {Path(value).name: page}

    @field_validator("recipe")
    @classmethod
    def _known_recipe(cls, value: str | dict[str, Any]) -> str | dict[str, Any]:
        if isinstance(value, dict) and len(value) != 1:
            raise PydanticCustomError("recipe", "one recipe: its name, or {name: {settings}}")
        _recipe(value, None)
        return value

    @model_validator(mode="after")
    def _fits(self) -> "GeneratedSource":
        recipe = self.made_by
        if recipe.makes == "personas":
            raise ValueError(f"recipe {recipe.name} makes personas, not rows")
        for needed, given, key in (
            (recipe.needs_persona, self.personas, "personas"),
            (recipe.needs_document, self.documents, "documents"),
        ):
            if needed and given is None:
                raise ValueError(f"recipe {recipe.name} needs `{key}: {{path: ...}}`")
        if self.keep in ("verified", "majority"):
            if recipe.verifier is None:
                raise ValueError(
                    f"answers.keep: {self.keep} needs a verifier, and recipe {recipe.name} has none"
                )
            verifiers.require(recipe.verifier)
        if self.keep == "majority" and self.answers.samples < 2:
            raise ValueError("answers.keep: majority needs answers.samples of 2 or more")
        if self.answers.samples > 1 and self.keep == "all":
            raise ValueError(
                "answers.keep: all takes the first sample: drop `samples`, or choose "
                "verified, majority or judge"
            )
        return self

    @property
    def made_by(self) -> Recipe:
        """The recipe with its settings."""
        return _recipe(self.recipe, self.language)

    @property
    def keep(self) -> Keep:
        """How an answer is selected."""
        return self.answers.keep or self.made_by.keep

    @property
    def amount(self) -> Amount:
        """Every row: the loop has made exactly as many as are wanted."""
        return Amount("all", 1.0)

    def reader(self, mixture: "Mixture", limit: int | None) -> "GeneratedReader":
        from dataengine.generation.generate import GeneratedReader

        return GeneratedReader(
            source=self,
            kind=mixture.kind,
            models=mixture.models,
            usd=mixture.budget.usd if mixture.budget else None,
            limit=limit,
        )

    def check(self, mixture: "Mixture") -> None:
        """Whether the mixture has the models that are named, and the recipe makes its kind of row.

        Raises ValueError.
        """
        models, kind = mixture.models, mixture.kind
        for key, name in self.names.items():
            if name not in models:
                near = difflib.get_close_matches(name, models, n=1, cutoff=0.4)
                hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(models)}"
                raise ValueError(f"source {self.name}: {key}: no model is called {name}; {hint}")
        recipe = self.made_by
        if kind == "preference" and recipe.makes != "pairs":
            raise ValueError(f"source {self.name}: recipe {recipe.name} makes no preference pairs")
        if kind == "rlvr" and recipe.verifier is None:
            raise ValueError(f"source {self.name}: recipe {recipe.name} has no verifier for rlvr")

    @property
    def names(self) -> dict[str, str]:
        """The models that are asked, by the key that names them."""
        used = {"prompts": self.prompts, "answers.model": self.answers.model}
        if self.keep == "judge":
            used["answers.judge"] = self.answers.judge or self.answers.model
        return used


def _recipe(given: str | dict[str, dict[str, Any]], language: str | None) -> Recipe:
    """The recipe that a mixture names. ValueError names the nearest, or the wrong setting."""
    name, settings = next(iter(given.items())) if isinstance(given, dict) else (given, {})
    if name.endswith((".yaml", ".yml")):
        return written(name, settings, language)
    spoken = {"language": language} if language else {}
    return recipes.recipe(name, **{**spoken, **(settings or {})})
