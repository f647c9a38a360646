"""Gold answer check: each rlvr row's gold answer passes its verifier, or the row is dropped."""

from collections.abc import Sequence
from typing import ClassVar

import orjson
import polars as pl

from dataengine.decisions import Decided
from dataengine.errors import UserError
from dataengine.stages.stage import Context, Stage, Survey, evidence
from dataengine.verifying import verifiers_ready
from dataengine.view import Table, View
from eval.verifiers import MalformedGroundTruth, Verdict, verifier
from eval.verifiers.instructions.conflicts import conflicts
from eval.verifiers.instructions.constraint import Constraint


class Gold(Stage):
    """Drops tasks whose gold answer fails their own verifier, or that nothing could satisfy."""

    name: ClassVar[str] = "gold"
    verifies: ClassVar[bool] = True
    version: ClassVar[int] = 2

    def look(self, view: View, context: Context) -> pl.DataFrame | None:
        """The verifiers that rows name."""
        return view.frame("verifier")

    def settle(
        self, looks: Sequence[pl.DataFrame], table: Table, context: Context
    ) -> Survey | None:
        named = {
            n for look in table.alive_of(looks) for n in look["verifier"].drop_nulls().unique()
        }
        verifiers_ready(named, self.name)
        return None

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        reasons: list[str | None] = [None] * len(view)
        facts: list[str | None] = [None] * len(view)
        columns = ("verifier", "ground_truth", "gold", "language")
        tasks = view.frame(*columns).with_row_index("place")
        for (name,), group in tasks.group_by("verifier", maintain_order=True):
            known = group.filter(pl.col("gold").is_not_null())
            verdicts = verifier(str(name)).verify_batch(
                known["gold"].to_list(),
                known["ground_truth"].to_list(),
                languages=known["language"].to_list(),
            )
            for place, verdict in zip(known["place"], verdicts, strict=True):
                reasons[place], facts[place] = _of_verdict(str(name), verdict)
            for place, truth in (
                group.filter(pl.col("gold").is_null()).select("place", "ground_truth").iter_rows()
            ):
                reasons[place], facts[place] = _without_gold(str(name), truth)
        return Decided(pl.Series(reasons, dtype=pl.String), pl.Series(facts, dtype=pl.String))


def _of_verdict(name: str, verdict: Verdict) -> tuple[str | None, str | None]:
    if verdict.passed:
        return None, None
    if verdict.error and verdict.error.startswith("Unavailable"):
        raise UserError(f"gold: the verifier {name} cannot run here: {verdict.error}")
    if verdict.error:
        return "gold answer cannot be verified", evidence(verifier=name, error=verdict.error)
    return "gold answer fails its verifier", evidence(verifier=name, said=verdict.reason)


def _without_gold(name: str, truth: str) -> tuple[str | None, str | None]:
    """Without a gold answer the ground truth must be one, and its constraints hold together."""
    try:
        verifier(name).check(truth)
    except MalformedGroundTruth as error:
        return "malformed ground truth", evidence(verifier=name, error=str(error))
    clashes = conflicts(_constraints(truth)) if name == "ifeval" else []
    if clashes:
        return "constraints cannot hold together", evidence(verifier=name, conflicts=clashes)
    return None, None


def _constraints(truth: str) -> list[Constraint]:
    said = orjson.loads(truth)
    pairs = zip(said["instruction_id_list"], said["kwargs"], strict=True)
    return [
        Constraint(id, {k: v for k, v in kwargs.items() if v is not None}, "")
        for id, kwargs in pairs
    ]
