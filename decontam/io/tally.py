"""Row counts: rows by source, texts by key, rows without text."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from dataengine.errors import UserError
from decontam.io.batches import Batch

NAMED = 100
"""Keys that the report names, the commonest ones."""


@dataclass
class Tally:
    """What batches held, added up."""

    sources: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    textless: int = 0

    @classmethod
    def of(cls, batch: Batch, allow_textless: bool) -> "Tally":
        """The counts of one batch.

        Raises:
            UserError: a row holds no text, and that is not allowed.
        """
        rows = batch.without_text()
        if rows and not allow_textless:
            there = ", ".join(batch.row(rows[0])) or "no keys"
            raise UserError(
                f"{batch.file}:{batch.numbers[rows[0]]}: this row, and {len(rows) - 1:,} more of "
                f"{len(batch):,}, hold no text that could be checked (keys: {there}); name keys "
                "of text with --columns KEY=ROLE, or count such rows with --allow-textless"
            )
        return cls(batch.sources(), batch.keys(), len(rows))

    def add(self, other: "Tally") -> None:
        """Count another batch as well."""
        self.sources += other.sources
        self.keys += other.keys
        self.textless += other.textless

    def report(self) -> dict[str, Any]:
        """What the report says of it."""
        ranked = sorted(self.keys.items(), key=lambda pair: (-pair[1], pair[0]))
        rest = sum(count for _, count in ranked[NAMED:])
        keys = dict(ranked[:NAMED]) | ({"(others)": rest} if rest else {})
        return {"keys": keys, "rows_without_text": self.textless}
