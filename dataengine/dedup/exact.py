"""Exact duplicates: rows with the same prompt, or the same in everything that they hold."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from dataengine.dedup.published import own_labels
from dataengine.dedup.rank import best_first, first_equal
from dataengine.dedup.texts import Block, Side, blocks, conversations

ANSWERS = ("ground_truth", "verifier", "tools", "chat_template_kwargs")
"""What makes a row the same as another beside its conversations."""
SCHEMA = {"id": pl.String, "duplicate_of": pl.String}


def duplicates(
    parts: Sequence[Path],
    side: Side = "row",
    order: Sequence[str] = (),
    protect: Sequence[str] = (),
    threads: int | None = None,
) -> pl.DataFrame:
    """The rows to drop, with the row that stays for each: `id`, `duplicate_of`, in row order.

    `prompt` compares what the user said, over all turns, in lower case and NFKC with white space
    collapsed; a row whose user said nothing duplicates nothing. `row` compares conversations,
    calls, tools and ground truth to the character. The first row stays: of protected sources
    (whose rows are never dropped), then of the sources in `order`, then as the parts stand.
    """
    if not parts:
        return pl.DataFrame(schema=SCHEMA)
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        keys = np.concatenate(list(pool.map(lambda block: _keys(block, side), blocks(parts))))
    labels = pl.concat([own_labels(part) for part in parts])
    pinned = labels["source"].is_in(list(protect)).to_numpy()
    equal = first_equal(keys, best_first(labels["source"], order, pinned))
    gone = np.flatnonzero((equal != np.arange(len(equal))) & ~pinned)
    ids = labels["id"]
    return pl.DataFrame({"id": ids[gone], "duplicate_of": ids[equal[gone]]}, schema=SCHEMA)


def _keys(block: Block, side: Side) -> np.ndarray:
    """128 bits a row, as two numbers: equal for equal rows, zero where there is no text.

    With 64 bits, a build of 100 million rows would lose one row in 3,700 builds; so few are
    lost with 128 that nobody need look.
    """
    none = np.zeros((0, 2), np.uint64)
    if side == "prompt":
        from dataengine.dedup.fingerprint import fingerprints  # numba: not needed for rows

        return np.concatenate([none, *(fingerprints(texts) for _, texts in block.texts(side))])
    names = pq.read_schema(block.path).names
    held = [*conversations(block.path, names, side), *(n for n in ANSWERS if n in names)]
    row = pl.struct(held).struct.json_encode()
    found = [
        pl.DataFrame(batch).select(row.hash(0).alias("a"), row.hash(1).alias("b")).to_numpy()
        for batch in block.batches(held)
    ]
    return np.concatenate([none, *found])
