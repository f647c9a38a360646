"""Writes files of rows without the dropped ones, in the format that they came in."""

import codecs
import gzip
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq

from dataengine.errors import UserError
from dataengine.rows import delimited, formats
from dataengine.rows.dialect import dialect
from decontam.io.findings import Findings, fingerprint


def drop_rows(
    found: Findings, paths: list[Path], out: Path, source_above: float | None = None
) -> Iterator[str]:
    """Write each file of `paths` to `out` under its name, without dropped rows; yields what it did.

    A row is its file and its number there, whatever its id. Kept lines of JSON and CSV keep their
    bytes. With `source_above`, every row of a source that overlaps more than this share of any
    suite's items goes too (the published rule: 0.02).

    Raises:
        UserError: a file is not one that was checked, or has changed since.
    """
    sources = {
        source["source"]
        for source in found.report["sources"]
        if source_above is not None and source["worst_share"] > source_above
    }
    dropped = [_dropped(found, path) for path in paths]
    if len({path.name for path in paths}) < len(paths):
        raise UserError("two files of one name would overwrite each other; clean them one by one")
    out.mkdir(parents=True, exist_ok=True)
    for path, numbers in zip(paths, dropped, strict=True):
        target = out / path.name
        if target.resolve() == path.resolve():
            raise UserError(f"--out {out}: would overwrite {path}; give another folder")
        kept, gone = _copier(path)(path, target, numbers, sources)
        yield f"{target}: {kept:,} rows, {gone:,} dropped"


def _dropped(found: Findings, path: Path) -> set[int]:
    """The numbers of the rows of a file that are to go; the file is known by its content."""
    digest = fingerprint(path)
    inputs = enumerate(found.report["inputs"])
    checked = [place for place, entry in inputs if digest and entry["xxh3_128"] == digest]
    if not checked:
        raise UserError(f"{path}: not a file that was checked, or changed since; check it again")
    of_it = (pl.col("decision") == "drop") & pl.col("input").is_in(checked)
    return set(found.decisions.filter(of_it)["row"])


Copy = Callable[[Path, Path, Collection[int], Collection[str]], tuple[int, int]]


def _copier(path: Path) -> Copy:
    kind = formats.suffix(str(path))
    if kind == ".parquet":
        return _parquet
    if kind in (".arrow", ".feather"):
        return _arrow
    if kind in (".csv", ".tsv"):
        return _csv
    return _lines if formats.is_lines(str(path)) else _json


def _goes(path: Path, row: Any, number: int, dropped: Collection[int], sources: Any) -> bool:
    if number in dropped or not sources:
        return number in dropped
    source = row.get("source") if isinstance(row, dict) else None
    return (path.stem if source is None else str(source)) in sources


def _lines(
    path: Path, target: Path, dropped: Collection[int], sources: Collection[str]
) -> tuple[int, int]:
    kept = gone = 0
    with formats.opened(str(path)) as lines, _open_for(target) as out:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            row = formats.loads_leniently(line.removeprefix(codecs.BOM_UTF8)) if sources else None
            if _goes(path, row, number, dropped, sources):
                gone += 1
            else:
                out.write(line)
                kept += 1
    return kept, gone


def _json(
    path: Path, target: Path, dropped: Collection[int], sources: Collection[str]
) -> tuple[int, int]:
    with formats.opened(str(path)) as stream:
        whole = orjson.loads(stream.read().removeprefix(codecs.BOM_UTF8))
    rows = formats.listed(whole, str(path))
    left = [r for n, r in enumerate(rows, 1) if not _goes(path, r, n, dropped, sources)]
    made: Any = left
    if isinstance(whole, dict):
        wrapped = {key: left if value is rows else value for key, value in whole.items()}
        made = wrapped if any(value is rows for value in whole.values()) else left
    with _open_for(target) as out:
        out.write(orjson.dumps(made, option=orjson.OPT_INDENT_2))
    return len(left), len(rows) - len(left)


def _csv(
    path: Path, target: Path, dropped: Collection[int], sources: Collection[str]
) -> tuple[int, int]:
    how = dialect(str(path))
    names: list[str] = []
    kept = gone = 0
    with formats.opened(str(path)) as stream, _open_for(target) as out:
        written = codecs.getincrementalencoder(how.encoding)("surrogateescape")
        for line in delimited.lines(stream, how, formats.LONGEST_RECORD):
            row = dict(zip(names, line.fields, strict=False))
            if names and line.fields and _goes(path, row, line.number, dropped, sources):
                gone += 1
                continue
            out.write(written.encode(line.text))
            kept += bool(names and line.fields)
            names = names or (line.fields if line.number else [])
    return kept, gone


def _parquet(
    path: Path, target: Path, dropped: Collection[int], sources: Collection[str]
) -> tuple[int, int]:
    file = pq.ParquetFile(path)
    with pq.ParquetWriter(target, file.schema_arrow, compression="zstd") as out:
        return _filtered(path, file.iter_batches(), out.write_batch, dropped, sources)


def _arrow(
    path: Path, target: Path, dropped: Collection[int], sources: Collection[str]
) -> tuple[int, int]:
    with formats.opened(str(path)) as stream:
        batches = [*formats.arrow_batches(stream)]
        with (
            _open_for(target) as out,
            pa.ipc.new_file(out, batches[0].schema) as writer,
        ):
            return _filtered(path, iter(batches), writer.write_batch, dropped, sources)


def _filtered(
    path: Path,
    batches: Iterator[pa.RecordBatch],
    write: Callable[[pa.RecordBatch], None],
    dropped: Collection[int],
    sources: Collection[str],
) -> tuple[int, int]:
    kept = gone = 0
    number = 1
    for batch in batches:
        named = "source" in batch.schema.names and sources
        own = batch.column("source").to_pylist() if named else [None] * len(batch)
        keep = np.array(
            [
                not _goes(path, {"source": source}, number + i, dropped, sources)
                for i, source in enumerate(own)
            ],
            bool,
        )
        write(pc.filter(batch, pl.Series(keep).to_arrow()))
        kept += int(keep.sum())
        gone += int((~keep).sum())
        number += len(batch)
    return kept, gone


def _open_for(target: Path) -> IO[bytes]:
    if target.suffix == ".gz":
        return gzip.open(target, "wb")  # type: ignore[return-value]
    if target.suffix == ".zst":
        return pa.output_stream(str(target), compression="zstd")
    return target.open("wb")
