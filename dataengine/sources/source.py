"""A source: where rows come from, under which licence, and how many of them the mixture takes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from dataengine.config import Config, unknown
from dataengine.row import MEASURED, schema
from dataengine.rows.shapes import BESIDE, KEYS, READ, Shape
from dataengine.schema import Names
from eval import verifiers

if TYPE_CHECKING:
    from dataengine.mixture import Mixture
    from dataengine.stages.stage import Reader


class Amount(NamedTuple):
    """How much of a source the mixture takes: one of rows, fraction, repeat, tokens, or all."""

    unit: Literal["rows", "fraction", "repeat", "tokens", "all"]
    value: float

    def __str__(self) -> str:
        return "all rows" if self.unit == "all" else f"{self.unit} {self.value:,.12g}"


class Source(Config):
    """What every source has, wherever its rows come from."""

    key: ClassVar[str]
    """The key of a mixture that marks a source as one of this kind: `path`, `hub` ..."""

    name: str = Field(pattern=r"^[\w][\w.\-]*$")
    """Names the rows' `source` column, the counts and the card."""
    licence: str | None = None
    """SPDX or Hub id (`CC-BY-NC-4.0`, `mit`); a build without it cannot be published."""
    skill: str | None = None
    """What the rows teach (general, math, code, safety ...): for the composition table."""
    language: str | None = None
    """BCP-47 tag of the rows' language."""
    reasoning: Literal["keep", "in_content", "drop"] = "keep"
    """What becomes of the assistant's reasoning: kept as `reasoning_content`, moved into the
    content between <think> tags, or dropped."""
    rows: int | None = Field(None, gt=0, strict=True)
    """Take exactly this many rows, drawn by hash of (seed, row id)."""
    fraction: float | None = Field(None, gt=0, le=1, strict=True)
    """Take this share of the rows."""
    repeat: float | None = Field(None, gt=1, le=1_000, strict=True)
    """Take every row this many times; 2.5 is two copies and half of a third."""
    tokens: int | None = Field(None, gt=0, strict=True)
    """Take rows until they hold this many tokens of the mixture's tokenizer."""

    @model_validator(mode="after")
    def _one_amount(self) -> "Source":
        given = [u for u in ("rows", "fraction", "repeat", "tokens") if getattr(self, u)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are both given: keep exactly one amount")
        return self

    @property
    def amount(self) -> Amount:
        """The one amount that is given, or all rows."""
        for unit in ("rows", "fraction", "repeat", "tokens"):
            value = getattr(self, unit)
            if value:
                return Amount(unit, value)
        return Amount("all", 1.0)

    @property
    def names(self) -> dict[str, str]:
        """The models that are asked, by the key that names them."""
        return {}

    def reader(self, mixture: "Mixture", limit: int | None) -> "Reader":
        """The stage that reads it: at most `limit` records, for a preview."""
        raise NotImplementedError

    def check(self, mixture: "Mixture") -> None:
        """Whether the mixture has what the source names, and is of its kind. Raises ValueError."""

    def reading(self) -> dict[str, Any]:
        """The part of the config that decides what is read: amounts are applied when mixing."""
        return self.model_dump(exclude={"rows", "fraction", "repeat", "tokens"})


NAMES = (
    {name for names in (*KEYS.values(), *READ.values()) for name in names}
    | {name for columns in MEASURED.values() for name in columns}
    | {*BESIDE, "id", "input", "history", "meta", "skill", "language", "licence"}
)
"""Our names for the columns of a record, which `columns` may give to the source's own."""


class RecordSource(Source):
    """A source of records (files, Hub datasets) that still have to become rows."""

    shape: Shape | None = None
    """How the records are laid out; found from their keys where absent."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Our name -> the source's own name, for example {prompt: question, completion: answer}."""
    keep: tuple[str, ...] = ()
    """The source's own columns that stay, under their own names."""
    where: str | None = None
    """A DuckDB condition on the source's own columns; rows that fail it are not taken."""
    verifier: Annotated[str, Names(verifiers.names)] | None = None
    """rlvr: the verifier of every row, where the records have no such column."""
    constraints: tuple[int, int] | None = None
    """rlvr: attach so many verifiable constraints (least, most) to each prompt, drawn by hash of
    (seed, row), and verify those; the answers that the records have are not used."""
    base: Path = Field(default=Path(), exclude=True)
    """The folder that relative paths start from: the mixture file's own."""

    @model_validator(mode="after")
    def _known_names(self) -> "RecordSource":
        """A verifier may read columns of names that it alone knows."""
        for our in self.columns if not self.verifier else ():
            if our not in NAMES:
                raise unknown(our, sorted(NAMES), "column", "columns")
        return self

    @field_validator("keep")
    @classmethod
    def _no_names_of_ours(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        ours = {name for kind in MEASURED for name in schema(kind)}
        if taken := ours.intersection(value):
            raise ValueError(
                f"{min(taken)} is a column of every dataset: it cannot be kept as well"
            )
        return value

    @field_validator("constraints")
    @classmethod
    def _some_constraints(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value and not 1 <= value[0] <= value[1] <= 5:
            raise ValueError("constraints: give [least, most], from 1 to 5")
        return value

    @field_validator("verifier")
    @classmethod
    def _verifier_exists(cls, value: str | None) -> str | None:
        if value:
            verifiers.require(value)
        return value
