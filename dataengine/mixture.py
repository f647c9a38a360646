"""The mixture: the one file in which a person describes a dataset."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializeAsAny,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dataengine.config import Config, or_true, unknown
from dataengine.document import Document, validated
from dataengine.models.model_config import BudgetConfig, ModelConfig, check_budget
from dataengine.preferences.preference_source import PreferenceSource
from dataengine.publish.config import Publish
from dataengine.row import Kind
from dataengine.schema import Named, OneOf
from dataengine.sources import REGISTRY as SOURCES
from dataengine.sources import further
from dataengine.sources.files import FileSource
from dataengine.sources.generated import GeneratedSource
from dataengine.sources.hub import HubSource
from dataengine.sources.source import Source
from dataengine.stages import filters as all_filters
from dataengine.stages.decontaminate import Decontaminate
from dataengine.stages.difficulty import Difficulty
from dataengine.stages.exact_dedup import ExactDedup
from dataengine.stages.near_dedup import NearDedup
from dataengine.stages.stage import Stage

M = TypeVar("M", bound=BaseModel)


def _one_origin(value: Any) -> Any:
    """Refuse a source that says no origin, or two."""
    if isinstance(value, Source):
        return value
    if not isinstance(value, dict):
        keys = f"name: and one of {', '.join(f'{key}:' for key in ORIGINS)}"
        raise PydanticCustomError("origin", f"a source is a mapping with {keys}")
    known = [*ORIGINS, *further()]
    given = [key for key in known if key in value]
    if len(given) != 1:
        problem = f"{' and '.join(given)} are both given: keep one" if given else "says no origin"
        raise PydanticCustomError("origin", f"{problem}; a source has one of {', '.join(known)}")
    return value


def _origin(value: Any) -> str | None:
    """The kind of a source, as the tag of its model."""
    for key, model in ORIGINS.items():
        if isinstance(value, model) or (isinstance(value, dict) and key in value):
            return model.__name__
    return "plugin"


def _of_a_plugin(value: Any, info: ValidationInfo) -> Source:
    """A source of a kind that the schema does not know by itself."""
    if isinstance(value, Source):
        return value
    key = next(key for key in further() if key in value)
    return _validated(SOURCES.get(key), value, info)


ORIGINS: dict[str, type[Source]] = {
    model.key: model for model in (FileSource, HubSource, GeneratedSource, PreferenceSource)
}
"""Our kinds of sources by the keys that mark them, in the order in which errors name them."""

AnySource = Annotated[
    Annotated[FileSource, Tag("FileSource")]
    | Annotated[HubSource, Tag("HubSource")]
    | Annotated[GeneratedSource, Tag("GeneratedSource")]
    | Annotated[PreferenceSource, Tag("PreferenceSource")]
    | Annotated[
        SerializeAsAny[Source],
        BeforeValidator(_of_a_plugin),
        Tag("plugin"),
    ],
    Discriminator(_origin),
    BeforeValidator(_one_origin),
    OneOf(lambda: [*ORIGINS.values(), *map(SOURCES.get, further())]),
]


def _near(value: Any, info: ValidationInfo) -> Any:
    value = or_true(value)
    return value | {"base": _base(info)} if isinstance(value, dict) else value


class Dedup(Config):
    """Which rows count as the same row twice."""

    exact: Annotated[
        ExactDedup | None,
        BeforeValidator(or_true, json_schema_input_type=bool | ExactDedup | None),
    ] = None
    """`true`, or {side: prompt | row}."""
    minhash: Annotated[
        NearDedup | None,
        BeforeValidator(_near, json_schema_input_type=bool | NearDedup | None),
    ] = None
    """`true`, or {threshold: 0.8, ...}."""


class Mixture(Config):
    """Everything a build needs to know, apart from the rows themselves."""

    name: str = Field(pattern=r"^[\w][\w.\-]*$")
    kind: Kind = "sft"
    seed: int = Field(42, ge=0, lt=2**63, strict=True)
    base: str | None = None
    """The folder that relative paths start from; this file's own where absent."""
    tokenizer: str | None = None
    """A Hub name or a folder with tokenizer.json, for every figure in tokens; where absent,
    tokens are estimated as UTF-8 bytes / 4, and every such figure says so."""
    models: dict[str, ModelConfig] = Field(default_factory=dict)
    """Who can be asked, by a name of your choice: endpoints, servers of our own, replays."""
    budget: BudgetConfig | None = None
    """A hard cap on what models may cost, over every run of this build: {usd: 25.0}."""
    sources: list[AnySource] = Field(min_length=1)
    filters: Annotated[list[SerializeAsAny[Stage]], Named(all_filters.known, many=True)] = Field(
        default_factory=list
    )
    """Names of filters, or {name: {settings}}, in the order they are applied."""
    dedup: Dedup = Dedup()
    decontaminate: Decontaminate | None = None
    difficulty: Difficulty | None = None
    """rlvr: measure a policy's pass rate on every task, and keep those within a band."""
    splits: dict[str, float] = Field(default_factory=lambda: {"train": 1.0})
    """Shares of the rows; a prompt never stands in two splits."""
    publish: Publish | None = None
    _document: Document | None = PrivateAttr(None)

    @property
    def document(self) -> Document:
        """The mixture as it was written: a file, or what was given from Python."""
        assert self._document is not None
        return self._document

    @model_validator(mode="wrap")
    @classmethod
    def _as_written(
        cls, value: Any, handler: ModelWrapValidatorHandler["Mixture"], info: ValidationInfo
    ) -> "Mixture":
        made = handler(value)
        if made._document is None:
            known = (info.context or {}).get("document")
            made._document = known or Document.given(value)
        return made

    @field_validator("tokenizer")
    @classmethod
    def _beside_the_mixture(cls, value: str | None, info: ValidationInfo) -> str | None:
        """A local tokenizer's path starts where the sources' paths do."""
        local = _base(info) / value if value else None
        return str(local) if local and local.exists() else value

    @field_validator("sources", mode="before")
    @classmethod
    def _based(cls, value: Any, info: ValidationInfo) -> Any:
        """Tell the sources of files where relative paths start."""
        base = _base(info)
        if not isinstance(value, list):
            return value
        return [_with_base(source, base) for source in value]

    @field_validator("models", mode="before")
    @classmethod
    def _based_models(cls, value: Any, info: ValidationInfo) -> Any:
        """Tell the models whose files lie beside the mixture where relative paths start."""
        if not isinstance(value, dict):
            return value
        local = ("vllm", "replay")
        return {
            name: {**model, "base": _base(info)}
            if isinstance(model, dict) and model.get("backend") in local
            else model
            for name, model in value.items()
        }

    @field_validator("filters", mode="before")
    @classmethod
    def _named_filters(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, list):
            raise PydanticCustomError("filters", "a list of filter names is wanted")
        return [_filter(entry, info.data.get("tokenizer")) for entry in value]

    @field_validator(
        "decontaminate",
        mode="before",
        json_schema_input_type=Decontaminate | Literal[False] | None,
    )
    @classmethod
    def _protected(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, dict):
            return _with_judge(value, info) | {"base": _base(info)}
        return None if value is False else value

    @field_validator("splits")
    @classmethod
    def _whole(cls, value: dict[str, float]) -> dict[str, float]:
        for name in value:
            if not re.fullmatch(r"\w+(\.\w+)*", name):
                raise ValueError(f"{name!r} names no split: letters, digits, _ and . between them")
            if name == "all":
                raise ValueError("'all' names no split: `datasets` means every split by it")
        if any(share <= 0 for share in value.values()):
            raise ValueError("a share must be above 0")
        if not math.isclose(sum(value.values()), 1.0, abs_tol=1e-6):
            raise ValueError(f"the shares sum to {sum(value.values()):g}, not to 1")
        return value

    @field_validator("publish", mode="before")
    @classmethod
    def _based_publish(cls, value: Any, info: ValidationInfo) -> Any:
        return value | {"base": _base(info)} if isinstance(value, dict) else value

    @field_validator("difficulty", mode="before")
    @classmethod
    def _with_models(cls, value: Any, info: ValidationInfo) -> Any:
        """Give the stage the models that it may ask."""
        if not isinstance(value, dict):
            return value
        return value | _models(value.get("policy"), "policy", info)

    @model_validator(mode="after")
    def _difficulty_is_of_tasks(self) -> "Mixture":
        if self.difficulty and self.kind != "rlvr":
            raise ValueError(f"difficulty is measured on tasks of kind rlvr, not of {self.kind}")
        return self

    @model_validator(mode="after")
    def _distinct_sources(self) -> "Mixture":
        names = [source.name for source in self.sources]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two sources are called {twice[0]}: give each a name of its own")
        return self

    @model_validator(mode="after")
    def _models_fit(self) -> "Mixture":
        check_budget(self.models, self.budget)
        for source in self.sources:
            source.check(self)
        return self


