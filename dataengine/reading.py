"""Reading: what a reader brings becomes parts on disk, each written once."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from dataengine import storage
from dataengine.parts import (
    Part,
    arrow,
    compact,
    repeats_file,
    small_file,
    small_of,
    write,
    written,
)
from dataengine.progress import Progress
from dataengine.row import named
from dataengine.stages.stage import Context, Outcome, Reader

AHEAD = 2
"""Parts that are written while the next one is read, beside one for each worker."""


class Reading:
    """One run of a reader into its folder."""

    def __init__(self, reader: Reader, context: Context, pool: ThreadPoolExecutor) -> None:
        self.reader, self.context, self.pool = reader, context, pool
        self.folder = context.folder

    def run(self, account: Any, progress: Progress) -> None:
        """Write the parts that are not there yet, and account for all of them."""
        waiting: list[Future[int]] = []
        number = 0
        for turn, outcome in enumerate(self.reader.read(self.context)):
            self._account_for(account, outcome, turn)
            if outcome.kept is not None:
                waiting.append(self.pool.submit(self._write, outcome.kept, number))
                number += 1
            while len(waiting) > AHEAD:
                account.parts.append(waiting.pop(0).result())
            progress.advanced(account.kept)
        account.parts += [future.result() for future in waiting]
        rows = [Part(self.folder, n, count) for n, count in enumerate(account.parts)]
        name_repeats(rows, self.reader.source.name)

    def _write(self, kept: pl.DataFrame | pa.Table, number: int) -> int:
        if storage.exists(small_file(self.folder, number)):
            return len(kept)
        table, ids = (compact(kept), kept["id"]) if isinstance(kept, pl.DataFrame) else (kept, None)
        own = ids.to_list() if ids is not None and not ids.has_nulls() else None
        small = small_of(table, self.context.kind, self.reader.source.name, own)
        write(self.folder, number, table, small, self.context.compression)
        return len(kept)

    def _account_for(self, account: Any, outcome: Outcome, turn: int) -> None:
        """Count an outcome, and write what it lost under its own turn: not every one is a part."""
        made = 0 if outcome.kept is None else len(outcome.kept)
        account.kept += made
        for name, lost in outcome.lost:
            made += lost.height
            account.lose(lost, name == "failed", _places(lost))
            (self.folder / name).mkdir(exist_ok=True)
            file = self.folder / name / f"{turn:06d}.parquet"
            partial = file.with_name(f"tmp-{file.name}")
            lost.write_parquet(partial, compression="lz4")
            partial.rename(file)
        account.rows_in += made if outcome.taken is None else outcome.taken
        account.figures |= outcome.figures
        account.mendable = dict(Counter(account.mendable) + Counter(outcome.mendable))


def _places(lost: pl.DataFrame) -> list[str]:
    """Where lost rows stood."""
    told = "row" if "row" in lost.columns else pl.col("provenance").struct.field("row")
    numbered = pl.format("{}, row {}", "source", told)
    return lost.select(pl.coalesce(numbered, "source")).to_series().to_list()


def name_repeats(parts: list[Part], source: str) -> None:
    """Give the n-th row of equal ones an id of its own, n from 0 in reading order.

    Ids of first occurrences stand in the small columns; those of the others, which are few, in a
    table of their own.
    """
    if not parts or storage.exists(repeats_file(parts[0].folder)):
        return
    whole = np.concatenate([_heads(part) for part in parts])
    order = np.argsort(whole, kind="stable")
    same = whole[order][1:] == whole[order][:-1]
    suspects = np.zeros(len(whole), np.bool_)
    suspects[order[1:][same]] = suspects[order[:-1][same]] = True
    found = list(_repeats(parts, suspects, source))
    schema = {"number": pl.Int64, "place": pl.UInt32, "id": pl.Binary}
    table = pl.DataFrame(found, schema=schema, orient="row")
    written(arrow(table), repeats_file(parts[0].folder))


def _heads(part: Part) -> np.ndarray:
    """The first eight bytes of each id."""
    ids = b"".join(part.small(["id"])["id"])
    return np.frombuffer(ids, np.uint64)[::2]


def _repeats(
    parts: list[Part], suspects: np.ndarray, source: str
) -> Iterator[tuple[int, int, bytes]]:
    seen: Counter[bytes] = Counter()
    first = 0
    for part in parts:
        places = np.flatnonzero(suspects[first : first + part.rows])
        first += part.rows
        if not len(places):
            continue
        held = part.small(["id", "digest"]).select(pl.all().gather(places)).iter_rows()
        for place, (id, digest) in zip(places.tolist(), held, strict=True):
            if seen[id]:
                yield part.number, place, named(source, digest, seen[id])
            seen[id] += 1
