"""Rows without the dropped ones."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from decontam.findings import Findings
from decontam.rows import InputError, open_bytes, parse_line


def clean(
    found: Findings, paths: list[Path], out: Path, source_above: float | None = None
) -> Iterator[str]:
    """Write each file of `paths` to `out` under its name, without dropped rows; yields what it did.

    Kept JSONL lines keep their bytes. With `source_above`, every row of a source that overlaps more
    than this share of any suite's items goes too (the published rule: 0.02). Raises `InputError`
    where a dropped row is in none of the files: these are not the rows that were checked.
    """
    dropped = found.dropped
    sources = {
        source["source"]
        for source in found.report["sources"]
        if source_above is not None and source["worst_share"] > source_above
    }
    out.mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    for path in paths:
        target = out / path.name
        if target.resolve() == path.resolve():
            raise InputError(f"--out {out}: would overwrite {path}; give another folder")
        copy = copy_parquet if path.suffix == ".parquet" else copy_lines
        kept, gone = copy(path, target, dropped, sources, seen)
        yield f"{target}: {kept:,} rows, {gone:,} dropped"
    if missing := dropped - seen:
        raise InputError(
            f"{len(missing)} dropped rows, {min(missing)} among them, are in none of these files; "
            "clean the files that were checked"
        )


def copy_lines(
    path: Path, target: Path, dropped: set[str], sources: set[str], seen: set[str]
) -> tuple[int, int]:
    kept = gone = number = 0
    with open_bytes(path) as lines, open_for(target) as out:
        for line in lines:
            if not line.strip():
                continue
            row = parse_line(line, f"{path}:{number + 1}")
            given = row.get("id") if isinstance(row, dict) else None
            source = row.get("source") if isinstance(row, dict) else None
            name = f"{path}:{number}" if given is None else str(given)
            number += 1
            if name in dropped:
                seen.add(name)
            if name in dropped or (path.stem if source is None else str(source)) in sources:
                gone += 1
            else:
                out.write(line)
                kept += 1
    return kept, gone


def open_for(target: Path) -> IO[bytes]:
    if target.suffix == ".gz":
        return gzip.open(target, "wb")  # type: ignore[return-value]
    if target.suffix == ".zst":
        return pa.output_stream(str(target), compression="zstd")
    return target.open("wb")


def copy_parquet(
    path: Path, target: Path, dropped: set[str], sources: set[str], seen: set[str]
) -> tuple[int, int]:
    kept = gone = number = 0
    file = pq.ParquetFile(path)
    with pq.ParquetWriter(target, file.schema_arrow, compression="zstd") as out:
        for batch in file.iter_batches():
            names = batch.schema.names
            ids = batch.column("id").to_pylist() if "id" in names else [None] * len(batch)
            own = batch.column("source").to_pylist() if "source" in names else [None] * len(batch)
            labels = [
                f"{path}:{number + i}" if given is None else str(given)
                for i, given in enumerate(ids)
            ]
            seen.update(dropped.intersection(labels))
            keep = np.array(
                [
                    label not in dropped
                    and (path.stem if source is None else str(source)) not in sources
                    for label, source in zip(labels, own, strict=True)
                ],
                bool,
            )
            out.write_batch(pc.filter(batch, pl.Series(keep).to_arrow()))
            kept += int(keep.sum())
            gone += int((~keep).sum())
            number += len(batch)
    return kept, gone
