"""Preference source configuration: candidates, judge, pairing rule."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from dataengine.config import Config, unknown
from dataengine.preferences import rubrics
from dataengine.preferences.rules import Pairs
from dataengine.schema import Names
from dataengine.sources.dataset_ref import DatasetRef
from dataengine.sources.source import Source

if TYPE_CHECKING:
    from dataengine.mixture import Mixture
    from dataengine.preferences.prefer import PreferenceReader


class Given(DatasetRef):
    """A table that exists."""

    columns: dict[str, str] = Field(default_factory=dict)
    """Our name -> the table's own name, for example {text: output}."""
    where: str | None = None
    """A DuckDB condition on the table's own columns; records that fail it are not taken."""

    @property
    def called(self) -> str:
        """What rows call the table: its file's name, never where that lies."""
        if self.path:
            return self.path if "://" in self.path else Path(self.path).name
        return f"hub:{self.hub}"


class OnPolicy(Config):
    """The model that is to be trained answers itself."""

    model: str
    samples: int = Field(2, ge=1, le=64)


class Pool(Config):
    """Other models answer, drawn anew for each prompt."""

    models: list[str] = Field(min_length=1)
    samples_per_prompt: int = Field(3, ge=1)
    """So many of the models answer each prompt, once each."""

    @model_validator(mode="after")
    def _enough(self) -> "Pool":
        if len(set(self.models)) < len(self.models):
            raise ValueError("a model is named twice")
        if self.samples_per_prompt > len(self.models):
            raise ValueError(
                f"samples_per_prompt: {self.samples_per_prompt} models are to answer each "
                f"prompt, and there are {len(self.models)}"
            )
        return self


