"""Amounts of a source: the rows of the lowest draws, as one sort would take them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.sources.source import Amount
from dataengine.stages.mix import _copies

DRAWS = st.lists(st.integers(0, 5), min_size=1, max_size=12)  # few, so that some are equal


def by_one_sort(draws: list[int], sizes: list[int], amount: Amount) -> list[int]:
    order = sorted(range(len(draws)), key=lambda row: (draws[row], row))
    if amount.unit == "tokens":
        taken, times = 0, [0] * len(draws)
        for row in order:
            times[row] = int(taken < amount.value)
            taken += sizes[row]
        return times
    wanted = int(amount.value) if amount.unit == "rows" else round(amount.value * len(draws))
    wanted = wanted if amount.unit == "repeat" else min(wanted, len(draws))
    whole, more = divmod(wanted, len(draws))
    return [whole + int(order.index(row) < more) for row in range(len(draws))]


@pytest.mark.parametrize("unit", ["rows", "fraction", "repeat", "tokens"])
@given(draws=DRAWS, value=st.integers(1, 40), data=st.data())
def test_each_row_is_taken_as_often_as_one_sort_says(unit, draws, value, data) -> None:
    amount = Amount(unit, value / 10 if unit in ("fraction", "repeat") else value)
    sizes = data.draw(st.lists(st.integers(0, 9), min_size=len(draws), max_size=len(draws)))
    held = np.array(sizes) if unit == "tokens" else None
    copies, short = _copies(np.array(draws, np.uint64), held, amount)
    assert copies.tolist() == by_one_sort(draws, sizes, amount)
    there = sum(sizes) if unit == "tokens" else len(draws)
    assert short == (unit in ("rows", "tokens") and there < value)
