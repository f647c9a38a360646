"""Views: the rows of a part, or of a whole build, that are alive, with the columns asked for."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataengine.parts import SMALL, Part, bounds, hexed
from dataengine.row import Kind, conversation, schema
from dataengine.text import texts_of


@dataclass(frozen=True)
class View:
    """Rows of one part as a stage reads them: those at `places`, in their order."""

    part: Part
    source: str
    kind: Kind
    places: NDArray[np.uint32]
    added: pl.DataFrame | None = None
    """Columns that earlier stages added, row for row."""
    first: int = 0
    """The number of the part's first row among all rows of the build."""
    number: int = 0
    """The part's number among all parts of the build."""

    def __len__(self) -> int:
        return len(self.places)

    def take(self, low: int, high: int) -> "View":
        """Some consecutive rows of these."""
        added = None if self.added is None else self.added[low:high]
        return replace(self, places=self.places[low:high], added=added)

    def frame(self, *columns: str) -> pl.DataFrame:
        """These columns, the reader's and those that stages added; all of them without a name."""
        added = {} if self.added is None else {s.name: s for s in self.added.get_columns()}
        wanted = columns or (*schema(self.kind), *added)
        read = [name for name in wanted if name not in added and name != "id"]
        whole = len(self) == self.part.rows
        found = self.part.frame(self.kind, read, None if whole else self.places)
        made = {s.name: s for s in found.get_columns()} | added
        if "id" in wanted:
            made["id"] = self.ids
        return pl.DataFrame([made[name].alias(name) for name in wanted])

    @cached_property
    def small(self) -> pl.DataFrame:
        """The small columns of these rows."""
        whole = self.part.small()
        return whole if len(self) == whole.height else whole[self.places]

    @property
    def ids(self) -> pl.Series:
        """The ids of these rows."""
        return hexed(self.small["id"]).alias("id")

    @cached_property
    def texts(self) -> pl.DataFrame:
        """Everything that turns say: see `dataengine.text.texts_of`."""
        return texts_of(self.frame(*conversation(self.kind)))

    @property
    def at(self) -> pl.DataFrame:
        """The rows' places in their part, to join on."""
        return pl.DataFrame({"place": pl.Series(self.places, dtype=pl.UInt32)})


@dataclass
class Table:
    """All rows of a build: parts in order, who is alive, and the columns added so far."""

    kind: Kind
    parts: tuple[Part, ...]
    sources: tuple[str, ...]
    """The source of each part."""
    alive: list[NDArray[np.bool_]] = field(default_factory=list)
    added: list[pl.DataFrame | None] = field(default_factory=list)
    """Columns added to the rows of each part, alive or not."""

    def __post_init__(self) -> None:
        self.alive = self.alive or [np.ones(part.rows, np.bool_) for part in self.parts]
        self.added = self.added or [None] * len(self.parts)

    @property
    def rows(self) -> int:
        """How many rows are alive, each as often as it is taken."""
        return sum(map(self._rows_of, range(len(self.parts))))

    def _rows_of(self, number: int) -> int:
        alive, added = self.alive[number], self.added[number]
        if added is None or "copies" not in added.columns:
            return int(alive.sum())
        return int(added["copies"].filter(pl.Series(alive)).sum())

    @cached_property
    def bounds(self) -> NDArray[np.int64]:
        """Where each part's rows begin among all, and the end of the last."""
        return bounds(self.parts)

    @cached_property
    def _every(self) -> NDArray[np.uint32]:
        """The places of all rows of the largest part, with which any part's begin."""
        return np.arange(max(part.rows for part in self.parts), dtype=np.uint32)

    def view(self, number: int, everybody: bool = False) -> View:
        """A part's rows that are alive, or all of them."""
        part = self.parts[number]
        places = self._every[: part.rows]
        if not everybody:
            places = places[self.alive[number]]
        added = self.added[number]
        if added is not None and len(places) < part.rows:
            added = added[places]
        first = int(self.bounds[number])
        source = self.sources[number]
        return View(part, source, self.kind, places, added, first, number)

    def alive_of(self, looks: Sequence[pl.DataFrame]) -> list[pl.DataFrame]:
        """Of looks with a line for each row of a part, the lines of the rows that are alive."""
        return [look.filter(alive) for look, alive in zip(looks, self.alive, strict=True)]

    def add(self, number: int, columns: pl.DataFrame) -> None:
        """Columns that a stage added to some rows of a part, by `place`; null in the others."""
        rows = self.parts[number].rows
        if columns.height < rows:
            every = pl.DataFrame({"place": np.arange(rows, dtype=np.uint32)})
            columns = every.join(columns, on="place", how="left", maintain_order="left")
        new = columns.drop("place")
        held = self.added[number]
        self.added[number] = new if held is None else held.with_columns(new.get_columns())

    def views(self) -> Iterator[View]:
        """The parts in order, as views of the rows that are alive."""
        return (self.view(number) for number in range(len(self.parts)))

    def of(self, sources: Collection[str]) -> NDArray[np.bool_]:
        """Whether each row, alive or not, is of one of these sources."""
        told = [source in sources for source in self.sources]
        return np.repeat(np.array(told, np.bool_), [part.rows for part in self.parts])

    def small(self, *columns: str, of: str | None = None) -> pl.DataFrame:
        """Small columns of every row that is alive (and of one source), with its number `at`, and
        its `source` where that is asked for; `id` is hexadecimal."""
        read = [name for name in columns if name != "source"]
        numbers = [n for n, source in enumerate(self.sources) if of in (None, source)]
        found = [self._small(number, read) for number in numbers]
        types = {"at": pl.Int64(), "source": pl.String(), **SMALL, "id": pl.String()}
        none = pl.DataFrame(schema=types)
        return pl.concat([none, *found], how="diagonal").select("at", *columns)

    def _small(self, number: int, read: Sequence[str]) -> pl.DataFrame:
        alive = self.alive[number]
        rows = self.parts[number].small(read or ["row"]).filter(pl.Series(alive))
        at = pl.Series("at", np.flatnonzero(alive), dtype=pl.Int64) + int(self.bounds[number])
        named = [hexed(rows["id"]).alias("id")] if "id" in read else []
        source = pl.lit(self.sources[number]).alias("source")
        return rows.with_columns(*named).select(at, source, *read)

    def ids(self, numbers: pl.Series) -> pl.Series:
        """The ids of rows by their numbers, in the order asked for."""
        rows = numbers.to_numpy()
        where = np.searchsorted(self.bounds, rows, side="right") - 1
        found = np.empty(len(rows), object)
        for number in np.unique(where).tolist():
            mine = where == number
            places = rows[mine] - int(self.bounds[number])
            found[mine] = self.parts[number].ids(places).to_list()
        return pl.Series("id", found.tolist(), dtype=pl.String)