def load(mixture: str | Path | Mapping[str, Any] | Mixture) -> Mixture:
    """Read and check a mixture: a file, or the same as a dict, whose relative paths start from the
    working folder. One that is checked already stays as it is.

    Raises:
        UserError: what is wrong, with its file, line and key.
    """
    if isinstance(mixture, Mixture):
        return mixture
    if isinstance(mixture, str | Path):
        document = Document(Path(mixture))
    else:
        document = Document.given(mixture)
    base = document.data.get("base") if isinstance(document.data, dict) else None
    folder = document.file.parent
    start = folder / base if isinstance(base, str) else folder
    return validated(Mixture, document, {"base": start, "document": document})


PARTS = ("personas", "documents", "candidates", "scores", "annotations", "prompts", "from")
"""Keys of a source that may name files of their own."""


def _with_base(source: Any, base: Path) -> Any:
    """A source that knows where its relative paths, or those of its parts, start."""
    if isinstance(source, list):
        return [_with_base(one, base) for one in source]
    if not isinstance(source, dict):
        return source
    parts = {key: _with_base(source[key], base) for key in PARTS if key in source}
    local = source.keys() & {"path", "build", "from"} or _has_a_base(source)
    named = {"base": base} if local else {}
    return source | parts | named


def _has_a_base(source: dict[str, Any]) -> bool:
    """Whether it is a source of a further kind that may have files beside the mixture."""
    return any("base" in SOURCES.get(key).model_fields for key in further() if key in source)


