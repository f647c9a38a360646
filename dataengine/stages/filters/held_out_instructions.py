"""Tasks made from instruction types that a held-out suite tests, by their ids.

A model that trains on the very constraints of IFBench scores on it without generalising. Prompts
differ, so decontamination by text does not see it: the ids do.
"""

import re
from typing import ClassVar, Literal

import polars as pl

from dataengine.decisions import Decided
from dataengine.stages.filters import Filter
from dataengine.view import View
from eval.verifiers.instructions.constraint import HELD_OUT

Suite = Literal["ifbench"]


class HeldOutInstructions(Filter):
    """Drops rows whose ground truth, in the row or in its provenance, names a held-out id."""

    name: ClassVar[str] = "held_out_instructions"

    suites: tuple[Suite, ...] = ("ifbench",)

    def explain(self) -> str:
        return f"instruction ids of {', '.join(self.suites)}"

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        rows = view.frame("provenance", *(["ground_truth"] if view.kind == "rlvr" else []))
        ids = sorted(set().union(*(HELD_OUT[suite] for suite in self.suites)))
        # A ground truth inside another is JSON inside JSON: its quotation marks are escaped.
        quoted = r'\\*"(' + "|".join(map(re.escape, ids)) + r')\\*"'
        labels = [pl.col("provenance").struct.field("details")]
        if "ground_truth" in rows.columns:
            labels.append(pl.col("ground_truth"))
        named = rows.select(pl.coalesce(label.str.extract(quoted) for label in labels).alias("id"))
        decided = named.select(
            reason=pl.when(pl.col("id").is_not_null()).then(pl.lit("held-out instruction")),
            evidence=pl.struct("id").struct.json_encode(),
        )
        return Decided(decided["reason"], decided["evidence"])
