"""Near-duplicates: MinHash and LSH find candidates, the exact Jaccard index decides.

Two passes over the texts and no text kept: the first leaves a sketch of `PERMUTATIONS` bytes a
row, the second reads again only the row groups that hold a row with a candidate.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from dataengine.dedup.clusters import clusters
from dataengine.dedup.minhash import Bands, permutations
from dataengine.dedup.published import as_parts, known_labels, own_labels
from dataengine.dedup.rank import best_first, equal_rows
from dataengine.dedup.sets import Sets
from dataengine.dedup.shingles import Kind, Shingling
from dataengine.dedup.sketches import Sketches
from dataengine.dedup.texts import Block, Side, blocks
from dataengine.dedup.twins import TWIN
from dataengine.dedup.verify import Verdicts, verify

Keep = Literal["first", "longest"]

LOWEST = 0.7
"""Under this two texts share too little for one of them to go for the other."""
COPIES = 1 << 18
"""Rows equal to another whose verdicts are looked up at once."""
NEAR_TWIN = np.dtype([*TWIN.descr, ("estimated", np.float64), ("exact", np.float64)])
SCHEMA = {
    "id": pl.String,
    "duplicate_of": pl.String,
    "estimated": pl.Float64,
    "exact": pl.Float64,
}


def duplicates(
    parts: Sequence[Path],
    side: Side = "row",
    threshold: float = 0.8,
    shingle: Kind = "word",
    n: int | None = None,
    keep: Keep = "first",
    order: Sequence[str] = (),
    protect: Sequence[str] = (),
    against: Sequence[Path] = (),
    threads: int | None = None,
    seed: int = 0,
    folder: Path | None = None,
) -> pl.DataFrame:
    """The rows to drop: `id`, `duplicate_of`, and their `estimated` and `exact` Jaccard index.

    parts: Parquet files with `id`, `source` and messages (or prompt, chosen, rejected). A build
        does the same on its parts of rows, in `stages/near_dedup.py`.
    threshold: the Jaccard index of two texts' shingle sets from which one of them goes, 0.7 to 1.
    n: tokens of a shingle (5 words or 9 characters unless given). A text of fewer tokens is
        the duplicate of an equal text alone, without regard to case, white space, Unicode form.
    keep: which row of a cluster stays: the first (of the sources in `order`, then as the parts
        stand) or the longest. Rows of the sources in `protect` always stay, before all others.
    against: an existing dataset (Parquet, JSONL) whose rows stay, whatever they are.
    folder: where a temporary file may grow to the size of the texts that have candidates.

    Every row goes for a row that stays and that it reaches the threshold with. The result is the
    same for any number of threads. Raises ValueError for settings out of range.
    """
    settings = Settings(side, threshold, Shingling.of(shingle, n), keep, seed)
    threads = threads or os.cpu_count() or 1
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        known = as_parts(against, Path(scratch))
        groups = blocks([*known, *parts])
        if not groups:
            return pl.DataFrame(schema=SCHEMA)
        with ThreadPoolExecutor(threads) as pool:
            sketches = Sketches.joined([*pool.map(settings.sketch, groups)], folder)
        labels = pl.concat([*map(known_labels, known), *map(own_labels, parts)])
        pinned = labels["source"].is_in(list(protect)).fill_null(True).to_numpy()
        found = settings.twins(
            groups, sketches, pinned, threads, Path(scratch), labels["source"], order
        )
        twins = np.concatenate([*found])
        twins = twins[np.argsort(twins["at"])]
    ids = labels["id"]
    named = {"id": ids.gather(twins["at"]), "duplicate_of": ids.gather(twins["of"])}
    figures = {name: twins[name] for name in ("estimated", "exact")}
    return pl.DataFrame(named | figures, schema=SCHEMA)


@dataclass(frozen=True)
class Settings:
    """What decides which rows are near duplicates. Raises ValueError for settings out of range."""

    side: Side
    threshold: float
    shingling: Shingling
    keep: Keep
    seed: int

    def __post_init__(self) -> None:
        if not LOWEST <= self.threshold <= 1:
            raise ValueError(
                f"threshold is {self.threshold:g}: give a Jaccard index from {LOWEST} to 1"
            )
        if self.shingling.n < 1:
            raise ValueError(f"n is {self.shingling.n}: a shingle has 1 token or more")

    @cached_property
    def bands(self) -> Bands:
        """The LSH bands of the threshold."""
        return Bands.of(self.threshold)

    def sketch(self, block: Block) -> Sketches:
        """The first pass over the texts of a block."""
        hashes = permutations(self.bands, self.seed)
        return Sketches.of(block, self.side, self.shingling, hashes)

    def twins(
        self,
        groups: Sequence[Block],
        sketches: Sketches,
        pinned: np.ndarray,
        threads: int,
        folder: Path,
        sources: pl.Series | None = None,
        order: Sequence[str] = (),
    ) -> Iterator[np.ndarray]:
        """The rows to drop, each with the one that stays, as records of NEAR_TWIN in no order."""
        lengths = sketches.tokens if self.keep == "longest" else None
        ranked = best_first(pinned, sources, order, lengths)
        copies, firsts = equal_rows(sketches.keys, ranked, folder)
        unlike = sketches.shingles > 0
        unlike[copies] = False
        ranked = ranked[unlike[ranked]]
        own = ~pinned[copies]
        copies, firsts = copies[own], firsts[own]
        found = clusters(sketches.bytes, ranked, self.bands, self.threshold, threads, folder)
        del ranked, unlike
        rows = found.rows
        sets = Sets.read(
            rows, sketches.shingles[rows], groups, self.side, self.shingling, threads, folder
        )
        verdicts = verify(
            np.arange(len(rows), dtype=np.int32), found.bounds, found.partners, found.sketches,
            sets, pinned[rows], self.bands.gate(self.threshold), self.threshold, threads,
        )  # fmt: skip
        gone = _gone(verdicts, rows, self.bands)
        yield gone
        yield from _copies(gone, copies, firsts)


def _gone(verdicts: Verdicts, rows: np.ndarray, bands: Bands) -> np.ndarray:
    """The verdicts on `rows`, by row."""
    gone = np.flatnonzero(verdicts.of >= 0)
    gone = gone[np.argsort(rows[gone])]
    found: np.ndarray[Any, Any] = np.empty(len(gone), NEAR_TWIN)
    found["at"], found["of"] = rows[gone], rows[verdicts.of[gone]]
    found["estimated"] = bands.estimate(verdicts.agreed[gone])
    found["exact"] = verdicts.exact[gone]
    return found


def _copies(gone: np.ndarray, copies: np.ndarray, firsts: np.ndarray) -> Iterator[np.ndarray]:
    """The rows equal to another: those share its verdict."""
    for start in range(0, len(copies), COPIES):
        here = slice(start, start + COPIES)
        found: np.ndarray[Any, Any] = np.ones(len(copies[here]), NEAR_TWIN)
        found["at"], found["of"] = copies[here], firsts[here]
        place = np.searchsorted(gone["at"], firsts[here])
        led = np.flatnonzero(np.append(gone["at"], -1)[place] == firsts[here])
        for name in ("of", "estimated", "exact"):
            found[name][led] = gone[name][place[led]]
        yield found
