"""Word weights: how many references hold what, against a plain count."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from decontam.index.items import SHARED
from decontam.index.weights import holders


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), max_size=60))
def test_holders_counts_each_holder_once(pairs: list[tuple[int, int]]) -> None:
    pairs.sort(key=lambda p: p[1])
    keys = np.array([k for k, _ in pairs], np.uint64)
    of = np.array([h for _, h in pairs], np.int32)
    counted = [len({h for k, h in pairs if k == key}) for key, _ in pairs]
    assert holders(keys, of).tolist() == [n if n >= SHARED else 1 for n in counted]
