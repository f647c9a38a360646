"""Required literals of regular expressions: a prefilter for many patterns over many texts.

A pattern is reduced to sets of literals, of each of which every match holds one (as RE2's
FilteredRE2 does). Finding literals is fast whatever their number, so that Python's engine is asked
about the few texts that hold one of each set.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import product
from re import _constants as told  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

FOLDED = ("ı", "İ", "ſ")
"""Letters that Python's IGNORECASE takes for an ASCII letter which is not their lower case."""
MOST = 80
"""Literals of one set; more are not followed further."""
SHORTEST = 2
"""Bytes of a literal; shorter ones stand nearly everywhere."""

FEW_TEXTS = 64
"""So many texts are searched one by one: to reduce the patterns takes longer."""
LOCK = Lock()

Literals = frozenset[str]
NOTHING: Literals = frozenset([""])


def matches(texts: pl.Series, patterns: Sequence[re.Pattern[str]]) -> pl.Series:
    """Which texts hold a match of one of the patterns."""
    if len(texts) <= FEW_TEXTS:
        found = [any(pattern.search(text) for pattern in patterns) for text in texts]
        return pl.Series(found, dtype=pl.Boolean)
    with LOCK:  # which the other threads need too, and would find out again
        wanted = Wanted.by(tuple(patterns))
    said, held = texts.to_list(), np.zeros(len(texts), np.bool_)
    there = wanted.there(texts)
    for pattern, sets in zip(patterns, wanted.sets, strict=True):
        suspects = there[:, sets].all(axis=1) & ~held
        for place in np.flatnonzero(suspects).tolist():
            held[place] = pattern.search(said[place]) is not None
    return pl.Series(held)


class Wanted(NamedTuple):
    """The literals of several patterns."""

    literals: pl.Series
    of: pl.DataFrame
    """The numbers of the sets (`set`) that each literal belongs to."""
    sets: list[list[int]]
    """Of each pattern the numbers of its sets."""

    @classmethod
    @cache
    def by(cls, patterns: tuple[re.Pattern[str], ...]) -> "Wanted":
        numbers: dict[Literals, int] = {}
        sets = [[numbers.setdefault(s, len(numbers)) for s in required(p)] for p in patterns]
        pairs = [(literal, number) for found, number in numbers.items() for literal in found]
        of = pl.DataFrame(pairs, schema={"literal": pl.String, "set": pl.UInt32}, orient="row")
        return cls(of["literal"].unique().sort().implode(), of, sets)

    def there(self, texts: pl.Series) -> NDArray[np.bool_]:
        """Whether each text holds a literal of each set, shape (texts, sets)."""
        lower = texts.str.to_lowercase()
        found = lower.str.extract_many(self.literals, overlapping=True).alias("literal").to_frame()
        pairs = found.with_row_index("at").explode("literal").join(self.of, on="literal")
        there = np.zeros((len(texts), self.of["set"].n_unique()), np.bool_)
        there[pairs["at"].to_numpy(), pairs["set"].to_numpy()] = True
        there[texts.str.contains_any(list(FOLDED)).to_numpy()] = True
        return there


@cache
def required(pattern: re.Pattern[str]) -> tuple[Literals, ...]:
    """Sets of literals in lower case, the most telling first: a match holds one of each."""
    found = _sets(_parser.parse(pattern.pattern, pattern.flags))
    strong = {literals for literals in found if min(map(_size, literals)) >= SHORTEST}
    return tuple(sorted(strong, key=lambda s: (-min(map(len, s)), len(s), sorted(s))))


def _sets(parsed: Iterable[tuple[Any, Any]]) -> list[Literals]:
    """The sets of a sequence: runs of its items that spell out literals, and what lies inside those
    that do not."""
    found: list[Literals] = []
    run = NOTHING
    for item in parsed:
        spelt = _spelt(item)
        longer = None if spelt is None else _joined(run, spelt)
        if longer is not None:
            run = longer
            continue
        found += [run] if "" not in run else []
        run = spelt or NOTHING
        found += [] if spelt else _inside(item)
    return found + ([run] if "" not in run else [])


def _size(literal: str) -> int:
    return len(literal.encode())


def _joined(run: Literals, more: Literals) -> Literals | None:
    if len(run) * len(more) > MOST:
        return None
    return frozenset(a + b for a, b in product(run, more))


def _spelt(item: tuple[Any, Any]) -> Literals | None:
    """All that an item can be, in lower case; None where that is too much to spell out."""
    kind, value = item
    if kind in (told.ASSERT, told.ASSERT_NOT, told.AT):
        return NOTHING
    if kind == told.LITERAL:
        return frozenset([chr(value).lower()])
    if kind == told.IN:
        letters = [v for k, v in value if k == told.LITERAL]
        return frozenset(chr(v).lower() for v in letters) if len(letters) == len(value) else None
    if kind == told.SUBPATTERN:
        return _all(value[3])
    if kind == told.BRANCH:
        branches = [_all(branch) for branch in value[1]]
        if any(branch is None for branch in branches):
            return None
        union = frozenset().union(*(branch for branch in branches if branch))
        return union if len(union) <= MOST else None
    if kind in (told.MAX_REPEAT, told.MIN_REPEAT):
        least, most, inner = value
        once = _all(inner) if most == 1 else None
        return once and (once | NOTHING if least == 0 else once)
    return None


def _all(parsed: Iterable[tuple[Any, Any]]) -> Literals | None:
    run: Literals | None = NOTHING
    for item in parsed:
        spelt = _spelt(item)
        run = None if run is None or spelt is None else _joined(run, spelt)
    return run


def _inside(item: tuple[Any, Any]) -> list[Literals]:
    """The sets of an item that is not spelt out."""
    kind, value = item
    if kind == told.SUBPATTERN:
        return _sets(value[3])
    if kind in (told.MAX_REPEAT, told.MIN_REPEAT):
        return _sets(value[2]) if value[0] else []
    if kind == told.BRANCH:
        best = [_best(_sets(branch)) for branch in value[1]]
        return [frozenset().union(*(b for b in best if b))] if all(best) else []
    return []


def _best(sets: list[Literals]) -> Literals | None:
    return max(sets, key=lambda s: (min(map(len, s)), -len(s)), default=None)
