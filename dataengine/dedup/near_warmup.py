"""Warm-up: on a first run the kernels of near-duplicates compile while rows are read."""

import tempfile
from pathlib import Path

import polars as pl

from dataengine.dedup.near import duplicates
from dataengine.dedup.verify import settle_all
from dataengine.kernels import compile_process

COMPILING = f"{__name__}:main"


def compile_ahead() -> None:
    """Start, unless they are on disk."""
    compile_process.begin(COMPILING, settle_all)


def main() -> None:
    """Find the near duplicate among a few rows."""
    said = " ".join(map(str, range(100)))
    rows = [said, f"{said} more", "short"]
    turns = [[{"role": "user", "content": row}] for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.parquet"
        table = pl.DataFrame({"id": rows, "source": "warm-up", "messages": turns})
        table.write_parquet(file)
        duplicates([file], threads=1)
