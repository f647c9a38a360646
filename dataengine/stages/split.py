"""Splitting: a prompt stands on one side, whatever its answers."""

from itertools import accumulate
from typing import ClassVar

import polars as pl

from dataengine.decisions import Decided
from dataengine.parts import prompts_hexed
from dataengine.row import Kind, draw
from dataengine.stages.stage import Stage
from dataengine.view import View


class Split(Stage):
    """Adds the column `split`, drawn by hash of (seed, prompt)."""

    name: ClassVar[str] = "split"
    alone: ClassVar[bool] = True

    shares: dict[str, float]
    seed: int
    kind: Kind

    def explain(self) -> str:
        return ", ".join(f"{name} {share:g}" for name, share in self.shares.items())

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        drawn = draw(self.seed, "split", prompts_hexed(view.small["prompt"]))
        edges = [int(share * 2**64) for share in accumulate(self.shares.values())][:-1]
        side = sum((drawn >= edge).cast(pl.Int64) for edge in edges) if edges else drawn * 0
        names = pl.Series(list(self.shares), dtype=pl.Categorical)
        return Decided.stay(len(view), names.gather(side).alias("split").to_frame())
