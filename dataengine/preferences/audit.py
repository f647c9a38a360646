"""Audit of preference pairs: margins, length bias, position bias, on-policy share."""

from itertools import combinations, pairwise
from typing import Any

import polars as pl

from dataengine.preferences.candidates import Judged

BINS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Lower edges of the margin histogram's bins."""


class Audit:
    """Collects what the audit needs of each round of prompts: figures, never the texts."""

    def __init__(self) -> None:
        self._parts: dict[str, list[pl.DataFrame]] = {}

    def add(self, judged: Judged, pairs: pl.DataFrame, unpaired: pl.DataFrame) -> None:
        """Take in a round: its tables, its pairs, and `reason` of what gave none."""
        light = judged.candidates.select(
            "candidate_id",
            "prompt_id",
            "model",
            "on_policy",
            "passed",
            pl.col("text").str.len_chars().alias("chars"),
        )
        for name, part in {
            "sides": _sides(pairs, light),
            "candidates": light,
            "scores": judged.scores.drop("rationale", "request", "judge"),
            "judgements": judged.judgements.drop("rationale", "request", "judge"),
            "unpaired": unpaired.select("reason"),
            "failures": judged.failures.select("model", "reason"),
        }.items():
            self._parts.setdefault(name, []).append(part)

    def figures(self) -> dict[str, Any]:
        """Figures of all pairs, ready for JSON; a figure that nothing measures is null."""
        whole = {name: pl.concat(parts) for name, parts in self._parts.items()}
        sides, candidates = whole["sides"], whole["candidates"]
        scores, judgements = whole["scores"], whole["judgements"]
        return {
            "prompts": candidates["prompt_id"].n_unique(),
            "candidates": candidates.height,
            "candidates_failed": _counts(whole["failures"], "reason"),
            "pairs": sides.height,
            "prompts_paired": sides["prompt_id"].n_unique(),
            "unpaired": _counts(whole["unpaired"], "reason"),
            "ties": int((whole["unpaired"]["reason"] == "tie").sum()),
            "margins": _histogram(sides["margin"]),
            "margin_mean": _mean(sides["margin"]),
            "length": _length(sides),
            "models": {
                "chosen": _counts(sides, "model"),
                "rejected": _counts(sides, "model_rejected"),
            },
            "win_rates": _win_rates(judgements, candidates),
            "on_policy": _on_policy(sides) if candidates["on_policy"].any() else None,
            "aspect_correlations": _correlations(scores),
            "judge": _judge(scores, judgements),
            "position": _position(scores, judgements),
            "verifier": _verifier(sides, candidates, scores),
        }


def _sides(pairs: pl.DataFrame, candidates: pl.DataFrame) -> pl.DataFrame:
    facts = candidates.drop("prompt_id")
    return pairs.join(
        facts, left_on="chosen", right_on="candidate_id", how="left", maintain_order="left"
    ).join(
        facts,
        left_on="rejected",
        right_on="candidate_id",
        how="left",
        maintain_order="left",
        suffix="_rejected",
    )


def _on_policy(sides: pl.DataFrame) -> dict[str, float | None]:
    """The share of pairs whose sides are the policy's own answers."""
    chosen, rejected = sides["on_policy"], sides["on_policy_rejected"]
    return {
        "chosen": _mean(chosen),
        "rejected": _mean(rejected),
        "at_least_one": _mean(chosen | rejected),
        "both": _mean(chosen & rejected),
    }


def _win_rates(judgements: pl.DataFrame, candidates: pl.DataFrame) -> dict[str, float] | None:
    """Per cent of its comparisons that each model wins, a tie being half a win; of a judge that
    gives probabilities, their mean."""
    if not judgements.height:
        return None
    model = candidates.select("candidate_id", "model")
    preference = pl.mean_horizontal("preference", "swapped")
    sides = [
        judgements.select(pl.col(side).alias("candidate_id"), won.alias("won"))
        for side, won in (("first", 2 - preference), ("second", preference - 1))
    ]
    won = pl.concat(sides).drop_nulls().join(model, on="candidate_id")
    rates = won.group_by("model").agg(pl.col("won").mean() * 100).sort("won", "model")
    return {name: round(rate, 2) for name, rate in rates.reverse().iter_rows()}


def _judge(scores: pl.DataFrame, judgements: pl.DataFrame) -> dict[str, Any] | None:
    """What became of every score and comparison that the judge was asked for."""
    if not scores.height and not judgements.height:
        return None
    unread = judgements["preference"].is_null() | (
        (judgements["orders"] == 2) & judgements["swapped"].is_null()
    )
    return {
        "scores": _counts(scores, "state"),
        "scores_missing": {
            aspect: _mean(part["state"] == "missing")
            for (aspect,), part in sorted(scores.group_by("aspect"), key=lambda item: item[0])
        },
        "comparisons": judgements.height,
        "comparisons_missing": int(unread.sum()),
        "comparisons_tied": int((judgements["preference"] == 1.5).sum()),
    }


