"""Statistics of scores: bootstrap intervals, and paired tests between two models."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

DRAWS = 2000


@dataclass(frozen=True)
class Interval:
    """A mean with the bounds that hold 95 % of its bootstrap distribution."""

    mean: float
    low: float
    high: float


def interval(
    values: Sequence[float], groups: Sequence[str | None] | None = None, seed: int = 0
) -> Interval:
    """The mean of `values` by percentile bootstrap over items (Efron and Tibshirani 1993, ch. 13).

    With `groups` the mean is that of the groups' means (macro), and items are drawn within them.
    Where all items are 0, or all 1, the bootstrap has no width: the bound is then the exact one
    (Clopper and Pearson 1934), 1 - 0.025 ** (1 / n).
    """
    found = _bootstrap(np.asarray(values, float), groups, seed)
    reach = 1 - 0.025 ** (1 / len(values))
    if found.low == found.high == 0.0:
        return Interval(0.0, 0.0, reach)
    if found.low == found.high == 1.0:
        return Interval(1.0, 1.0 - reach, 1.0)
    return found


def difference(a: Sequence[float], b: Sequence[float]) -> Interval:
    """The mean of `b` minus that of `a`, of different items.

    The bounds combine those of the two means (Zou and Donner 2008; for proportions Newcombe 1998,
    method 10), so that a handful of items that all agree makes no narrow interval.
    """
    first, second = interval(a), interval(b, seed=1)
    gap = second.mean - first.mean
    down = ((second.mean - second.low) ** 2 + (first.high - first.mean) ** 2) ** 0.5
    up = ((second.high - second.mean) ** 2 + (first.mean - first.low) ** 2) ** 0.5
    return Interval(gap, gap - down, gap + up)


def mean(values: Sequence[float], groups: Sequence[str | None] | None = None) -> float:
    """The mean over items, or with `groups` the mean of the groups' means (macro)."""
    parts = _parts(np.asarray(values, float), groups)
    return float(np.mean([part.mean() for part in parts]))


@dataclass(frozen=True)
class Paired:
    """Model B minus model A over the same items: the difference, its interval, and a p-value."""

    n: int
    difference: Interval
    p: float
    test: str


def paired(
    a: Sequence[float], b: Sequence[float], groups: Sequence[str | None] | None = None
) -> Paired:
    """B against A, item by item. McNemar's exact test where every score is 0 or 1 and the mean is
    over items; otherwise the paired bootstrap's two-sided p, no smaller than 1 in `DRAWS`."""
    first, second = np.asarray(a, float), np.asarray(b, float)
    gap = second - first
    difference = _bootstrap(gap, groups)
    if groups is None and np.isin(np.concatenate([first, second]), (0.0, 1.0)).all():
        p = mcnemar(int((gap < 0).sum()), int((gap > 0).sum()))
        return Paired(len(gap), difference, p, "McNemar")
    return Paired(len(gap), difference, _two_sided(_draws(gap, groups)), "bootstrap")


def averaged(
    suites: Sequence[tuple[Sequence[float], Sequence[float], Sequence[str | None] | None]],
) -> Paired:
    """The plain mean over suites, each (A's scores, B's scores, groups), of B minus A.

    Items are drawn within each suite; that the suites are a choice too is not in the interval.
    """
    gaps = [(np.asarray(b, float) - np.asarray(a, float), groups) for a, b, groups in suites]
    draws = np.mean([_draws(gap, g, seed) for seed, (gap, g) in enumerate(gaps)], axis=0)
    low, high = np.quantile(draws, [0.025, 0.975])
    middle = float(np.mean([mean(gap.tolist(), groups) for gap, groups in gaps]))
    found = Interval(middle, float(low), float(high))
    return Paired(sum(len(gap) for gap, _ in gaps), found, _two_sided(draws), "bootstrap")


def _two_sided(draws: np.ndarray) -> float:
    tail = min((draws <= 0).mean(), (draws >= 0).mean())
    return float(min(1.0, max(2 * tail, 1 / DRAWS)))


def mcnemar(lost: int, won: int) -> float:
    """The exact two-sided p of `lost` and `won` discordant pairs under a fair coin."""
    n, fewer = lost + won, min(lost, won)
    return min(1.0, 2 * sum(comb(n, i) for i in range(fewer + 1)) / 2**n)


def _bootstrap(values: np.ndarray, groups: Sequence[str | None] | None, seed: int = 0) -> Interval:
    low, high = np.quantile(_draws(values, groups, seed), [0.025, 0.975])
    return Interval(mean(values.tolist(), groups), float(low), float(high))


def _draws(values: np.ndarray, groups: Sequence[str | None] | None, seed: int = 0) -> np.ndarray:
    """`DRAWS` bootstrap means of the values, or of their groups' means."""
    rng = np.random.default_rng(seed)
    parts = _parts(values, groups)
    draws = np.zeros(DRAWS)
    for part in parts:
        # Drawing how often each distinct value falls costs less than drawing every item.
        distinct, counts = np.unique(part, return_counts=True)
        falls = rng.multinomial(len(part), counts / len(part), size=DRAWS)
        draws += falls @ distinct / len(part)
    return draws / len(parts)


def _parts(values: np.ndarray, groups: Sequence[str | None] | None) -> list[np.ndarray]:
    if not len(values):
        raise ValueError("no items to average")
    if groups is None:
        return [values]
    keys = np.unique([str(group) for group in groups], return_inverse=True)[1]
    return [values[keys == key] for key in range(keys.max() + 1)]
