"""Shards: the rows as Parquet files that `datasets` streams and TRL reads as they are."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import polars as pl
import pyarrow.parquet as pq

from dataengine import tokens
from dataengine.errors import NothingLeft
from dataengine.exchange import buckets
from dataengine.parts import arrow, framed, mapped, written
from dataengine.published import PLAIN, Form, published
from dataengine.row import Kind, conversation, schema
from dataengine.shuffle import Bucket, Shuffled
from dataengine.stages.stage import Context, Writer
from dataengine.text import whole_texts
from dataengine.view import Table, View

SHARD_BYTES = 256 << 20
"""Bytes of text in one file, about: few large files, but none that a laptop cannot open."""
GROUP_ROWS = 1_000
"""Rows of one row group, so that a reader can stream and the Hub's viewer can page."""


class Shard(NamedTuple):
    """A file to write: its number among all, its split, its name and its rows."""

    bucket: int
    split: str
    name: str
    rows: int

    def file(self, folder: Path) -> Path:
        """Where it lies once it is whole."""
        return folder / "data" / self.name

    def counts(self, folder: Path) -> Path:
        """Where the counts of its rows lie."""
        return folder / "counts" / f"{self.name}.arrow"


class Shards(Writer):
    """Writes `data/<split>-00000-of-0000N.parquet` in an order drawn by hash of (seed, id)."""

    name: ClassVar[str] = "shards"
    version: ClassVar[int] = 3
    tokenizer: tokens.Tokenizer = None

    def explain(self) -> str:
        return f"data/*.parquet, shuffled, tokens {tokens.named(self.tokenizer)}"

    def write(self, table: Table, context: Context) -> dict[str, Any]:
        if not table.rows:
            raise NothingLeft("no row is left to write")
        form = Form(context.kind)
        for view in table.views():
            form.see(view.frame(*_read_for_form(view)))
        rows = Shuffled.of(table, context.seed, SHARD_BYTES, context.folder)
        shards, folder = _named(rows.buckets), context.folder
        for name in ("data", "counts"):
            (folder / name).mkdir(exist_ok=True)

        def write(shard: Shard) -> None:
            partial = folder / f"tmp-{shard.name}"
            counts = _write(found.gather(shard.bucket), form, self.tokenizer, partial)
            written(arrow(counts), shard.counts(folder))
            partial.rename(shard.file(folder))

        assert context.pool is not None
        if missing := [shard for shard in shards if not shard.file(folder).exists()]:
            with buckets(table, rows, context) as found:
                list(context.pool.map(write, missing))
        counts = [
            framed(mapped(shard.counts(folder))).with_columns(split=pl.lit(shard.split))
            for shard in shards
        ]
        splits: dict[str, Any] = {}
        files = context.pool.map(_described, (shard.file(folder) for shard in shards))
        for shard, file in zip(shards, files, strict=True):
            held = splits.setdefault(shard.split, {"rows": 0, "files": []})
            held["rows"] += shard.rows
            held["files"].append(file)
        return {
            "splits": splits,
            "composition": _composition(counts),
            "lengths": _lengths(counts),
            "tokens": tokens.named(self.tokenizer),
        }


def _read_for_form(view: View) -> list[str]:
    """The columns that tell how a dataset is published; not turns where the part's hold a role and
    a content alone."""
    held = view.part.table().schema
    plain = [
        name
        for name in conversation(view.kind)
        if held.field(name).type.value_type.num_fields == len(PLAIN)
    ]
    return [name for name in schema(view.kind) if name not in ("id", "provenance", *plain)]


def _named(buckets: Sequence[Bucket]) -> list[Shard]:
    """The files to write, with the rows that each holds."""
    of = Counter(bucket.split for bucket in buckets)
    number = {split: count() for split in of}
    return [
        Shard(place, split, f"{split}-{next(number[split]):05d}-of-{of[split]:05d}.parquet", rows)
        for place, (split, _, rows) in enumerate(buckets)
    ]


def _write(rows: pl.DataFrame, form: Form, tokenizer: str | None, path: Path) -> pl.DataFrame:
    """Write the rows of one shard in their order; returns counts by source, skill, language,
    licence and length. The shard is in memory once."""
    order = rows["to"].arg_sort()
    counts = []
    writer: pq.ParquetWriter | None = None
    for start in range(0, rows.height, GROUP_ROWS):
        group = rows[order[start : start + GROUP_ROWS]]
        counts.append(_measured(group, group["bytes"], form.kind, tokenizer))
        made = published(group.drop("to", "bytes"), form)
        writer = writer or pq.ParquetWriter(path, made.schema, compression="zstd")
        writer.write_table(made, row_group_size=GROUP_ROWS)
    assert writer is not None
    writer.close()
    return pl.concat(counts).group_by(*KEYS, "up_to").agg(*SUMS)


KEYS = ["source", "skill", "language", "licence"]
EDGES = pl.Series("up_to", sorted(n << k for k in range(22) for n in (2, 3)), dtype=pl.Int64)
"""Lengths in tokens that rows are counted up to: powers of two, and what is midway."""
SUMS = (
    pl.col("rows").sum(),
    pl.col("tokens").sum(),
    pl.col("tokens_max").max(),
)


def _measured(
    rows: pl.DataFrame, sizes: pl.Series, kind: Kind, tokenizer: str | None
) -> pl.DataFrame:
    """Rows and tokens by source, skill, language and licence and length; `sizes` are
    the texts' bytes."""
    if tokenizer is None:
        counts = tokens.estimated(sizes)
    else:
        counts = tokens.lengths(whole_texts(rows, kind), tokenizer)
    tokens_ = pl.col("tokens")
    up_to = EDGES.gather(EDGES.search_sorted(counts, side="left").clip(0, len(EDGES) - 1))
    return (
        rows.select(KEYS)
        .with_columns(counts, up_to)
        .group_by(*KEYS, "up_to")
        .agg(pl.len().alias("rows"), tokens_.sum(), tokens_.max().alias("tokens_max"))
    )


def _composition(counts: list[pl.DataFrame]) -> list[dict[str, Any]]:
    """Rows and tokens by source, skill, language and licence."""
    mean = (pl.col("tokens") / pl.col("rows")).round(1).alias("tokens_mean")
    order = [*KEYS, "rows", "tokens", "tokens_mean", "tokens_max"]
    whole = pl.concat(counts).group_by(KEYS).agg(*SUMS)
    return whole.with_columns(mean).select(order).sort(KEYS).to_dicts()


def _lengths(counts: list[pl.DataFrame]) -> list[dict[str, Any]]:
    """Rows of each split and source, counted by the tokens that they hold at most."""
    keys = ["split", "source"]
    whole = pl.concat(counts).group_by(*keys, "up_to").agg(pl.col("rows").sum())
    return [
        {**dict(zip(keys, key, strict=True)), "up_to": {str(n): rows for n, rows in held.rows()}}
        for key, held in whole.sort(*keys, "up_to").partition_by(
            keys, include_key=False, as_dict=True, maintain_order=True
        ).items()
    ]  # fmt: skip


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    return {"path": f"data/{path.name}", "bytes": path.stat().st_size, "blake2b": digest}
