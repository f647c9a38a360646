"""Spill buffer: many tables as one; what would fill memory lies in a memory-mapped file."""

import tempfile
from pathlib import Path

import polars as pl
import pyarrow as pa

# So many bytes of tables are held before they go to a file: some ten thousand lines.
HELD = 16 << 20


class SpillBuffer:
    """Tables of one schema, put one after the other."""

    def __init__(self, schema: pl.Schema, held: int = HELD) -> None:
        self.schema, self.most = schema, held
        self._held: list[pl.DataFrame] = []
        self._size = 0
        self._mapped: list[pl.DataFrame] = []

    def put(self, table: pl.DataFrame) -> None:
        self._held.append(table)
        self._size += int(table.estimated_size())
        if self._size > self.most:
            self._mapped.append(mapped(pl.concat(self._held)))
            self._held, self._size = [], 0

    def table(self) -> pl.DataFrame:
        """Everything, in order; what is on disk is read as it is looked at."""
        parts = [*self._mapped, *self._held]
        return pl.concat(parts, rechunk=False) if parts else pl.DataFrame(schema=self.schema)


def mapped(table: pl.DataFrame) -> pl.DataFrame:
    """The same table, in a temporary file that is gone when the table is."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.arrow"
        table.write_ipc(path)
        with pa.memory_map(str(path)) as source:
            found = pl.from_arrow(pa.ipc.open_file(source).read_all())
    assert isinstance(found, pl.DataFrame)
    return found
