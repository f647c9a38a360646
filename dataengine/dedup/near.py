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
from typing import Any, Literal

import numpy as np
import polars as pl

from dataengine.dedup.lsh import candidates, components, sharing
from dataengine.dedup.minhash import Bands, permutations
from dataengine.dedup.published import as_parts, known_labels, own_labels
from dataengine.dedup.rank import best_first, equal_rows
from dataengine.dedup.sets import Sets
from dataengine.dedup.shingles import Kind, Shingling
from dataengine.dedup.sketches import Sketches, taken
from dataengine.dedup.texts import Block, Side, blocks
from dataengine.dedup.twins import TWIN
from dataengine.dedup.verify import Verdicts, verify

Keep = Literal["first", "longest"]

LOWEST = 0.7
"""Under this two texts share too little for one of them to go for the other."""
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
        ranked = settings.ranked(sketches, labels["source"], pinned, order)
        twins = settings.twins(groups, sketches, ranked, pinned, threads, Path(scratch))
    ids = labels["id"]
    found = {"id": ids.gather(twins["at"]), "duplicate_of": ids.gather(twins["of"])}
    figures = {name: twins[name] for name in ("estimated", "exact")}
    return pl.DataFrame(found | figures, schema=SCHEMA)


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
    ) -> np.ndarray:
        """The rows to drop, each with the one that stays, as records of NEAR_TWIN by row."""
        copies, firsts = equal_rows(sketches.keys, ranked, folder)
        unlike = sketches.shingles > 0
        unlike[copies] = False
        own = ~pinned[copies]
        copies, firsts = copies[own], firsts[own]
        best = ranked[unlike[ranked]]
        best = sharing(sketches.bytes, best, self.bands, threads, folder)
        rows = np.sort(best)  # from here on a row is told by its place among these
        worth_a_look = np.searchsorted(rows, best).astype(np.int32)
        few = taken(sketches.bytes, rows, folder)
        found = candidates(few, worth_a_look, self.bands, self.threshold, threads)
        members, bounds = components(found, worth_a_look)
        sets = Sets.read(
            members, rows, sketches.shingles[rows], groups,
            self.side, self.shingling, threads, folder,
        )  # fmt: skip
        verdicts = verify(
            members, bounds, found.partners, few, sets,
            pinned[rows], self.bands.gate(self.threshold), self.threshold, threads,
        )  # fmt: skip
        return _twins(verdicts, rows, copies, firsts, self.bands)


def _twins(
    verdicts: Verdicts, rows: np.ndarray, copies: np.ndarray, firsts: np.ndarray, bands: Bands
) -> np.ndarray:
    """Verdicts on `rows`, and the rows equal to another: those share the other's verdict."""
    of, exact, estimated = verdicts.of, verdicts.exact, bands.estimate(verdicts.agreed)
    gone = np.flatnonzero(of >= 0)
    found: np.ndarray[Any, Any] = np.empty(len(gone) + len(copies), NEAR_TWIN)
    found["at"] = np.concatenate([rows[gone], copies])
    found["of"] = np.concatenate([rows[of[gone]], firsts])
    found["estimated"] = np.concatenate([estimated[gone], np.ones(len(copies))])
    found["exact"] = np.concatenate([exact[gone], np.ones(len(copies))])
    place = np.searchsorted(rows[gone], firsts)
    led = np.flatnonzero(np.append(rows[gone], -1)[place] == firsts)
    for name in ("of", "estimated", "exact"):
        found[name][len(gone) + led] = found[name][place[led]]
    return found[np.argsort(found["at"])]