def _length(sides: pl.DataFrame) -> dict[str, Any]:
    """Characters of the two sides, and how often the longer one is the chosen one."""
    chosen, rejected = sides["chars"], sides["chars_rejected"]
    differ = chosen != rejected
    return {
        "chosen_chars": _mean(chosen),
        "rejected_chars": _mean(rejected),
        "longer_wins": _mean((chosen > rejected).filter(differ)),
        "equal": int((~differ).sum()),
    }


def _histogram(margins: pl.Series) -> list[dict[str, Any]]:
    edges = [*BINS, float("inf")]
    return [
        {"from": low, "to": high if high != float("inf") else None, "pairs": int(n)}
        for low, high in pairwise(edges)
        if (n := ((margins >= low) & (margins < high)).sum())
    ]


def _correlations(scores: pl.DataFrame) -> dict[str, float | None] | None:
    """Pearson's r of every two aspects, over the candidates that have both."""
    if not scores.height:
        return None
    wide = scores.pivot("aspect", index="candidate_id", values="score", aggregate_function="first")
    aspects = sorted(scores["aspect"].unique())
    return {
        f"{a} ~ {b}": _rounded(wide.drop_nulls([a, b]).select(pl.corr(a, b)).item())
        for a, b in combinations(aspects, 2)
    }


def _position(scores: pl.DataFrame, judgements: pl.DataFrame) -> dict[str, Any] | None:
    """Whether being shown first wins: the share of first places' wins, and what chance gives.

    Known of scores with their positions, and of comparisons that were asked in both orders.
    """
    both = judgements.filter(pl.col("orders") == 2)
    if both.height:
        asked = pl.concat([both["preference"], 3 - both["swapped"]]).drop_nulls()
        decided = asked.filter(asked != 1.5)
        return {"first_wins": _mean(decided < 1.5), "by_chance": 0.5, "decided": decided.len()}
    if not scores["position"].count():
        return None
    seen = (
        scores.drop_nulls("score")
        .group_by("prompt_id", "aspect", "position")
        .agg(pl.col("score").first())
    )
    best = seen.filter(pl.col("score") == pl.col("score").max().over("prompt_id", "aspect"))
    alone = best.filter(pl.len().over("prompt_id", "aspect") == 1)
    shown = seen.group_by("prompt_id", "aspect").agg(pl.len().alias("shown"))
    chance = alone.join(shown, on=["prompt_id", "aspect"]).select((1 / pl.col("shown")).mean())
    return {
        "first_wins": _mean(alone["position"] == 0),
        "by_chance": _rounded(chance.item()),
        "decided": alone.height,
    }


def _verifier(
    sides: pl.DataFrame, candidates: pl.DataFrame, scores: pl.DataFrame
) -> dict[str, Any] | None:
    """How far the pairs, and the judge, agree with the prompts' own verifiers."""
    known = sides.drop_nulls(["passed", "passed_rejected"])
    if not known.height and candidates["passed"].null_count() == candidates.height:
        return None
    apart = known.filter(pl.col("passed") != pl.col("passed_rejected"))
    return {
        "pairs_verified": known.height,
        "chosen_passes": _mean(known["passed"]),
        "rejected_passes": _mean(known["passed_rejected"]),
        "judge_agrees": _judge_agrees(candidates, scores),
        "chosen_passes_where_they_differ": _mean(apart["passed"]),
    }


def _judge_agrees(candidates: pl.DataFrame, scores: pl.DataFrame) -> float | None:
    """Of a passing and a failing answer to one prompt, how often the judge's mean is higher for
    the passing one (a tie counts half)."""
    if not scores.height:
        return None
    means = scores.group_by("candidate_id").agg(pl.col("score").mean().alias("mean"))
    judged = candidates.join(means, on="candidate_id").drop_nulls(["passed", "mean"])
    both = judged.filter("passed").join(judged.filter(~pl.col("passed")), on="prompt_id")
    wins = (both["mean"] > both["mean_right"]).cast(pl.Float64) + (
        both["mean"] == both["mean_right"]
    ).cast(pl.Float64) / 2
    return _mean(wins)


def _counts(table: pl.DataFrame, column: str) -> dict[str, int]:
    counted = (
        table[column].drop_nulls().value_counts().sort("count", column, descending=[True, False])
    )
    return {str(name): int(count) for name, count in counted.iter_rows()}


def _mean(values: pl.Series) -> float | None:
    return _rounded(values.drop_nulls().mean())


def _rounded(value: Any) -> float | None:
    return None if value is None or value != value else round(float(value), 4)
