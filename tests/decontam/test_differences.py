"""Differences inside an alignment: names, numbers and operators replaced, words put in."""

from collections import Counter
from math import log

import numpy as np
from hypothesis import given, settings

from decontam.search import differences
from decontam.text.words import words_of
from tests.decontam.aligned import LETTERS, NATS, NUMERALS, TEXT, aligned, hashed
from tests.decontam.kernels import from_python

changes, foreign, numbers_lost, renamed = map(
    from_python,
    (differences.changes, differences.foreign, differences.numbers_lost, differences.renamed),
)


def test_a_name_replaced_throughout_is_one_difference() -> None:
    reference = ["alpha", "x", "beta", "alpha", "y", "gamma", "alpha", "delta"]
    window = ["x", "x", "beta", "x", "y", "gamma", "x", "delta"]
    nats = [8] * 12
    _, match, weights = aligned(reference, window, nats)
    weight, words = renamed(hashed(reference), weights, hashed(window), match)
    # The first `alpha` has nothing before it to hold on to, the second is the difference, the third
    # is the second again.
    assert (weight, words) == (8.0, 1)


def test_a_name_that_weighs_nothing_is_no_difference_the_first_time_either() -> None:
    reference, window = ["x", "alpha", "beta", "y"], ["x", "gamma", "delta", "y"]
    _, match, weights = aligned(reference, window, [8, 0, 0, 8])
    assert renamed(hashed(reference), weights, hashed(window), match) == (0.0, 2)


@settings(max_examples=100, deadline=None)
@given(TEXT, TEXT, NATS)
def test_a_foreign_word_said_n_times_counts_one_and_the_log_of_n(
    a: list[str], b: list[str], nats: list[int]
) -> None:
    _, match, _ = aligned(a, b, nats)
    matched = {m for m in match.tolist() if m >= 0}
    if not matched:
        return
    first, last = min(matched), max(matched)
    mark, table, table_at = np.empty(12, np.int64), np.empty(64, np.uint64), np.empty(64, np.int32)
    count = foreign(hashed(b), match, len(a), first, last, mark, table, table_at)
    others = Counter(b[k] for k in range(first, last + 1) if k not in matched)
    assert abs(count - sum(1 + log(n) for n in others.values())) <= 0.51


def test_numbers_count_as_replaced_only_by_numbers() -> None:
    def replaced(a: str, b: str) -> tuple[int, int, int]:
        reference, window = a.split(), b.split()
        _, match, _ = aligned(reference, window, [4] * 12)
        none = np.zeros(12, np.uint8)
        return changes(hashed(reference), none, hashed(window), none, match, LETTERS, NUMERALS)

    assert replaced("alpha 7 beta 8", "alpha 9 beta 8") == (1, 2, 0)
    assert replaced("alpha 7 beta 8", "alpha 7 beta 9") == (1, 2, 0)
    assert replaced("7 alpha beta", "9 alpha beta") == (1, 1, 0)
    assert replaced("alpha 7 beta", "alpha gamma beta") == (0, 1, 0)
    # Squashed, `7/8` is one number; where nearly as many are new, they are others.
    assert replaced("alpha 7 8 beta", "alpha 9 beta") == (0, 2, 0)
    assert replaced("alpha 7 8 7 beta", "alpha 9 9 beta") == (2, 3, 0)
    # What stands in the place of a tail cut off is another text.
    assert replaced("x y alpha beta gamma delta 7", "x y alpha 9") == (0, 1, 0)


def test_operators_count_between_symbols_that_stayed() -> None:
    def operators(a: str, b: str) -> int:
        here, there = words_of([a]), words_of([b])
        match = np.arange(len(here.words))
        ours, theirs = here.words.astype(np.uint32), there.words.astype(np.uint32)
        return changes(
            ours, here.operator_codes, theirs, there.operator_codes, match, LETTERS, NUMERALS
        )[2]

    assert operators("x^4 + x^2", "x^4 - x^2") == 1
    assert operators("x^4 + x^2", "x 4 x 2") == 0
    assert operators("alpha - beta", "alpha + beta") == 0


def test_numbers_of_another_order_are_lost_where_others_stand() -> None:
    def lost(a: str, b: str, match: list[int]) -> int:
        reference, window = hashed(a.split()), hashed(b.split())
        return numbers_lost(reference, window, np.array(match), 0, len(window) - 1, NUMERALS)

    assert lost("alpha 7 beta 8", "beta 8 alpha 7", [2, 3, 0, 1]) == 0
    assert lost("alpha 7 beta 8", "beta 9 alpha 7", [2, 3, 0, -1]) == 1
    assert lost("alpha 7 beta 8", "beta alpha 7", [1, 2, 0, -1]) == 0
    assert lost("alpha 7 beta gamma", "beta 9 alpha 7", [2, 3, 0, -1]) == 0