def _base(info: ValidationInfo) -> Path:
    return (info.context or {}).get("base", Path())


def _models(name: Any, key: str, info: ValidationInfo) -> dict[str, Any]:
    """The models that a stage may ask, and the budget, where `name` is one of them."""
    models, budget = info.data.get("models") or {}, info.data.get("budget")
    if name not in models:
        raise unknown(str(name), list(models) or ["(none)"], "model", key)
    return {"models": models, "usd": budget.usd if budget else None}


def _with_judge(value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    """Decontamination whose judge of paraphrases and embeddings, if it has them, can be asked."""
    second = value.get("paraphrases")
    if not isinstance(second, dict):
        return value
    for key in ("judge", "embeddings"):
        if second.get(key) is not None:
            second = second | _models(second[key], "paraphrases", info)
    return value | {"paraphrases": second}


def _filter(entry: Any, tokenizer: str | None) -> Stage:
    """A filter from its name, or from {name: settings}."""
    if isinstance(entry, Stage):
        return entry
    name, settings = next(iter(entry.items())) if isinstance(entry, dict) and entry else (entry, {})
    if isinstance(entry, dict) and len(entry) != 1:
        raise PydanticCustomError("filter", "one filter per entry: {name: {settings}}")
    found = all_filters.named(str(name))
    if found is None:
        raise unknown(str(name), list(all_filters.known()), "filter", registry=all_filters.REGISTRY)
    if "tokenizer" in found.model_fields and tokenizer:
        settings = {"tokenizer": tokenizer, **(settings or {})}
    return _validated(found, settings or {}, None, name)


def _validated(model: type[M], value: Any, info: ValidationInfo | None, *where: str) -> M:
    """A value as a model that the schema does not name; an error says where in it."""
    try:
        return model.model_validate(value, context=info.context if info else None)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in (*where, *first["loc"]))
        text = str(first["msg"]).removeprefix("Value error, ")
        raise PydanticCustomError("plugin", f"{place}: {text}" if place else text) from None
