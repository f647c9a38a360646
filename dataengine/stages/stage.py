"""A stage: a frozen config, and what it does to one part of a table.

Adding a stage is one file with one subclass. Ids, lineage, counting, caching, writing,
progress and the threads are `run.py`'s business, never a stage's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import orjson
import polars as pl

from dataengine.config import Config
from dataengine.row import Kind
from dataengine.table import Table


class Outcome(NamedTuple):
    """What became of the rows of one part: kept + dropped = those that went in (+ copies)."""

    kept: pl.DataFrame
    dropped: pl.DataFrame
    """The rows that go, as they came, with `reason` (short, countable) and `evidence` (JSON)."""
    failed: pl.DataFrame | None = None
    """Rows that could not be judged or made, in the columns of `FAILED`."""
    taken: int | None = None
    """A reader's count of the records that it took for this part, where it counts them apart."""

    def tables(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Those of kept, dropped and failed that hold rows, by name."""
        for name in ("kept", "dropped", "failed"):
            rows = getattr(self, name)
            if rows is not None and rows.height:
                yield name, rows

    @classmethod
    def all_kept(cls, rows: pl.DataFrame) -> "Outcome":
        """No row goes."""
        nothing = pl.lit(None, dtype=pl.String)
        return cls(rows, rows.clear().with_columns(reason=nothing, evidence=nothing))

    @classmethod
    def undecided(cls, rows: pl.DataFrame, stage: str, error: Exception) -> "Outcome":
        """Rows that a stage could not decide on, since it raised: they fail under its name."""
        reason = f"{type(error).__name__} in {stage}"
        failed = [
            {
                "source": row["source"],
                "row": row["provenance"]["row"],
                "reason": reason,
                "evidence": evidence(id=row["id"], stage=stage, detail=str(error)[:500]),
                "record": recognisable(row),
            }
            for row in rows.iter_rows(named=True)
        ]
        none = rows.clear()
        return cls(none, none, pl.DataFrame(failed, schema=FAILED))

    @classmethod
    def joined(cls, outcomes: "Sequence[Outcome]") -> "Outcome":
        """The outcomes of consecutive parts as that of one."""
        failed = [o.failed for o in outcomes if o.failed is not None]
        dropped = [o.dropped for o in outcomes if o.dropped.height]
        return cls(
            pl.concat([o.kept for o in outcomes]),
            pl.concat(dropped) if dropped else outcomes[0].dropped,
            pl.concat(failed) if failed else None,
        )

    @classmethod
    def by_reason(cls, rows: pl.DataFrame, reason: pl.Series, evidence: pl.Series) -> "Outcome":
        """Split rows: dropped where `reason` is not null, kept elsewhere."""
        out = reason.is_not_null()
        dropped = rows.with_columns(
            reason.alias("reason"), evidence.cast(pl.String).alias("evidence")
        )
        return cls(rows.filter(~out), dropped.filter(out))


FAILED = {
    "source": pl.String(),
    "row": pl.Int64(),
    "reason": pl.String(),
    "evidence": pl.String(),
    "record": pl.String(),
}
"""A row that never became one: where it stood, why, and the beginning of what was there."""


@dataclass(frozen=True)
class Context:
    """What a run lends to a stage's survey; nothing here may change a stage's result."""

    kind: Kind
    seed: int
    workers: int
    folder: Path
    """A scratch folder of the stage's own, kept beside its output when it finishes."""
    cache: Path
    """Where indexes that outlive a build are kept."""
    ledger: Path | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    """What a reader adds to what the manifest says of its source."""
    notify: Any = None
    """Called with a line of text when the stage has something to tell a person."""


@dataclass(frozen=True)
class Survey:
    """What one look at the whole table found: what `apply` needs, and what the build shows."""

    found: Any = None
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    """Evidence tables, written beside the stage's output under their names."""
    figures: dict[str, Any] = field(default_factory=dict)
    """JSON figures for the manifest and the card."""
    added: int = 0
    """Rows this stage makes: copies of rows that are repeated."""
    mendable: dict[str, int] = field(default_factory=dict)
    """Failures that a later run may mend, by reason: the next run asks for them again."""


class Stage(Config):
    """One step of a build. Subclasses are configs; their fields are what a person may set."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raise it when the same config gives other rows: it is part of the fingerprint."""

    def needs(self) -> dict[str, str]:
        """Hashes of what lies outside the config and changes the result (suites, files)."""
        return {}

    def identity(self) -> dict[str, Any]:
        """The part of the config that decides the rows."""
        return self.model_dump(mode="json")

    def settled(self) -> bool:
        """Whether `needs` can be answered without asking the network."""
        return True

    def label(self) -> str:
        """What the plan and the progress call this stage."""
        return self.name

    def explain(self) -> str:
        """One line for the plan: what the stage will do, by default its docstring's first."""
        return (self.__doc__ or "").strip().splitlines()[0].rstrip(".")

    def projected(self, ledger: Path) -> str:
        """`explain`, with what the build's ledger has shown already."""
        return self.explain()

    def survey(self, table: Table, context: Context) -> Survey:
        """Look at the whole table once, before any part of it is decided on."""
        return Survey()

    def apply(self, rows: pl.DataFrame, survey: Survey) -> Outcome:
        """Decide on one part. Called from several threads; must depend on its arguments alone."""
        raise NotImplementedError


class Reader(Stage):
    """A stage without input: it brings rows in. Its outcomes are parts, in order."""

    def read(self, context: Context) -> Iterator[Outcome]:
        """Rows as parts of bounded size; what cannot become a row is in `failed`."""
        raise NotImplementedError

    def figures(self) -> dict[str, Any]:
        """What the manifest records of this source once it has been read."""
        return {}

    def mendable(self) -> dict[str, int]:
        """Failures of the last `read` that a later run may mend, by reason."""
        return {}

    def known_rows(self) -> int | None:
        """How many rows there are to read, where that can be known without reading them."""
        return None


class Writer(Stage):
    """The last stage: it writes the rows as people will read them, and drops none."""

    def write(self, table: Table, context: Context) -> dict[str, Any]:
        """Write into `context.folder`; returns the figures for the manifest."""
        raise NotImplementedError


def evidence(**facts: Any) -> str:
    """Evidence as one line of JSON."""
    return orjson.dumps(facts).decode()


KEPT_OF_A_BAD_RECORD = 2_000
"""Characters of a quarantined record that are kept to recognise it by."""


def recognisable(value: dict[str, Any]) -> str:
    """The beginning of a record, as JSON where it can be."""
    try:
        text = orjson.dumps(value, default=str)[: 4 * KEPT_OF_A_BAD_RECORD].decode(errors="ignore")
    except orjson.JSONEncodeError:
        text = repr(value)[:KEPT_OF_A_BAD_RECORD].encode(errors="replace").decode()
    return text[:KEPT_OF_A_BAD_RECORD]
