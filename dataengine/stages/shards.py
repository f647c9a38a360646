"""Shards: the rows as Parquet files that `datasets` streams and TRL reads as they are."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from dataengine import tokens
from dataengine.errors import NothingLeft
from dataengine.published import Form, published
from dataengine.row import Kind, draw
from dataengine.stages.stage import Context, Writer
from dataengine.table import Table
from dataengine.text import whole_texts

SHARD_BYTES = 256 << 20
"""Bytes of text in one file, about: few large files, but none that a laptop cannot open."""
GROUP_ROWS = 1_000
"""Rows of one row group, so that a reader can stream and the Hub's viewer can page."""


class Shards(Writer):
    """Writes `data/<split>-00000-of-0000N.parquet` in an order drawn by hash of (seed, id)."""

    name: ClassVar[str] = "shards"
    tokenizer: tokens.Tokenizer = None

    def explain(self) -> str:
        return f"data/*.parquet, shuffled, tokens {tokens.named(self.tokenizer)}"

    def write(self, table: Table, context: Context) -> dict[str, Any]:
        if not table.rows:
            raise NothingLeft("no row is left to write")
        order = _order(table, context.kind, context.seed)
        form = Form(context.kind)
        for part in table.frames():
            form.see(part)
        (context.folder / "data").mkdir()
        splits: dict[str, Any] = {}
        counts: list[pl.DataFrame] = []
        for (split,), rows in order.sort("split").group_by("split", maintain_order=True):
            files = []
            for name, ids in _shards(str(split), rows):
                shard = _gathered(table, ids)
                counts.append(_measured(shard, context.kind, self.tokenizer))
                path = context.folder / "data" / name
                _write(published(shard, form), path)
                files.append(_described(path))
            splits[str(split)] = {"rows": rows.height, "files": files}
        return {
            "splits": splits,
            "composition": _composition(counts),
            "tokens": tokens.named(self.tokenizer),
        }


def _order(table: Table, kind: Kind, seed: int) -> pl.DataFrame:
    """Every row's id, split, place in the shuffle, and size, sorted by the shuffle."""
    sizes = [
        part.select("id", "split").with_columns(
            whole_texts(part, kind).str.len_bytes().alias("size")
        )
        for part in table.frames()
    ]
    if not sizes:
        return pl.DataFrame(schema={"id": pl.String, "split": pl.String, "size": pl.UInt32})
    index = pl.concat(sizes)
    return index.with_columns(draw(seed, "shuffle", index["id"])).sort("shuffle", "id")


def _shards(split: str, rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """The files of one split, each with the ids it holds in their order."""
    ends = rows["size"].cast(pl.Int64).cum_sum()
    number = ((ends - rows["size"]) // SHARD_BYTES).alias("shard")
    shards = rows.with_columns(number).partition_by("shard", maintain_order=True)
    for k, ids in enumerate(shards):
        yield f"{split}-{k:05d}-of-{len(shards):05d}.parquet", ids


def _gathered(table: Table, ids: pl.DataFrame) -> pl.DataFrame:
    """The rows of one shard, in its order; only these are in memory."""
    wanted = ids.select("id").with_row_index("place")
    found = [part.join(wanted, on="id", how="inner") for part in table.frames()]
    return pl.concat(found).sort("place").drop("place", "split")


def _measured(rows: pl.DataFrame, kind: Kind, tokenizer: str | None) -> pl.DataFrame:
    counts = tokens.lengths(whole_texts(rows, kind), tokenizer)
    return rows.select("source", "skill", "language", "licence").with_columns(counts)


def _composition(counts: list[pl.DataFrame]) -> list[dict[str, Any]]:
    """Rows and tokens by source, skill, language and licence."""
    if not counts:
        return []
    keys = ["source", "skill", "language", "licence"]
    return (
        pl.concat(counts)
        .group_by(keys)
        .agg(
            pl.len().alias("rows"),
            pl.col("tokens").sum(),
            pl.col("tokens").mean().round(1).alias("tokens_mean"),
            pl.col("tokens").max().alias("tokens_max"),
        )
        .sort(keys)
        .to_dicts()
    )


def _write(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", row_group_size=GROUP_ROWS)


def _described(path: Path) -> dict[str, Any]:
    digest = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    return {"path": f"data/{path.name}", "bytes": path.stat().st_size, "blake2b": digest}
