"""Twins: the rows that go, each with the row that stays, sorted by part in temporary files.

Which row goes for which is found in no order. Sorted by the row that stays, ids are read part by
part; sorted by the row that goes, each part's twins are a run of a file.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataengine.partitioning import partitions, spilling
from dataengine.parts import ByPart, hexed
from dataengine.view import Table

TWIN = np.dtype([("at", np.int64), ("of", np.int64)])
"""A row that goes and the one that stays, by their numbers."""


class Twins(ByPart):
    """For each part a table of the rows that go: `place`, `duplicate_of` (the id of the row that
    stays), and what else was found out about the two."""

    def __init__(
        self,
        found: Iterable[NDArray[Any]],
        dtype: np.dtype[Any],
        table: Table,
        folder: Path,
        known: pl.Series | None = None,
    ) -> None:
        """
        found: records of `dtype`, which has the columns of TWIN and perhaps more. A row of an
            existing dataset, whose ids are `known`, has a number under 0: the last has -1.
        """
        rows = int(table.bounds[-1])
        count = partitions(rows)
        named = np.dtype([*dtype.descr, ("id", np.uint64, 2)])
        sizes = np.zeros(len(table.parts) + 1, np.int64)
        with (
            spilling(dtype, count, folder) as by_of,
            spilling(named, count, folder) as by_at,
            spilling(named, 1, folder) as ordered,
        ):
            for twins in found:
                by_of.add(twins, np.maximum(twins["of"], 0) * count // max(rows, 1))
            for twins in by_of:
                with_ids = _with_ids(twins, named, table)
                by_at.add(with_ids, with_ids["at"] * count // max(rows, 1))
            for twins in by_at:
                twins = twins[np.argsort(twins["at"])]
                sizes[1:] += np.diff(np.searchsorted(twins["at"], table.bounds))
                ordered.add(twins)
            self._twins = ordered.mapped()
        self._ends, self._bounds = np.cumsum(sizes), table.bounds
        self._figures = [name for name in dtype.names or () if name not in (TWIN.names or ())]
        self._known = known
        super().__init__(len(table.parts), self._of_part)

    @property
    def rows(self) -> int:
        """How many rows go."""
        return int(self._ends[-1])

    def _of_part(self, number: int) -> pl.DataFrame:
        held = self._twins[self._ends[number] : self._ends[number + 1]]
        places = (held["at"] - self._bounds[number]).astype(np.uint32)
        ids = hexed(pl.Series([id.tobytes() for id in held["id"]], dtype=pl.Binary))
        foreign = np.flatnonzero(held["of"] < 0)
        if len(foreign):
            assert self._known is not None
            named = self._known.gather(held["of"][foreign] + len(self._known))
            ids = ids.scatter(foreign, named)
        figures = {name: held[name] for name in self._figures}
        return pl.DataFrame({"duplicate_of": ids, **figures, "place": places})


def _with_ids(twins: NDArray[Any], named: np.dtype[Any], table: Table) -> NDArray[Any]:
    """Twins by the row that stays, with its id where it is of the table."""
    found = np.zeros(len(twins), named)
    twins = twins[np.argsort(twins["of"])]
    for name in twins.dtype.names or ():
        found[name] = twins[name]
    edges = np.searchsorted(twins["of"], table.bounds)
    for number in np.flatnonzero(np.diff(edges)).tolist():
        here = slice(edges[number], edges[number + 1])
        ids = table.parts[number].small(["id"])["id"]
        told = ids.gather(twins["of"][here] - table.bounds[number])
        found["id"][here] = np.frombuffer(b"".join(told), np.uint64).reshape(-1, 2)
    return found
