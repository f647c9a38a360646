"""From records to rows: shape, invariants, ids and provenance; what cannot be a row says why."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, NamedTuple

import polars as pl
from pydantic import Field

from dataengine.errors import UserError
from dataengine.row import MEASURED, Kind, row_id, schema, text_violation, violation
from dataengine.sources import shapes
from dataengine.sources.constraints import constrained
from dataengine.sources.source import RecordSource
from dataengine.sources.where import Where
from dataengine.stages.stage import (
    FAILED,
    KEPT_OF_A_BAD_RECORD,
    Context,
    Outcome,
    Reader,
    evidence,
    recognisable,
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


class Record(NamedTuple):
    """One record of a source, or why there is none where one should be."""

    row: int
    """Line or row number in the source, from 1 as editors count."""
    value: dict[str, Any] | None
    size: int = 0
    """Bytes it took in its file, as far as known."""
    trouble: str | None = None
    raw: str = ""


class Ingest:
    """Turns the records of one source into parts of rows."""

    def __init__(
        self, source: RecordSource, kind: Kind, seed: int, dataset: str, revision: str | None
    ):
        """`dataset` and `revision` are what a row's provenance says."""
        self.source, self.kind, self.seed = source, kind, seed
        self.dataset, self.revision = dataset, revision
        self.shape = source.shape
        self._seen: Counter[str] = Counter()
        self._where = Where(source.where, f"source {source.name}") if source.where else None

    def parts(self, records: Iterable[Record]) -> Iterator[Outcome]:
        """Rows and quarantined records, in parts of bounded size.

        Raises:
            UserError: the first records show that no record of this source can become a row
                (an unknown shape, plain text), or `where` is wrong.
        """
        for batch in _batches(records):
            rows: list[dict[str, Any]] = []
            failed: list[dict[str, Any]] = []
            for record in self._taken(batch, failed):
                trouble = self._row(record, rows)
                if trouble:
                    failed.append(self._failed(record, trouble))
            yield Outcome(
                kept=pl.DataFrame(rows, schema=schema(self.kind)),
                dropped=pl.DataFrame(schema=schema(self.kind)),
                failed=pl.DataFrame(failed, schema=FAILED),
                taken=len(batch),
            )
        if self._where:
            self._where.done()

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
            shape = self.shape or self._found(value)
            if self.source.constraints:
                content = constrained(value, self.source, self.seed, record.row)
            else:
                content = shapes.content(value, shape, self.kind, self.source.verifier)
        except shapes.ShapeError as error:
            return f"shape: {error}"
        known = {c: value.get(c) for c in MEASURED[self.kind]}
        said = {c: value.get(c) for c in SAID}
        trouble = violation(self.kind, content) or _mistyped(known | said)
        if trouble:
            return trouble
        gold = content.pop("gold", None)
        first = row_id(self.source.name, content)
        occurrence = self._seen[first]
        self._seen[first] += 1
        rows.append(
            {
                "id": first if not occurrence else row_id(self.source.name, content, occurrence),
                "source": self.source.name,
                **content,
                **known | ({"gold": gold} if self.kind == "rlvr" else {}),
                "skill": said["skill"] or self.source.skill,
                "language": said["language"] or self.source.language,
                "licence": said["licence"] or self.source.licence,
                "provenance": self._provenance(record.row),
            }
        )
        return None

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
        """The source's shape, from the first record; later ones must have it too."""
        try:
            self.shape = shapes.find(value, self.kind)
        except shapes.ShapeError as error:
            raise UserError(f"source {self.source.name}: {error}") from None
        return self.shape

    def _provenance(self, row: int) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "revision": self.revision,
            "row": row,
            "persona": None,
            "recipe": None,
            "model": None,
            "request": None,
        }

    def _failed(self, record: Record, reason: str) -> dict[str, Any]:
        short, _, detail = reason.partition(": ")
        raw = record.raw
        if not raw and record.value is not None:
            raw = recognisable(record.value)
        return {
            "source": self.source.name,
            "row": record.row,
            "reason": short if detail else reason,
            "evidence": evidence(row=record.row, detail=detail or reason),
            "record": raw[:KEPT_OF_A_BAD_RECORD],
        }


class RecordReader(Reader):
    """A stage that reads the records of one source and makes rows of them."""

    name: ClassVar[str] = "read"
    source: RecordSource
    kind: Kind
    limit: int | None = Field(None, gt=0)
    """For a preview: at most so many records."""

    def label(self) -> str:
        return f"read {self.source.name}"

    def identity(self) -> dict[str, Any]:
        return {"source": self.source.reading(), "kind": self.kind, "limit": self.limit}

    def origin(self) -> tuple[str, str | None]:
        """The dataset and revision that a row's provenance names."""
        raise NotImplementedError

    def records(self) -> Iterator[Record]:
        """The records as they are, before they become rows."""
        raise NotImplementedError

    def read(self, context: Context) -> Iterator[Outcome]:
        return Ingest(self.source, self.kind, context.seed, *self.origin()).parts(self.records())


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
