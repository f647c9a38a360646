"""Difficulty: how often a named policy solves each task, and the band that is worth training on."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import polars as pl
from pydantic import Field, field_validator

from dataengine.decisions import Decided
from dataengine.models.model_config import ModelConfig
from dataengine.stages.stage import Context, Stage, Survey
from dataengine.verifying import verifiers_ready
from dataengine.view import Table, View
from eval.verifiers import verifier
from personas.ask import Ask, Sampling


class Difficulty(Stage):
    """Keeps the tasks that the policy solves sometimes: its pass rate is within the band."""

    name: ClassVar[str] = "difficulty"
    verifies: ClassVar[bool] = True

    policy: str
    """The model whose pass rate is measured, as the mixture's `models:` call it."""
    samples: int = Field(8, ge=1, le=256)
    """Answers to each prompt (pass@k's k)."""
    pass_rate: tuple[float, float] = (0.0, 1.0)
    """Least and most share of answers that pass; rows outside go, each with its share."""
    temperature: float = Field(1.0, ge=0)
    max_tokens: int = Field(2_048, gt=0)
    models: dict[str, ModelConfig] = Field(default_factory=dict, exclude=True)
    usd: float | None = Field(None, exclude=True)

    @field_validator("pass_rate")
    @classmethod
    def _a_band(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= value[0] <= value[1] <= 1:
            raise ValueError("pass_rate: give [least, most], from 0 to 1")
        return value

    def explain(self) -> str:
        low, high = self.pass_rate
        return f"pass rate of {self.policy} over {self.samples} answers from {low:g} to {high:g}"

    def identity(self) -> dict[str, Any]:
        return super().identity() | {"policy": self.models[self.policy].identity()}

    def settle(
        self, looks: Sequence[pl.DataFrame], table: Table, context: Context
    ) -> Survey | None:
        from dataengine.models.session import session  # the client: not needed to plan

        assert context.ledger is not None
        named = {n for v in table.views() for n in v.frame("verifier")["verifier"].drop_nulls()}
        verifiers_ready(named, self.name)
        mendable: Counter[str] = Counter()
        with session(self.models, context.ledger, self.usd) as opened:
            found = [self._measured(view, opened, mendable) for view in table.views()]
            policy = opened.models.client(self.policy).model
        parts = [part.with_columns(pl.lit(policy).alias("policy")) for part in found]
        measured = pl.concat(parts) if parts else pl.DataFrame(schema=MEASURED)
        return Survey(
            parts,
            tables={"pass_rates": measured.drop("place")},
            figures=_figures(measured, policy),
            mendable=dict(+mendable),
        )

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        assert found is not None
        low, high = self.pass_rate
        rate = pl.col("pass_rate")
        decided = found.select(
            reason=pl.when(rate.is_null())
            .then(pl.lit("pass rate not measured"))
            .when(rate < low)
            .then(pl.lit("too hard"))
            .when(rate > high)
            .then(pl.lit("too easy")),
            evidence=pl.struct(pl.exclude("id", "place")).struct.json_encode(),
        )
        told = found.select("pass_rate", "policy")
        return Decided(decided["reason"], decided["evidence"], told)

    def _measured(self, view: View, opened: Any, mendable: Counter[str]) -> pl.DataFrame:
        """Pass rates of one part: answers that were cut at `max_tokens` do not pass, those that
        nobody gave or nothing could verify do not count."""
        from dataengine.models.models import Query
        from dataengine.models.wire import Failure

        columns = ("id", "prompt", "ground_truth", "verifier", "language")
        tasks = view.frame(*columns).to_dicts()
        queries = (
            Query(self._ask(task["prompt"]), sample, tag=place)
            for place, task in enumerate(tasks)
            for sample in range(self.samples)
        )
        tallies: list[Counter[str]] = [Counter() for _ in tasks]
        answers: dict[str, list[tuple[int, str]]] = {}
        for reply in opened.ask(self.policy, queries, self.name):
            place = reply.query.tag
            if isinstance(reply.outcome, Failure):
                tallies[place][reply.outcome.kind] += 1
                mendable[reply.outcome.kind] += reply.outcome.mendable
            else:
                answers.setdefault(tasks[place]["verifier"], []).append((place, reply.outcome.text))
        for name, given in answers.items():
            verdicts = verifier(name).verify_batch(
                [text for _, text in given],
                [tasks[place]["ground_truth"] for place, _ in given],
                languages=[tasks[place]["language"] for place, _ in given],
            )
            for (place, _), verdict in zip(given, verdicts, strict=True):
                tallies[place][_class(verdict.passed)] += 1
        return pl.DataFrame(
            [_line(task["id"], tally) for task, tally in zip(tasks, tallies, strict=True)],
            schema=MEASURED,
        ).with_columns(pl.Series("place", view.places, dtype=pl.UInt32))

    def _ask(self, prompt: list[dict[str, Any]]) -> Ask:
        turns = tuple({"role": t["role"], "content": t["content"]} for t in prompt)
        return Ask(turns, Sampling(self.temperature, max_tokens=self.max_tokens, seed=0))


MEASURED = {
    "id": pl.String(),
    "pass_rate": pl.Float64(),
    "passed": pl.Int64(),
    "failed": pl.Int64(),
    "truncated": pl.Int64(),
    "unverified": pl.Int64(),
    "unanswered": pl.Int64(),
}


def _class(passed: bool | None) -> str:
    return "unverified" if passed is None else "passed" if passed else "failed"


def _line(id: str, tally: Counter[str]) -> dict[str, Any]:
    counted = tally["passed"] + tally["failed"] + tally["truncated"]
    known = ("passed", "failed", "truncated", "unverified")
    return {
        "id": id,
        "pass_rate": tally["passed"] / counted if counted else None,
        **{name: tally[name] for name in known},
        "unanswered": sum(n for name, n in tally.items() if name not in known),
    }


def _figures(measured: pl.DataFrame, policy: str) -> dict[str, Any]:
    """The policy, and how many tasks it solves how often."""
    tenths = (measured["pass_rate"].drop_nulls() * 10).floor().clip(0, 9).cast(pl.Int64)
    counts = dict(tenths.value_counts().iter_rows())
    return {
        "policy": policy,
        "pass_rates": {f"{t / 10:.1f}-{(t + 1) / 10:.1f}": counts.get(t, 0) for t in range(10)},
    }
