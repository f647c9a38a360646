"""From records to rows: shape, invariants, ids and provenance; what cannot be a row says why."""

import difflib
import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import orjson
import polars as pl
from pydantic import Field

from dataengine.errors import UserError
from dataengine.row import (
    FOR_THE_TEMPLATE,
    MEASURED,
    MESSAGES,
    PROVENANCE,
    Kind,
    message,
    schema,
    text_violation,
    violation,
)
from dataengine.rows import shapes
from dataengine.rows.calls import dumped
from dataengine.rows.errors import ShapeError
from dataengine.rows.formats import Record
from dataengine.rows.turns import Keys, with_reasoning
from dataengine.sources.constraints import constrained
from dataengine.sources.source import RecordSource
from dataengine.sources.where import Where
from dataengine.stages.stage import (
    FAILED,
    Context,
    Outcome,
    Reader,
    failed_row,
)

PART_ROWS = 8_192
PART_BYTES = 32 << 20
"""A part ends at whichever comes first, so that no part outgrows memory. Both are part of the
bytes of a build: they depend on the input alone, never on the number of workers."""

SAID = ("skill", "language", "licence")
"""What a record says of itself beside its content, where `columns` names the column."""
NUMBERS = {
    c for columns in MEASURED.values() for c, dtype in columns.items() if dtype == pl.Float64
}
"""The columns beside a row's content that hold numbers; the others hold text."""
NOTHING = dict.fromkeys(field.name for field in PROVENANCE.fields)  # type: ignore[attr-defined]


