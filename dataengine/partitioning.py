"""External partitioning: records in temporary files, of which one is in memory at a time.

What needs all rows (a sort, a join, a search for equal keys) is done partition by partition: equal
keys, or those of one range, go to the same. Files are written and read from end to end. They have
no name, so that they are gone with the process.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

PARTITION_ROWS = 1 << 19
"""Rows of one partition, about."""
MOST = 256
"""Partitions at most, each an open file."""


def partitions(rows: int) -> int:
    """In how many partitions so many rows go."""
    return min(MOST, 1 + rows // PARTITION_ROWS)


def range_of(numbers: NDArray[np.uint64], count: int) -> NDArray[np.int64]:
    """The range, of so many, of numbers that are spread evenly over 64 bits; range 0 has the
    least."""
    top = numbers >> np.uint64(32)
    return (top * np.uint64(count) >> np.uint64(32)).astype(np.int64)


class Spill:
    """Records of one size by partition, each partition's in the order in which they came."""

    def __init__(self, dtype: DTypeLike, files: Sequence[IO[bytes]]) -> None:
        self.dtype, self._files = np.dtype(dtype), files

    def add(self, records: NDArray[Any], partition: NDArray[np.int64] | int = 0) -> None:
        """Add records to a partition, or each to its own."""
        if isinstance(partition, int):
            self._files[partition].write(records.tobytes())
            return
        together = np.argsort(partition, kind="stable")
        records = records[together]
        edges = np.searchsorted(partition[together], np.arange(len(self._files) + 1))
        for number in np.flatnonzero(np.diff(edges)).tolist():
            self._files[number].write(records[edges[number] : edges[number + 1]].tobytes())

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """The records of each partition in turn, in memory."""
        for file in self._files:
            file.seek(0)
            yield np.frombuffer(file.read(), self.dtype)

    def mapped(self, partition: int = 0) -> NDArray[Any]:
        """The records of a partition, memory-mapped: to read from end to end, or a run of them."""
        file = self._files[partition]
        file.flush()
        if not file.tell():
            return np.empty(0, self.dtype)
        return np.memmap(file, self.dtype, "c").view(np.ndarray)  # kernels are compiled for "c"


@contextmanager
def spilling(dtype: DTypeLike, count: int, folder: Path | None) -> Iterator[Spill]:
    """Partitions for records, so many, in temporary files in `folder`; what was mapped of them
    stays."""
    with ExitStack() as opened:
        files = [opened.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in range(count)]
        yield Spill(dtype, files)
