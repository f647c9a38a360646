"""Decisions: the rows of a part that a stage drops, with reason and evidence; columns it adds."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from dataengine.parts import arrow, framed, mapped, written

GONE = {
    "place": pl.UInt32(),
    "reason": pl.String(),
    "evidence": pl.String(),
    "failed": pl.Boolean(),
}
"""A row that goes, by its place in its part: why, and whether it could not be decided on at all."""


class Decided(NamedTuple):
    """What a stage decides on rows, row for row."""

    reason: pl.Series
    """Short and countable; null where the row stays."""
    evidence: pl.Series
    """JSON."""
    columns: pl.DataFrame | None = None
    """Columns that the stage adds."""
    failed: pl.Series | None = None
    """Where a row goes since the stage raised on it."""

    @classmethod
    def stay(cls, rows: int, columns: pl.DataFrame | None = None) -> "Decided":
        """No row goes."""
        none = pl.Series([None], dtype=pl.String).new_from_index(0, rows)
        return cls(none, none, columns)

    @classmethod
    def joined(cls, decided: "Sequence[Decided]") -> "Decided":
        """What was decided on consecutive rows as one."""
        columns = [d.columns for d in decided if d.columns is not None]
        return cls(
            pl.concat([d.reason for d in decided]),
            pl.concat([d.evidence for d in decided]),
            pl.concat(columns, how="diagonal") if columns else None,
            pl.concat([d.fails for d in decided]),
        )

    @property
    def fails(self) -> pl.Series:
        """Whether each row goes since the stage raised on it."""
        return self.reason.is_null() & False if self.failed is None else self.failed

    def write(self, places: np.ndarray, file: Path) -> None:
        """Write the decisions on the rows at `places` of a part, by one rename."""
        whole = pl.DataFrame(
            [
                pl.Series("place", places, dtype=pl.UInt32),
                self.reason.alias("reason"),
                self.evidence.cast(pl.String).alias("evidence"),
                self.fails.alias("failed"),
                *(self.columns.get_columns() if self.columns is not None else ()),
            ]
        )
        if self.columns is None:
            whole = whole.filter(pl.col("reason").is_not_null())
        written(arrow(whole), file)


class Written(NamedTuple):
    """Decisions as they lie on disk."""

    table: pa.Table

    @classmethod
    def read(cls, file: Path) -> "Written":
        """The decisions on one part."""
        return cls(mapped(file))

    def take(self, alive: NDArray[np.bool_]) -> pl.DataFrame:
        """The rows that go of those that are alive, in `GONE`; from then on they are not."""
        gone = framed(self.table.select(list(GONE))).filter(pl.col("reason").is_not_null())
        places = gone["place"].to_numpy()
        fresh = gone.filter(pl.Series(alive[places]))
        alive[places] = False
        return fresh

    def columns(self) -> pl.DataFrame | None:
        """The columns that were added, with the place of each row; None without any."""
        names = [name for name in self.table.schema.names if name not in GONE]
        if not names:
            return None
        return framed(self.table.select(["place", *names]))
