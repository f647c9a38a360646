"""Accounts: what one stage did with its rows, counted, and kept beside its output."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from pydantic import BaseModel

from dataengine import storage
from dataengine.stages.stage import Stage


class Account(BaseModel):
    """What one stage did, kept beside its output: the counts, and what it found out."""

    label: str
    name: str
    version: int
    fingerprint: str
    rows_in: int = 0
    added: int = 0
    """Rows the stage made: copies of rows that are repeated."""
    kept: int = 0
    dropped: int = 0
    failed: int = 0
    reasons: dict[str, int] = {}
    examples: dict[str, str] = {}
    """For each reason the place and the detail of the first row that went for it."""
    figures: dict[str, Any] = {}
    mendable: dict[str, int] = {}
    """Failures that the next run asks for again, by reason."""
    content: str = ""
    """A hash of the rows kept, where there are mendable failures: they decide what follows."""
    parts: list[int] = []
    """Of a reader, the rows of each part."""
    seconds: float = 0.0
    """Wall-clock of the stage when it ran; for people, never part of a manifest."""

    @classmethod
    def of(cls, stage: Stage, fingerprint: str) -> "Account":
        """An account of a stage that has done nothing yet."""
        return cls(
            label=stage.label(), name=stage.name, version=stage.version, fingerprint=fingerprint
        )

    @classmethod
    def kept_in(cls, folder: Path) -> "Account | None":
        """The account of a stage that finished here before."""
        file = folder / "account.json"
        there = storage.whole(folder) and file.is_file()
        return cls.model_validate_json(file.read_bytes()) if there else None

    def keep_in(self, folder: Path) -> None:
        """Write the account beside the stage's output, by one rename: the stage has finished."""
        partial = folder / "tmp-account.json"
        partial.write_text(self.model_dump_json(indent=1))
        partial.rename(folder / "account.json")
        storage.keep(folder)

    def lost(self, most: int = 3) -> str:
        """Why rows went, the commonest reasons first, each with its first row; else empty."""
        ranked = sorted(self.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        told = [f"{why} {count:,} ({self.examples.get(why, '')})" for why, count in ranked[:most]]
        more = [f"and {len(ranked) - most} more"] if len(ranked) > most else []
        return f"{self.label}: {', '.join(told + more)}" if told else ""

    @property
    def output(self) -> str:
        """What identifies the rows that came out."""
        return self.fingerprint + self.content

    def mends(self) -> str:
        """The mendable failures as a line for people."""
        told = ", ".join(f"{reason} {count:,}" for reason, count in sorted(self.mendable.items()))
        count = sum(self.mendable.values())
        return f"{self.label}: {count:,} failed for now ({told}): run again to ask for them again"

    def check(self) -> None:
        """The law of conservation: rows in (and made) = kept + dropped + failed."""
        went_in, came_out = self.rows_in + self.added, self.kept + self.dropped + self.failed
        if went_in != came_out:
            raise AssertionError(
                f"{self.label} lost rows: {went_in:,} went in, {came_out:,} came out "
                f"({self.kept:,} kept, {self.dropped:,} dropped, {self.failed:,} failed)"
            )

    def lose(self, lost: pl.DataFrame, failed: bool, where: Sequence[str]) -> None:
        """Count rows that go, with `reason` and `evidence`; `where` names each for people."""
        setattr(self, "failed" if failed else "dropped", self._so_far(failed) + lost.height)
        counts = Counter(self.reasons) + Counter(dict(lost["reason"].value_counts().iter_rows()))
        self.reasons = dict(sorted(counts.items()))
        first = lost.with_row_index("at").unique("reason", keep="first", maintain_order=True)
        for at, reason, told in first.select("at", "reason", "evidence").iter_rows():
            if reason not in self.examples:
                detail = orjson.loads(told).get("detail") if told else None
                self.examples[reason] = where[at] + (f": {detail}" if detail else "")

    def _so_far(self, failed: bool) -> int:
        return self.failed if failed else self.dropped


class Finished(BaseModel):
    """The output of one stage: its account and where its files are."""

    account: Account
    folder: Path
