"""Difficulty: how often a named policy solves each task, and the band that is worth training on."""

from collections import Counter
from typing import Any, ClassVar

import polars as pl
from pydantic import Field, PrivateAttr, field_validator

from dataengine.models.config import ModelConfig
from dataengine.stages.stage import Context, Outcome, Stage, Survey
from dataengine.table import Table
from dataengine.verifying import verifiers_ready
from eval.verifiers import verifier
from personas.ask import Ask, Sampling


class Difficulty(Stage):
    """Keeps the tasks that the policy solves sometimes: its pass rate is within the band."""

    name: ClassVar[str] = "difficulty"

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
    _mendable: Counter[str] = PrivateAttr(default_factory=Counter)

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

    def survey(self, table: Table, context: Context) -> Survey:
        from dataengine.models.session import session  # the client: not needed to plan

        assert context.ledger is not None
        named = {
            name
            for rows in table.frames(["verifier"])
            for name in rows["verifier"].drop_nulls().unique()
        }
        verifiers_ready(named, self.name)
        with session(self.models, context.ledger, self.usd) as opened:
            self._mendable.clear()
            found = [self._measured(rows, opened) for rows in table.frames()]
            policy = opened.models.lane(self.policy).model
        measured = pl.concat(found) if found else pl.DataFrame(schema=MEASURED)
        measured = measured.with_columns(pl.lit(policy).alias("policy"))
        return Survey(
            found=measured,
            tables={"pass_rates": measured},
            figures=_figures(measured, policy),
            mendable=dict(+self._mendable),
        )

    def apply(self, rows: pl.DataFrame, survey: Survey) -> Outcome:
        found = rows.select("id").join(survey.found, on="id", how="left", maintain_order="left")
        low, high = self.pass_rate
        rate = pl.col("pass_rate")
        decided = found.select(
            reason=pl.when(rate.is_null())
            .then(pl.lit("pass rate not measured"))
            .when(rate < low)
            .then(pl.lit("too hard"))
            .when(rate > high)
            .then(pl.lit("too easy")),
            evidence=pl.struct(pl.exclude("id")).struct.json_encode(),
        )
        known = rows.with_columns(found["pass_rate"], found["policy"])
        return Outcome.by_reason(known, decided["reason"], decided["evidence"])

    def _measured(self, rows: pl.DataFrame, opened: Any) -> pl.DataFrame:
        """Pass rates of one part: answers that were cut at `max_tokens` do not pass, those that
        nobody gave or nothing could verify do not count."""
        from dataengine.models.models import Query
        from dataengine.models.wire import Failure

        tasks = rows.select("id", "prompt", "ground_truth", "verifier", "language").to_dicts()
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
                self._mendable[reply.outcome.kind] += reply.outcome.mendable
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
        )

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
