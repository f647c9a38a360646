"""Pairing rules: from judged candidates to chosen and rejected, joined on ids alone.

A rule sees a table of candidates with `mean` (and `passed`), and says for each prompt which
candidate is chosen and which is rejected, or why there is no pair. Drawing is by hash of (seed,
candidate id), so that the same candidates give the same pairs in any order.
"""

from typing import Literal

import polars as pl
from pydantic import Field

from dataengine.config import Config
from dataengine.row import draw

Rule = Literal["best_vs_lower", "best_vs_worst", "max_delta", "verifier", "pairwise"]
OnPolicy = Literal["any", "at_least_one", "both"]

OWN_SIDES = {"any": 0, "at_least_one": 1, "both": 2}
SIDES = ("first", "second")
PAIRS = ("prompt_id", "chosen", "rejected", "chosen_score", "rejected_score", "margin")
"""The columns of a table of pairs; chosen and rejected are candidate ids."""


class Pairs(Config):
    """How pairs are made."""

    rule: Rule = "best_vs_lower"
    """best_vs_lower: the highest mean, against one drawn from those lower by the margin.
    best_vs_worst: the highest against the lowest mean. max_delta: the two furthest apart of all
    that meet the conditions below. verifier: one that passes against one that fails, no judge.
    pairwise: what a judge preferred of two, where both orders agree."""
    min_margin: float = Field(0.0, ge=0)
    """Least difference of means; whatever it is, a tie never pairs."""
    on_policy: OnPolicy = "any"
    """How many sides must be answers of the policy."""
    verifier_override: bool = True
    """A candidate that fails its prompt's verifier is never chosen."""
    max_length: int = Field(2_048, gt=0)
    """Tokens of prompt and answer that training keeps: pairs equal up to there are dropped."""