class Ingest:
    """Turns the records of one source into parts of rows."""

    def __init__(
        self, source: RecordSource, kind: Kind, seed: int, dataset: str, revision: str | None
    ):
        """`dataset` and `revision` are what a row's provenance says."""
        self.source, self.kind, self.seed = source, kind, seed
        self.dataset, self.revision = dataset, revision
        self.shape = source.shape
        self.not_carried: Counter[str] = Counter()
        """How many rows had a key that says something and is not carried, by its name."""
        self.renamed: dict[str, str] = {}
        """Keys that were read under another name than the usual one, with our name."""
        self._there: dict[str, None] = {}
        self._shapeless: str | None = None
        self._carried = {*SAID, *MEASURED[kind], *source.keep, *source.columns.values()}
        self._where = Where(source.where, f"source {source.name}") if source.where else None

    def parts(self, records: Iterable[Record]) -> Iterator[Outcome]:
        """Rows and quarantined records, in parts of bounded size; the last one has the figures.

        Raises:
            UserError: no record of the first part is of a known shape, `columns` names a column
                that no record has, or `where` is wrong.
        """
        for batch in _batches(records):
            rows, failed = self.made(batch)
            if self._shapeless and not self.shape:
                self._named_columns_are_there()
                raise UserError(f"source {self.source.name}: {self._shapeless}")
            yield Outcome(
                kept=pl.DataFrame(rows, schema=schema(self.kind)),
                failed=pl.DataFrame(failed, schema=FAILED),
                taken=len(batch),
            )
        if self._where:
            self._where.done()
        if self._there:
            self._named_columns_are_there()

    def made(self, records: list[Record]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The rows that records become, and what is said of those that become none."""
        rows: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for record in self._taken(records, failed):
            self._there |= dict.fromkeys(record.value or ())
            trouble = self._row(record, rows)
            if trouble:
                failed.append(self._failed(record, trouble))
        return rows, failed

    def lose(self, keys: Mapping[str, int]) -> None:
        """Count keys that say something and are not carried, in so many rows each."""
        self.not_carried.update({k: n for k, n in keys.items() if k not in self._carried})

    def figures(self) -> dict[str, Any]:
        """What the manifest says of the records' keys."""
        lost = dict(sorted(self.not_carried.items(), key=lambda pair: (-pair[1], pair[0])))
        named = {"not_carried": lost, "read_as": dict(sorted(self.renamed.items()))}
        return {key: value for key, value in named.items() if value}

    def _taken(self, batch: list[Record], failed: list[dict[str, Any]]) -> list[Record]:
        """The records of a batch that parse and meet `where`; the others go to `failed`."""
        sound = []
        for record in batch:
            if record.value is None:
                failed.append(self._failed(record, record.trouble or "unreadable"))
            else:
                sound.append(record)
        if self._where is None or not sound:
            return sound
        taken = self._where.holds([r.value for r in sound if r.value is not None])
        failed += [
            self._failed(record._replace(value=None), "where")
            for record, taken_ in zip(sound, taken, strict=True)
            if not taken_
        ]
        return [record for record, taken_ in zip(sound, taken, strict=True) if taken_]

    def _row(self, record: Record, rows: list[dict[str, Any]]) -> str | None:
        """Append the record's row, or say why it has none."""
        assert record.value is not None
        value = self._renamed(record.value)
        try:
            content, keys = self._content(value, record.row)
        except ShapeError as error:
            return f"{error.reason}: {error}"
        except (UserError, MemoryError):
            raise
        except Exception as error:  # one record must not end a build
            return f"{type(error).__name__} in read: {error}"
        gold = content.pop("gold", None)
        known = {c: value.get(c) for c in MEASURED[self.kind]}
        said = {c: value.get(c) for c in SAID}
        trouble = violation(self.kind, content) or _mistyped(known | said)
        if trouble:
            return trouble
        rows.append(
            {
                "id": None,  # from the digest of its content, where that is made
                "source": self.source.name,
                **content,
                **known | ({"gold": gold} if self.kind == "rlvr" else {}),
                "skill": said["skill"] or self.source.skill,
                "language": said["language"] or self.source.language,
                "licence": said["licence"] or self.source.licence,
                "own": self._own(record.value),
                "provenance": self._provenance(record, value),
            }
        )
        self._account_for(keys, value)
        return None

    def _content(self, value: dict[str, Any], row: int) -> tuple[dict[str, Any], Keys]:
        """The content columns of a record in their stored form, and what became of its keys."""
        shape = self.shape or self._found(value)
        if self.source.constraints:
            made = constrained(value, self.source, self.seed, row)
        else:
            made = shapes.content(value, shape, self.kind, self.source.verifier)
        columns = dict(made.columns)
        for name, dtype in schema(self.kind).items():
            if dtype == MESSAGES and name in columns:
                turns = with_reasoning(columns[name], self.source.reasoning, made.keys)
                columns[name] = [message(**turn) for turn in turns]
        for name in FOR_THE_TEMPLATE:
            columns[name] = dumped(columns.get(name))
        return columns, made.keys

    def _account_for(self, keys: Keys, value: Mapping[str, Any]) -> None:
        """Count the keys of a row that it does not carry."""
        own = {"id"} if isinstance(value.get("id"), str | int) else set()
        self.not_carried.update(keys.lost - self._carried - own)
        self.renamed.update(keys.renamed)

    def _renamed(self, value: dict[str, Any]) -> dict[str, Any]:
        """The record with our names for the columns that the source calls something else.

        Only named columns may speak of a row's skill, language and licence: a source's own
        `language` column means whatever that source meant by it.
        """
        ours = self.source.columns
        named = {our: value[theirs] for our, theirs in ours.items() if theirs in value}
        silent = set(SAID) - ours.keys()
        if not named and silent.isdisjoint(value):
            return value
        return {k: v for k, v in value.items() if k not in silent} | named

    def _found(self, value: dict[str, Any]) -> shapes.Shape:
        """The source's shape, from the first record that has one; later ones must have it too."""
        try:
            self.shape = shapes.find(value, self.kind)
        except ShapeError as error:
            self._shapeless = self._shapeless or str(error)
            raise
        return self.shape

    def _named_columns_are_there(self) -> None:
        """Refuse a name under `columns` or `keep` that no record has."""
        named = [(f"columns: {our}", theirs) for our, theirs in self.source.columns.items()]
        named += [("keep", own) for own in self.source.keep]
        for key, theirs in named:
            if theirs not in self._there:
                near = difflib.get_close_matches(theirs, self._there, n=1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise UserError(
                    f"source {self.source.name}: {key}: no record has {theirs}; they have "
                    f"{', '.join([*self._there][:20])}{hint}"
                )

    def _own(self, value: Mapping[str, Any]) -> str | None:
        """The source's own columns that it asked to keep, as JSON."""
        own = {key: value[key] for key in self.source.keep if value.get(key) is not None}
        return orjson.dumps(own, default=str).decode() if own else None

    def _provenance(self, record: Record, value: Mapping[str, Any]) -> dict[str, Any]:
        own = value.get("id")
        return NOTHING | {
            "dataset": self.dataset,
            "revision": self.revision,
            "file": record.file,
            "row": record.row,
            "source_id": str(own) if isinstance(own, str | int) else None,
        }

    def _failed(self, record: Record, reason: str) -> dict[str, Any]:
        return failed_row(self.source.name, record, reason)


class RecordReader(Reader):
    """A stage that reads the records of one source and makes rows of them."""

    name: ClassVar[str] = "read"
    version: ClassVar[int] = 4
    source: RecordSource
    kind: Kind
    limit: int | None = Field(None, gt=0)
    """For a preview: at most so many records."""
    drawn: bool = False
    """For a look: those records are drawn by hash, and are not the first."""

    def label(self) -> str:
        return f"read {self.source.name}"

    def identity(self) -> dict[str, Any]:
        how = {"drawn": True} if self.drawn else {}
        return {"source": self.source.reading(), "kind": self.kind, "limit": self.limit} | how

    @property
    def first(self) -> int | None:
        """So many records are read, and no more; None for all."""
        return None if self.drawn else self.limit

    def figures(self) -> dict[str, Any]:
        """What identifies what is read, for the manifest and the lock."""
        raise NotImplementedError

    def origin(self) -> tuple[str, str | None]:
        """The dataset and revision that a row's provenance names."""
        raise NotImplementedError

    def records(self) -> Iterator[Record]:
        """The records as they are, before they become rows."""
        raise NotImplementedError

    def outcomes(self, ingest: Ingest, context: Context) -> Iterator[Outcome]:
        """The records as parts of rows."""
        records = self.records()
        if self.drawn and self.limit:
            records = sampled(records, self.limit, f"{ingest.seed}:look:{self.source.name}")
        yield from ingest.parts(records)

    def notes(self) -> Iterator[str]:
        """What a person should know of how the records are read."""
        yield from ()

    def read(self, context: Context) -> Iterator[Outcome]:
        for note in self.notes() if context.notify else ():
            context.notify(note)
        ingest = Ingest(self.source, self.kind, context.seed, *self.origin())
        yield from self.outcomes(ingest, context)
        yield Outcome(figures=self.figures() | ingest.figures())


def sampled(records: Iterable[Record], count: int, key: str) -> Iterator[Record]:
    """So many records, in their order: those whose places have the least hashes under `key`."""
    keyed = key.encode()[:64]
    held: list[tuple[int, int, Record]] = []
    for number, record in enumerate(records):
        named = f"{record.file}:{record.row}".encode()
        digest = hashlib.blake2b(named, digest_size=8, key=keyed).digest()
        entry = -int.from_bytes(digest, "big"), number, record
        if len(held) < count:
            heapq.heappush(held, entry)
        elif entry > held[0]:
            heapq.heapreplace(held, entry)
    yield from (record for _, _, record in sorted(held, key=lambda one: one[1]))


def _mistyped(known: dict[str, Any]) -> str | None:
    """Which of the columns beside a row's content holds what it cannot hold."""
    for column, value in known.items():
        if value is None:
            continue
        number = column in NUMBERS
        if isinstance(value, bool) or not isinstance(value, int | float if number else str):
            return f"not {'a number' if number else 'text'}: {column}"
        wrong = text_violation(value) if isinstance(value, str) else None
        if wrong:
            return f"{wrong}: {column}"
    return None


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += record.size
        if len(batch) >= PART_ROWS or size >= PART_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
