"""Near-duplicates: MinHash and LSH find candidates, the exact Jaccard index decides.

Two passes over the texts and no text kept: the first leaves a sketch of `PERMUTATIONS` bytes a
row, the second reads again only the row groups that hold a row with a candidate.
"""

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from dataengine.dedup.lsh import candidates, components
from dataengine.dedup.minhash import Bands, permutations
from dataengine.dedup.published import as_parts, known_labels, own_labels
from dataengine.dedup.rank import best_first, first_equal
from dataengine.dedup.sets import Sets
from dataengine.dedup.shingles import Kind, Shingling
from dataengine.dedup.sketches import Sketches
from dataengine.dedup.texts import Block, Side, blocks
from dataengine.dedup.verify import Verdicts, verify

Keep = Literal["first", "longest"]

LOWEST = 0.7
"""Under this two texts share too little for one of them to go for the other."""
TWINS = {"row": pl.Int64, "of": pl.Int64, "estimated": pl.Float64, "exact": pl.Float64}
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
        ranked = settings.ranked(sketches, labels["source"], pinned, order)
        twins = settings.twins(groups, sketches, ranked, pinned, threads, Path(scratch))
    ids = labels["id"]
    return twins.select(
        pl.Series("id", ids.gather(twins["row"])),
        pl.Series("duplicate_of", ids.gather(twins["of"])),
        "estimated",
        "exact",
    )


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

    def ranked(
        self, sketches: Sketches, sources: pl.Series, pinned: np.ndarray, order: Sequence[str] = ()
    ) -> np.ndarray:
        """Row numbers, best first."""
        lengths = sketches.tokens if self.keep == "longest" else None
        return best_first(sources, order, pinned, lengths)

    def twins(
        self,
        groups: Sequence[Block],
        sketches: Sketches,
        ranked: np.ndarray,
        pinned: np.ndarray,
        threads: int,
        folder: Path,
    ) -> pl.DataFrame:
        """The rows to drop by their numbers: `row`, `of`, `estimated` and `exact` Jaccard index."""
        copies, firsts = first_equal(sketches.keys, ranked)
        unlike = sketches.shingles > 0
        unlike[copies] = False
        worth_a_look = ranked[unlike[ranked]].astype(np.int32)
        found = candidates(sketches.bytes, worth_a_look, self.bands, self.threshold, threads)
        members, bounds = components(found, worth_a_look)
        sets = Sets.read(
            members, sketches.shingles, groups, self.side, self.shingling, threads, folder
        )
        verdicts = verify(
            members, bounds, found.partners, sketches.bytes, sets,
            pinned, self.bands.gate(self.threshold), self.threshold, threads,
        )  # fmt: skip
        own = ~pinned[copies]
        return _table(verdicts, copies[own], firsts[own], self.bands)


def _table(verdicts: Verdicts, copies: np.ndarray, first: np.ndarray, bands: Bands) -> pl.DataFrame:
    """Verdicts by row, and the rows equal to another: those share the other's verdict."""
    of, exact, estimated = verdicts.of, verdicts.exact, bands.estimate(verdicts.agreed)
    of[copies] = np.where(of[first] >= 0, of[first], first)
    estimated[copies] = np.where(of[first] >= 0, estimated[first], 1.0)
    exact[copies] = np.where(of[first] >= 0, exact[first], 1.0)
    gone = np.flatnonzero(of >= 0)
    columns = gone, of[gone], estimated[gone], exact[gone]
    return pl.DataFrame(dict(zip(TWINS, columns, strict=True)), schema=TWINS)
