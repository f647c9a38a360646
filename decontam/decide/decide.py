"""Decides measured matches: the first rule that each meets, the best line for each row and item."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from decontam.decide.rules import COPY_NATS, FEW_WORDS, RULES, Decision, Each, Lines, RuleName


def decide(matches: pl.DataFrame) -> pl.DataFrame:
    """Decided lines of `matches` (as `scan.MATCH`), the best for each row and item.

    Columns in addition: decision (drop, review), rule, score (the agreement), evidence (the nats
    aligned), wording and needed.
    """
    lines = Lines.of(matches)
    met = first_met(lines)
    rule = np.array([rule.name.value for rule in RULES])[met]
    review = ~np.array([rule.decision == Decision.DROP for rule in RULES])[met]
    chosen = best(lines, met, review, np.flatnonzero(rule != RuleName.NONE.value))
    added = [
        pl.Series(name, getattr(lines, name)[chosen])
        for name in ("evidence", "wording", "score", "needed")
    ]
    decision = np.where(review, Decision.REVIEW.value, Decision.DROP.value)
    for name, values in (("rule", rule), ("decision", decision)):
        added.append(pl.Series(name, values[chosen].tolist(), pl.String))
    return matches[chosen].with_columns(added)


def first_met(lines: Lines) -> NDArray[np.int64]:
    """The place among `RULES` of the first rule that each line meets."""
    return np.select([rule.met(lines) for rule in RULES], np.arange(len(RULES)))


def best(
    lines: Lines, met: NDArray[np.int64], review: Each, decided: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The best of the decided lines for each row and item, and of a row that is dropped only what
    drops it: what is reviewed in it would only be noise."""
    row, item = lines.row, lines.item
    by = (met, -lines.score, review, item, row)
    chosen = decided[np.lexsort([key[decided] for key in by])]
    new = (np.diff(row[chosen], prepend=-1) != 0) | (np.diff(item[chosen], prepend=-1) != 0)
    chosen = chosen[new]
    return chosen[~review[chosen] | ~np.isin(row[chosen], row[chosen[~review[chosen]]])]


def short_copies(decided: pl.DataFrame) -> pl.Series:
    """Which lines are copies of few words inside other text: to be dropped only where they stand
    as a sentence of their own (`evidence.stands_alone`)."""
    return decided.select(
        pl.col("rule").is_in([RuleName.COPY, RuleName.QUESTION])
        & (
            (pl.col("length") <= FEW_WORDS + (pl.col("rule") == RuleName.QUESTION).cast(pl.Int64))
            | (pl.col("nats") < COPY_NATS)
        )
        & ~pl.col("whole")
    ).to_series()
