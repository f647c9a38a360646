"""Candidates: every answer that a model gave to a prompt, as one table."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pyarrow as pa

from dataengine.errors import UserError
from dataengine.row import FOR_THE_TEMPLATE, MESSAGES, schema
from dataengine.stages.stage import FAILED

PROMPTS = {
    "prompt_id": pl.String(),
    "prompt": MESSAGES,
    "origin": pl.String(),
    "skill": pl.String(),
    "language": pl.String(),
    "licence": pl.String(),
    "verifier": pl.String(),
    "ground_truth": pl.String(),
    **FOR_THE_TEMPLATE,
}
"""A prompt, by the identity of its text, where it was taken from, and how its answers can be
checked where they can."""

CANDIDATES = {
    "candidate_id": pl.String(),
    "prompt_id": pl.String(),
    "model": pl.String(),
    "policy": pl.String(),
    "on_policy": pl.Boolean(),
    "sample": pl.Int64(),
    "text": pl.String(),
    "finish_reason": pl.String(),
    "tokens": pl.Int64(),
    "request": pl.String(),
    "passed": pl.Boolean(),
    "reasoning": pl.String(),
}
"""One answer, its reasoning apart. `policy` is the version of the policy where the answer is
on-policy; `passed` is what the prompt's own verifier said, null where there is none or it could not
tell."""

FAILURES = {
    "prompt_id": pl.String(),
    "model": pl.String(),
    "sample": pl.Int64(),
    "asked_for": pl.String(),
    "reason": pl.String(),
    "detail": pl.String(),
    "request": pl.String(),
}
"""An answer that was asked for and did not come: a candidate, or a judge's word (`asked_for`)."""

SCORES = {
    "candidate_id": pl.String(),
    "prompt_id": pl.String(),
    "aspect": pl.String(),
    "score": pl.Float64(),
    "state": pl.String(),
    "rationale": pl.String(),
    "position": pl.Int64(),
    "judge": pl.String(),
    "request": pl.String(),
}
"""A judge's score of one candidate in one aspect. `state` is scored, not applicable, or missing
(the judge said nothing that could be read); `score` is null in the last two, never a default.
`position` is where the judge saw the candidate, from 0."""

JUDGEMENTS = {
    "prompt_id": pl.String(),
    "first": pl.String(),
    "second": pl.String(),
    "preference": pl.Float64(),
    "swapped": pl.Float64(),
    "orders": pl.Int64(),
    "rationale": pl.String(),
    "judge": pl.String(),
    "request": pl.String(),
}
"""A comparison of two candidates: 1 where the first is better, 2 where the second is, 1.5 for a
tie, fractions for a judge that gives probabilities, null where it said nothing that could be read.
`swapped` is the answer to the same question with the two shown in the other order, in the same
scale; `orders` says whether that was asked (2) or not (1)."""

LOST = schema("preference") | {"reason": pl.String(), "evidence": pl.String()}
"""A row that was not made, as far as it came."""


def empty(schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """A table without rows."""
    return pl.DataFrame(schema=schema)


def filled(schema: dict[str, pl.DataType], rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """A table of rows, some of whose columns are nested: Arrow builds those fastest by far."""
    arrow = empty(schema).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    return pl.DataFrame(pl.from_arrow(pa.Table.from_pylist(list(rows), schema=arrow)))


@dataclass
class Judged:
    """Prompts with their candidates, scores and comparisons: what rules make pairs of."""

    prompts: pl.DataFrame = field(default_factory=lambda: empty(PROMPTS))
    candidates: pl.DataFrame = field(default_factory=lambda: empty(CANDIDATES))
    failures: pl.DataFrame = field(default_factory=lambda: empty(FAILURES))
    scores: pl.DataFrame = field(default_factory=lambda: empty(SCORES))
    judgements: pl.DataFrame = field(default_factory=lambda: empty(JUDGEMENTS))
    failed: pl.DataFrame = field(default_factory=lambda: empty(FAILED))
    """Records of tables that could not be read."""
    barred: pl.DataFrame = field(default_factory=lambda: empty(LOST))
    """Prompts that were not to be asked, as dropped rows."""


MOST_ASPECTS = 62


def candidate_id(prompt_id: str, model: str, sample: int, text: str) -> str:
    """blake2b-64 of what an answer is, as 16 hex digits."""
    content = f"{prompt_id}\0{model}\0{sample}\0{text}".encode()
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def means(candidates: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """The candidates with `mean` over the aspects that were scored (null where they cannot be
    compared), and `aspects`: the set of those, as bits.

    A score that is not applicable is out of the mean. A candidate that lacks a score which
    another of its prompt was asked for has no mean at all: a mean over other aspects would be
    compared with the others' as if it were over the same.

    Raises:
        UserError: there are more than `MOST_ASPECTS` aspects.
    """
    if not scores.height:
        nothing = {"mean": pl.Float64, "aspects": pl.Int64}
        return candidates.with_columns(
            pl.lit(None, dtype=dtype).alias(name) for name, dtype in nothing.items()
        )
    aspects = sorted(scores["aspect"].unique())
    if len(aspects) > MOST_ASPECTS:
        raise UserError(
            f"scores: {len(aspects):,} aspects ({aspects[0]}, {aspects[1]}, ...), and at most "
            f"{MOST_ASPECTS} can be compared; is that column the aspect?"
        )
    bit = pl.col("aspect").replace_strict(
        aspects, [1 << n for n in range(len(aspects))], return_dtype=pl.Int64
    )
    asked = scores.group_by("prompt_id").agg(pl.col("aspect").n_unique().alias("asked"))
    # Rounded: the order of a sum must not decide between a tie and a pair.
    judged = (
        scores.group_by("candidate_id")
        .agg(
            pl.col("prompt_id").first(),
            pl.col("score").mean().round(9).alias("mean"),
            (pl.col("state") == "missing").any().alias("missing"),
            pl.col("aspect").n_unique().alias("told"),
            bit.filter(pl.col("score").is_not_null()).unique().sum().alias("aspects"),
        )
        .join(asked, on="prompt_id")
        .with_columns(
            pl.when(~pl.col("missing") & (pl.col("told") == pl.col("asked"))).then("mean")
        )
    )
    return candidates.join(
        judged.select("candidate_id", "mean", "aspects"),
        on="candidate_id",
        how="left",
        maintain_order="left",
    )
