"""Radix selection beside sorting."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dataengine.radix_select import Drawn, least

draws = st.sampled_from([0, 1, 2**48 - 1, 2**48, 2**48 + 1, 2**63, 2**64 - 1])


@given(
    rows=st.lists(st.lists(st.tuples(draws, st.integers(0, 4)), max_size=6), max_size=5),
    wanted=st.integers(0, 40) | st.floats(0, 40),
)
def test_the_least_are_those_that_a_sort_puts_first(
    rows: list[list[tuple[int, int]]], wanted: float
) -> None:
    flat = [row for held in rows for row in held]
    names = [f"{7 * number % 32:02d}" for number in range(len(flat))]

    def parts() -> Iterator[Drawn]:
        first = 0
        for held in rows:
            drawn, weights = zip(*held, strict=True) if held else ((), ())
            at = np.arange(first, first + len(held))
            yield Drawn(at, np.array(drawn, np.uint64), np.array(weights, np.int64))
            first += len(held)

    def ids(numbers: pl.Series) -> pl.Series:
        return pl.Series([names[number] for number in numbers], dtype=pl.String)

    expected, before = set(), 0
    for _, _, number in sorted((flat[n][0], names[n], n) for n in range(len(flat))):
        if before < wanted:
            expected.add(number)
        before += flat[number][1]
    found, weigh = least(parts, wanted, ids)
    held = [found.holds(part.at, part.draws) for part in parts()]
    assert set(np.flatnonzero(np.concatenate([np.zeros(0, bool), *held]))) == expected
    assert weigh == before