def pair(candidates: pl.DataFrame, rules: Pairs, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pairs (`PAIRS`), at most one for each prompt, and `prompt_id, reason` of the others.

    `candidates` has `candidate_id, prompt_id, text, on_policy, passed, mean` and `aspects`, the
    set of aspects behind the mean, as bits.
    """
    table = candidates.with_columns(
        draw(seed, "pair", candidates["candidate_id"]),
        _plain("text").hash().alias("said"),
        (_plain("text") == "").alias("blank"),
    ).sort("prompt_id", "candidate_id")
    if rules.rule == "verifier":
        table = table.with_columns(
            pl.col("passed").cast(pl.Float64).alias("mean"), pl.lit(1).alias("aspects")
        )
    judged = table.filter(pl.col("mean").is_not_null() & ~pl.col("blank"))
    may_win = pl.lit(True)
    if rules.verifier_override or rules.rule == "verifier":
        may_win = pl.col("passed").fill_null(True)
    winners = judged.filter(may_win)
    losers = judged
    match rules.rule:
        case "best_vs_lower" | "best_vs_worst":
            winners = _extreme(winners, highest=True)
        case "max_delta" | "verifier":
            pass
        case "pairwise":
            raise ValueError("pairwise pairs come from judgements: use pair_judgements")
    if rules.rule == "best_vs_worst":
        losers = _extreme(losers, highest=False)
    met = _combined(winners, losers, rules)
    return _one_each(met, rules.rule), _why_not(table, judged, winners, met)


def _plain(column: str) -> pl.Expr:
    """A text without what nobody means by a difference: blanks, line ends, Unicode form."""
    return plain(pl.col(column).fill_null(""))


def plain(text: pl.Expr) -> pl.Expr:
    """Texts in one Unicode form (NFC), every run of white space one blank, none at the ends."""
    one = text.str.normalize("NFC").str.replace_all("[\u200b\ufeff]", "")
    return one.str.replace_all(r"\s+", " ").str.strip_chars()


def _extreme(table: pl.DataFrame, highest: bool) -> pl.DataFrame:
    """The candidates with the highest (lowest) mean of each prompt, all of them in a tie."""
    best = pl.col("mean").max() if highest else pl.col("mean").min()
    return table.filter(pl.col("mean") == best.over("prompt_id"))


HURDLES = {
    "differ": "equal answers",
    "shared": "no aspect in common",
    "wide": "below the margin",
    "own": "no on-policy side",
}
"""What two candidates must pass to be a pair, in this order, and what it is called if they fail."""


def _combined(winners: pl.DataFrame, losers: pl.DataFrame, rules: Pairs) -> pl.DataFrame:
    """Every winner with every loser of its prompt that is strictly lower, and what they lack."""
    keep = ("prompt_id", "candidate_id", "mean", "on_policy", "pair", "said", "aspects")
    both = winners.select(keep).join(losers.select(keep), on="prompt_id", suffix="_lower")
    margin = (pl.col("mean") - pl.col("mean_lower")).round(9)
    sides = pl.col("on_policy").cast(pl.Int8) + pl.col("on_policy_lower").cast(pl.Int8)
    return both.filter(margin > 0).with_columns(
        margin.alias("margin"),
        (pl.col("said") != pl.col("said_lower")).alias("differ"),
        ((pl.col("aspects") & pl.col("aspects_lower")) != 0).alias("shared"),
        (margin >= rules.min_margin).alias("wide"),
        (sides >= OWN_SIDES[rules.on_policy]).alias("own"),
    )


def _one_each(met: pl.DataFrame, rule: Rule) -> pl.DataFrame:
    """One pair of each prompt: the widest where the rule wants that, else drawn."""
    order = ["pair", "pair_lower", "candidate_id", "candidate_id_lower"]
    ahead = [pl.col("margin").neg()] if rule == "max_delta" else []
    return (
        met.filter(pl.all_horizontal(*HURDLES))
        .sort("prompt_id", *ahead, *order)
        .unique("prompt_id", keep="first", maintain_order=True)
        .rename({"candidate_id": "chosen", "candidate_id_lower": "rejected"})
        .rename({"mean": "chosen_score", "mean_lower": "rejected_score"})
        .select(PAIRS)
    )


def _why_not(
    table: pl.DataFrame, judged: pl.DataFrame, winners: pl.DataFrame, met: pl.DataFrame
) -> pl.DataFrame:
    """The prompts without a pair, each with the first thing that all its candidates lack."""
    names = list(HURDLES)
    passed = [
        pl.all_horizontal(*names[: n + 1]).any().alias(f"passed_{name}")
        for n, name in enumerate(names)
    ]
    counts = (
        table.group_by("prompt_id")
        .agg(pl.len().alias("answers"), pl.col("said").n_unique().alias("texts"))
        .join(_count(judged, pl.len().alias("judged")), on="prompt_id", how="left")
        .join(_count(judged, pl.col("mean").n_unique().alias("means")), on="prompt_id", how="left")
        .join(_count(winners, pl.len().alias("winners")), on="prompt_id", how="left")
        .join(met.group_by("prompt_id").agg(*passed), on="prompt_id", how="left")
    )
    reasons = [
        (pl.col("answers") < 2, "one candidate"),
        (pl.col("texts") < 2, "equal answers"),
        (pl.col("judged").fill_null(0) < 2, "not judged"),
        (pl.col("means") < 2, "tie"),
        (pl.col("winners").is_null(), "no answer passes"),
        (pl.col("passed_differ").is_null(), "no passing answer scores higher"),
        *[(~pl.col(f"passed_{name}"), said) for name, said in HURDLES.items()],
    ]
    first = pl.coalesce(*[pl.when(lacks).then(pl.lit(said)) for lacks, said in reasons])
    return (
        counts.select("prompt_id", first.alias("reason"))
        .filter(pl.col("reason").is_not_null())
        .sort("prompt_id")
    )


def _count(table: pl.DataFrame, what: pl.Expr) -> pl.DataFrame:
    return table.group_by("prompt_id").agg(what)


def pair_judgements(
    judgements: pl.DataFrame, candidates: pl.DataFrame, rules: Pairs
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A pair for each comparison that a judge decided, and the comparisons that give none.

    The margin is how far from a tie the judge was, 0 to 1 (of both orders, their mean). Where it
    was asked in both orders and does not agree with itself, there is no pair.
    """
    sides = candidates.select("candidate_id", "on_policy", "passed", _plain("text").alias("said"))
    asked = judgements
    for side in ("first", "second"):
        asked = asked.join(
            sides.rename({column: f"{column}_{side}" for column in sides.columns}),
            left_on=side,
            right_on=f"candidate_id_{side}",
            how="left",
            maintain_order="left",
        )
    lean = (pl.mean_horizontal("preference", "swapped") - 1.5) * 2
    second = pl.col("preference") > 1.5
    own = [pl.col(f"on_policy_{side}").fill_null(False).cast(pl.Int8) for side in SIDES]
    decided = asked.with_columns(
        lean.abs().round(9).alias("margin"),
        pl.when(second).then("second").otherwise("first").alias("chosen"),
        pl.when(second).then("first").otherwise("second").alias("rejected"),
        pl.when(second).then("passed_second").otherwise("passed_first").alias("chosen_passed"),
        (own[0] + own[1]).alias("own"),
    )
    unread = pl.col("preference").is_null() | (
        (pl.col("orders") == 2) & pl.col("swapped").is_null()
    )
    disagree = (pl.col("preference") - 1.5) * (pl.col("swapped") - 1.5) <= 0
    tie = (pl.col("preference") == 1.5) & (pl.col("swapped").fill_null(1.5) == 1.5)
    reasons = [
        (pl.col("said_first").is_null() | pl.col("said_second").is_null(), "no such answer"),
        ((pl.col("said_first") == "") | (pl.col("said_second") == ""), "an empty answer"),
        (pl.col("said_first") == pl.col("said_second"), "equal answers"),
        (unread, "not judged"),
        (tie, "tie"),
        (disagree.fill_null(False), "the orders disagree"),
        (pl.col("margin") <= 0, "tie"),
        (pl.col("margin") < rules.min_margin, "below the margin"),
        (
            pl.lit(rules.verifier_override) & ~pl.col("chosen_passed").fill_null(True),
            "the preferred answer fails its verifier",
        ),
        (pl.col("own") < OWN_SIDES[rules.on_policy], "no on-policy side"),
    ]
    first = pl.coalesce(*[pl.when(lacks).then(pl.lit(said)) for lacks, said in reasons])
    decided = decided.with_columns(first.alias("reason"))
    half = pl.col("margin") / 2
    pairs = decided.filter(pl.col("reason").is_null()).with_columns(
        (0.5 + half).alias("chosen_score"), (0.5 - half).alias("rejected_score")
    )
    return pairs.select(PAIRS), decided.filter(pl.col("reason").is_not_null()).select(
        "prompt_id", "first", "second", "reason"
    )