class Asked(Config):
    """Candidates that models are asked for."""

    on_policy: OnPolicy | None = None
    pool: Pool | None = None
    temperature: float = Field(1.0, ge=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    max_tokens: int = Field(2_048, gt=0)

    @model_validator(mode="after")
    def _two_or_more(self) -> "Asked":
        if self.answers < 2:
            raise ValueError("a pair takes two candidates: raise samples or samples_per_prompt")
        if self.on_policy and self.on_policy.samples > 1 and self.temperature == 0:
            raise ValueError("temperature: 0 gives the same sample every time; raise it")
        if self.on_policy and self.pool and self.on_policy.model in self.pool.models:
            raise ValueError(f"pool: {self.on_policy.model} is the policy; leave it out here")
        return self

    @property
    def answers(self) -> int:
        """Candidates of each prompt, where every model answers."""
        own = self.on_policy.samples if self.on_policy else 0
        return own + (self.pool.samples_per_prompt if self.pool else 0)

    @property
    def names(self) -> dict[str, str]:
        """The models that answer, by the key that names them."""
        own = {"candidates.on_policy.model": self.on_policy.model} if self.on_policy else {}
        others = self.pool.models if self.pool else []
        return own | {f"candidates.pool.models.{n}": name for n, name in enumerate(others)}


class FromBuild(Config):
    """Prompts of a finished build: those that its training split uses, or those it left over."""

    build: str
    take: Literal["used", "unused"] = "used"
    content: str | None = None
    """The build that a lock file pins, by the hash of its manifest."""
    share: float | None = Field(None, gt=0, le=1)
    base: Path = Field(default=Path(), exclude=True)


class FromTable(Given):
    """Prompts of a table: `prompt` (text or messages) or `messages`; `verifier` and `ground_truth`
    where answers can be checked."""

    share: float | None = Field(None, gt=0, le=1)


def _table_or_build(value: Any) -> str:
    return "build" if isinstance(value, FromBuild) or "build" in value else "table"


Origin = Annotated[
    Annotated[FromBuild, Tag("build")] | Annotated[FromTable, Tag("table")],
    Discriminator(_table_or_build),
]


class Prompts(Config):
    """Which prompts are answered. One that a named build holds out never comes back."""

    origins: list[Origin] = Field(alias="from", min_length=1)
    """Where from; a prompt that stands in several comes from the first."""
    rows: int | None = Field(None, gt=0)
    """So many prompts in all, drawn by hash of (seed, prompt); the shares say of which origin."""
    exclude: list[str] = Field(default_factory=list)
    """Builds of which no prompt is taken, used, unused or held out: what RLVR trains on, say."""
    base: Path = Field(default=Path(), exclude=True)

    @field_validator("origins")
    @classmethod
    def _shares_are_whole(cls, value: list[Any]) -> list[Any]:
        shares = [origin.share for origin in value]
        if any(shares) and not all(shares):
            raise ValueError("give every entry a share, or none")
        if any(shares) and abs(sum(shares) - 1) > 1e-6:
            raise ValueError(f"the shares sum to {sum(shares):g}, not to 1")
        return value


class Judge(Config):
    """Who scores candidates, and in what: `rubrics/` has a file for each aspect."""

    model: str
    aspects: list[Annotated[str, Names(rubrics.names)]] = Field(
        default_factory=lambda: [*rubrics.DEFAULT], min_length=1
    )
    max_tokens: int = Field(2_048, gt=0)

    @field_validator("aspects")
    @classmethod
    def _known(cls, value: list[str]) -> list[str]:
        for aspect in value:
            if aspect not in rubrics.names():
                raise unknown(aspect, list(rubrics.names()), "aspect")
        if len(set(value)) < len(value):
            raise ValueError("an aspect is named twice")
        return value


def _given_or_asked(value: Any) -> str:
    given = isinstance(value, Given) or (isinstance(value, dict) and {"path", "hub"} & value.keys())
    return "given" if given else "asked"


Candidates = Annotated[
    Annotated[Given, Tag("given")] | Annotated[Asked, Tag("asked")], Discriminator(_given_or_asked)
]


class PreferenceSource(Source):
    """Pairs made of candidates, by a rule, from scores or comparisons."""

    key: ClassVar[str] = "candidates"

    candidates: Candidates
    """A table of answers (`prompt, model, text`, perhaps `score`), or who is to be asked."""
    prompts: Prompts | None = None
    scores: Given | None = None
    """A table of scores: `prompt, model` (or `candidate_id`), `score`, perhaps `aspect`."""
    annotations: Given | None = None
    """A table of comparisons: `prompt, first, second` (models, or candidate ids), `preference`
    from 1 (the first is better) to 2; `first_text`, `second_text` where another text was judged."""
    judge: Judge | None = None
    pairs: Pairs = Field(default_factory=lambda: Pairs.model_validate({}))

    @model_validator(mode="after")
    def _whole(self) -> "PreferenceSource":
        asked = isinstance(self.candidates, Asked)
        if asked and self.prompts is None:
            raise ValueError("candidates that are asked for need `prompts: {from: [...]}`")
        if asked and (self.scores or self.annotations):
            raise ValueError("scores and annotations are of candidates that exist already")
        if asked and self.judge is None and self.pairs.rule != "verifier":
            raise ValueError("say who judges: `judge: {model: ...}`, or `pairs: {rule: verifier}`")
        if not asked and self.prompts is not None:
            raise ValueError("a table of candidates brings its own prompts: leave `prompts` out")
        if self.pairs.rule == "pairwise" and not (self.annotations or self.judge):
            raise ValueError("pairs.rule: pairwise needs `annotations`, or a `judge`")
        if self.annotations and self.pairs.rule != "pairwise":
            raise ValueError("annotations are comparisons: write `pairs: {rule: pairwise}`")
        if self.judge and (self.scores or self.annotations):
            raise ValueError("give a judge, or what one has said already: not both")
        own = isinstance(self.candidates, Asked) and self.candidates.on_policy
        if asked and self.pairs.on_policy != "any" and not own:
            raise ValueError(f"pairs.on_policy: {self.pairs.on_policy} needs candidates.on_policy")
        return self

    @property
    def tables(self) -> dict[str, Given]:
        """The tables that are read, by their key."""
        found = {"candidates": self.candidates, "scores": self.scores}
        found["annotations"] = self.annotations
        return {key: table for key, table in found.items() if isinstance(table, Given)}

    def reading(self) -> dict[str, Any]:
        """What decides the pairs; what a lock pins is hashed as what was found there."""
        told = super().reading()
        for key in self.tables:
            del told[key]["content"], told[key]["revision"]
        for origin in (told["prompts"] or {}).get("origins", []):
            origin.pop("content", None)
            origin.pop("revision", None)
        return told

    @property
    def judges(self) -> bool:
        """Whether a judge is asked: a rule that takes the verifier's word needs none."""
        return self.judge is not None and self.pairs.rule != "verifier"

    @property
    def names(self) -> dict[str, str]:
        """The models that are asked, by the key that names them."""
        used = self.candidates.names if isinstance(self.candidates, Asked) else {}
        judging = {"judge.model": self.judge.model} if self.judge and self.judges else {}
        return used | judging

    def reader(self, mixture: "Mixture", limit: int | None) -> "PreferenceReader":
        from dataengine.preferences.prefer import PreferenceReader

        return PreferenceReader(
            source=self,
            kind=mixture.kind,
            models=mixture.models,
            usd=mixture.budget.usd if mixture.budget else None,
            tokenizer=mixture.tokenizer,
            seed=mixture.seed,
            limit=limit,
        )

    def check(self, mixture: "Mixture") -> None:
        """Whether the mixture makes pairs, and has the models that are named. Raises ValueError."""
        models, kind = mixture.models, mixture.kind
        if kind != "preference":
            raise ValueError(f"source {self.name}: candidates make pairs: write kind: preference")
        for key, name in self.names.items():
            if name not in models:
                near = difflib.get_close_matches(name, models, n=1, cutoff=0.4)
                hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(models)}"
                raise ValueError(f"source {self.name}: {key}: no model is called {name}; {hint}")
