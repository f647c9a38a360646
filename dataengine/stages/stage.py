"""A stage: a frozen config, and how it decides on the rows of a part.

A stage decides; it does not copy. It has up to three steps: `look` at a part (optional), `settle`
what was seen of all parts in one survey, and `apply` that to a part. `look` and `apply` are pure
maps over parts, in any order, in any process. Adding a stage is one file with one subclass. Ids,
lineage, counting, caching, writing, progress and engines are `run.py`'s, never a stage's.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import orjson
import polars as pl
import pyarrow as pa

from dataengine.config import Config
from dataengine.decisions import Decided
from dataengine.row import Kind
from dataengine.rows.formats import Record
from dataengine.sources.source import Source
from dataengine.view import Table, View


class Outcome(NamedTuple):
    """What a reader brings as one part."""

    kept: pl.DataFrame | pa.Table | None = None
    """Rows of the full schema, or as a part holds them; None where nothing was read (the reader's
    last word)."""
    dropped: pl.DataFrame | None = None
    """Rows that were made and go, with `reason` (short, countable) and `evidence` (JSON)."""
    failed: pl.DataFrame | None = None
    """Records that became no row, in the columns of `FAILED`."""
    taken: int | None = None
    """The records that it took for this part, where it counts them apart."""
    figures: Mapping[str, Any] = MappingProxyType({})
    """What the manifest says of the source; the last outcome's is added to the others'."""
    mendable: Mapping[str, int] = MappingProxyType({})
    """Failures that a later run may mend, by reason: the next run asks for them again."""

    @classmethod
    def by_reason(cls, rows: pl.DataFrame, reason: pl.Series, evidence: pl.Series) -> "Outcome":
        """Split rows: dropped where `reason` is not null, kept elsewhere."""
        out = reason.is_not_null()
        dropped = rows.with_columns(
            reason.alias("reason"), evidence.cast(pl.String).alias("evidence")
        )
        return cls(rows.filter(~out), dropped.filter(out))

    @property
    def lost(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Those of dropped and failed that hold rows, by name."""
        for name in ("dropped", "failed"):
            rows = getattr(self, name)
            if rows is not None and rows.height:
                yield name, rows


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
    """What a run lends to a stage; nothing here may change a stage's result."""

    kind: Kind
    seed: int
    workers: int
    folder: Path
    """A scratch folder of the stage's own, kept beside its output when it finishes."""
    cache: Path | None
    """Where indexes that outlive a build are kept: None is the user's cache."""
    pool: ThreadPoolExecutor | None = None
    """The threads of the run."""
    ledger: Path | None = None
    notify: Any = None
    """Called with a line of text when the stage has something to tell a person."""
    compression: str | None = None
    """How parts lie on disk: `lz4` or `zstd`, or as they are mapped."""
    _held: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __reduce__(self) -> tuple[Any, ...]:
        """What travels to a worker elsewhere: one thread, no ledger, and nobody to tell."""
        return Context, (self.kind, self.seed, 1, self.folder, self.cache)

    def shared(self, name: str, make: Callable[[], Any]) -> Any:
        """What is made once for all parts: an index, a model."""
        with self._lock:
            if name not in self._held:
                self._held[name] = make()
            return self._held[name]

    def release(self) -> None:
        """Let go of what was made."""
        self._held.clear()


@dataclass(frozen=True)
class Survey:
    """What was found in all parts: what `apply` needs of it for each, and what the build shows."""

    parts: Sequence[pl.DataFrame] = ()
    """For each part a small table with `place`; none where `apply` needs nothing."""
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    """Evidence tables, written beside the stage's output under their names."""
    figures: dict[str, Any] = field(default_factory=dict)
    """JSON figures for the manifest and the card."""
    mendable: dict[str, int] = field(default_factory=dict)
    """Failures that a later run may mend, by reason: the next run asks for them again."""


class Stage(Config):
    """One step of a build. Subclasses are configs; their fields are what a person may set."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raise it when the same config gives other rows: it is part of the fingerprint."""
    alone: ClassVar[bool] = False
    """Whether it decides on every row by itself: then its decisions hold whatever the other stages
    decide, and which of several is counted is settled when decisions are joined."""
    verifies: ClassVar[bool] = False
    """Whether it asks verifiers: then those of other packages are part of its fingerprint."""

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

    def prepare(self) -> None:
        """Begin what takes time and needs no rows, while they are read: compiling."""

    def share(self, context: Context) -> None:
        """Make what `look` needs for all parts in `context.cache`, where workers find it:
        an index. Called once, where the mixture's paths hold."""

    def look(self, view: View, context: Context) -> pl.DataFrame | None:
        """What there is to know of a part before any part is decided on; None for nothing. It is
        shown all rows of the part as they were read, whatever other stages decide, so that what was
        seen holds when these change: `Table.alive_of` tells who is left."""
        return None

    def looker(self) -> "Stage":
        """The stage without what only `settle` reads: what was seen holds when that changes."""
        return self

    def settle(
        self, looks: Sequence[pl.DataFrame], table: Table, context: Context
    ) -> Survey | None:
        """The survey of all parts, from what was seen of each, in their order; None where every
        part is decided on by itself."""
        return None

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        """Decide on the rows of a part; `found` is the survey's table for it."""
        raise NotImplementedError


class Reader(Stage):
    """A stage without input: it brings rows in."""

    verifies: ClassVar[bool] = True
    source: Source
    replays: ClassVar[bool] = True
    """Whether a part is the same whenever it is read, so that one that is there is not made again
    by a run that goes on."""

    def read(self, context: Context) -> Iterator[Outcome]:
        """Rows as parts of bounded size, in order; what cannot become a row is in `failed`."""
        raise NotImplementedError

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


def failed_row(
    source: str, record: Record, reason: str, table: str | None = None
) -> dict[str, Any]:
    """A record that becomes no row, as a row of FAILED; `reason` is `short: detail`.

    `table` names the one of a source's tables that the record is of, where it has several.
    """
    short, _, detail = reason.partition(": ")
    short = short if detail else reason
    file = {"file": record.file} if record.file and not table else {}
    where = ({"table": table} if table else {}) | {"row": record.row} | file
    raw = record.raw or ("" if record.value is None else recognisable(record.value))
    return {
        "source": source,
        "row": record.row,
        "reason": f"{table}: {short}" if table else short,
        "evidence": evidence(**where, detail=detail or reason),
        "record": raw[:KEPT_OF_A_BAD_RECORD],
    }


def recognisable(value: dict[str, Any]) -> str:
    """The beginning of a record, as JSON where it can be."""
    try:
        text = orjson.dumps(value, default=str)[: 4 * KEPT_OF_A_BAD_RECORD].decode(errors="ignore")
    except orjson.JSONEncodeError:
        text = repr(value)[:KEPT_OF_A_BAD_RECORD].encode(errors="replace").decode()
    return text[:KEPT_OF_A_BAD_RECORD]
