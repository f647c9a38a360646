"""Partitioning by key: rows written to the file of their bucket, equal keys to the same."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

MOST = 256
"""Buckets at most: each is an open file."""


def buckets_for(rows: int, bucket_rows: int) -> int:
    """How many buckets hold about `bucket_rows` rows each; past `MOST` they hold more."""
    return min(rows // bucket_rows + 1, MOST)


def divide(rows: NDArray[Any], of: NDArray[Any], files: Sequence[BinaryIO]) -> None:
    """Append each row to the file of its bucket, `of`; rows of one keep their order."""
    order = np.argsort(of, kind="stable")
    edges = np.searchsorted(of[order], np.arange(len(files) + 1))
    for file, (low, high) in zip(files, pairwise(edges.tolist()), strict=True):
        if high > low:
            file.write(rows[order[low:high]].tobytes())
