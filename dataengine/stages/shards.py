"""Shards: the rows as Parquet files that `datasets` streams and TRL reads as they are."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from dataengine import tokens
from dataengine.errors import NothingLeft
from dataengine.published import PLAIN, Form, published
from dataengine.row import Kind, conversation, draw, schema
from dataengine.stages.stage import Context, Writer
from dataengine.text import whole_texts
from dataengine.view import Table, View

SHARD_BYTES = 256 << 20
"""Bytes of text in one file, about: few large files, but none that a laptop cannot open."""
GROUP_ROWS = 1_000
"""Rows of one row group, so that a reader can stream and the Hub's viewer can page."""
ADDED = ("copies", "split")


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
        order = _order(table, context.seed)
        form = Form(context.kind)
        for view in table.views():
            form.see(view.frame(*_read_for_form(view)))
        (context.folder / "data").mkdir()
        splits: dict[str, Any] = {}
        shards: list[tuple[str, str, pl.DataFrame]] = []
        for (split,), rows in order.sort("split").group_by("split", maintain_order=True):
            named = list(_shards(str(split), rows))
            splits[str(split)] = {"rows": rows.height, "files": [name for name, _ in named]}
            shards += [(str(split), name, held) for name, held in named]

        def one(shard: tuple[str, str, pl.DataFrame]) -> tuple[dict[str, Any], pl.DataFrame]:
            split, name, rows = shard
            path = context.folder / "data" / name
            counts = _write(table, rows, form, self.tokenizer, path)
            return _described(path), counts.with_columns(split=pl.lit(split))

        with ThreadPoolExecutor(context.workers) as pool:
            made = list(pool.map(one, shards))
        files = dict(zip((name for _, name, _ in shards), (file for file, _ in made), strict=True))
        for held in splits.values():
            held["files"] = [files[name] for name in held["files"]]
        return {
            "splits": splits,
            "composition": _composition([counts for _, counts in made]),
            "lengths": _lengths([counts for _, counts in made]),
            "tokens": tokens.named(self.tokenizer),
        }


def _order(table: Table, seed: int) -> pl.DataFrame:
    """Every row to write: its part, place and copy, split, bytes, id and place in the shuffle."""
    found = []
    for view in table.views():
        added = view.frame(*ADDED)
        rows = pl.DataFrame(
            {"part": np.full(len(view), view.number, np.int32), "place": view.places}
        ).with_columns(added["copies"], added["split"], view.small["bytes"], view.ids)
        if (added["copies"] > 1).any():
            copy = pl.int_ranges(0, pl.col("copies"), dtype=pl.Int32).alias("copy")
            rows = rows.with_columns(copy).explode("copy").with_columns(_copied())
        else:
            rows = rows.with_columns(copy=pl.lit(0, pl.Int32))
        found.append(rows.drop("copies"))
    whole = pl.concat(found)
    return whole.with_columns(draw(seed, "shuffle", whole["id"])).sort("shuffle", "id").drop("id")


def _copied() -> pl.Expr:
    """The id of a copy says which copy it is."""
    number = pl.col("copy")
    named = pl.format("{}-{}", pl.col("id"), number)
    return pl.when(number == 0).then(pl.col("id")).otherwise(named).alias("id")


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


def _shards(split: str, rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """The files of one split, each with the rows it holds in their order."""
    ends = rows["bytes"].cast(pl.Int64).cum_sum()
    number = ((ends - rows["bytes"]) // SHARD_BYTES).alias("shard")
    shards = rows.with_columns(number).partition_by("shard", maintain_order=True)
    for k, held in enumerate(shards):
        yield f"{split}-{k:05d}-of-{len(shards):05d}.parquet", held


def _write(
    table: Table, rows: pl.DataFrame, form: Form, tokenizer: str | None, path: Path
) -> pl.DataFrame:
    """Gather the rows of one shard and write them in their order; returns counts by source, skill,
    language, licence and length. Each row is read once, from its part; the shard is in memory
    once."""
    wanted = rows.with_row_index("to")
    gathered, to = [], []
    for (number,), held in wanted.group_by("part", maintain_order=True):
        places = held.sort("place", "copy")
        gathered.append(_rows(table, int(number), places, form.kind))  # type: ignore[call-overload]
        to.append(places["to"])
    whole = pl.concat(gathered, how="vertical", rechunk=True)
    back = pl.concat(to).arg_sort()
    counts = []
    writer: pq.ParquetWriter | None = None
    for start in range(0, whole.height, GROUP_ROWS):
        group = whole[back[start : start + GROUP_ROWS]]
        sizes = rows["bytes"][start : start + GROUP_ROWS]
        counts.append(_measured(group, sizes, form.kind, tokenizer))
        made = published(group, form)
        writer = writer or pq.ParquetWriter(path, made.schema, compression="zstd")
        writer.write_table(made, row_group_size=GROUP_ROWS)
    assert writer is not None
    writer.close()
    return pl.concat(counts).group_by(*KEYS, "up_to").agg(*SUMS)


def _rows(table: Table, number: int, wanted: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    """Rows of one part, as often as they are wanted, in the columns of their kind."""
    part, added = table.parts[number], table.added[number]
    places = wanted["place"].to_numpy()
    columns = [name for name in schema(kind) if name != "id"]
    extra = [] if added is None else [c for c in added.columns if c in columns]
    found = part.frame(kind, [c for c in columns if c not in extra], places)
    named = pl.DataFrame([part.ids(places), wanted["copy"]]).select(_copied()).to_series()
    more = [] if added is None else [added[c].gather(places) for c in extra]
    return found.with_columns(named, *more).select(*schema(kind))


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
