import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dataengine.dedup.rank import best_first, first_equal


def test_pinned_then_longest_then_the_order_of_sources_then_of_rows():
    sources = pl.Series(["a", "b", "c", "a", "b"])
    nobody = np.zeros(5, np.bool_)
    assert best_first(sources, [], nobody).tolist() == [0, 1, 2, 3, 4]
    assert best_first(sources, ["b", "c"], nobody).tolist() == [1, 4, 2, 0, 3]
    assert best_first(sources, ["b"], np.arange(5) == 3).tolist() == [3, 1, 4, 0, 2]
    lengths = np.array([1, 1, 9, 1, 9])
    assert best_first(sources, ["b"], nobody, lengths).tolist() == [4, 2, 1, 0, 3]


@given(rows=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=20), data=st.data())
def test_the_first_equal_row_is_the_best_with_the_same_key(rows, data):
    ranked = data.draw(st.permutations(range(len(rows))))
    keys = np.array(rows, np.uint64).reshape(len(rows), 2)
    first: dict[tuple[int, int], int] = {}
    for row in ranked:
        first.setdefault(rows[row], row)
    expected = [first[key] if any(key) else row for row, key in enumerate(rows)]
    gone, stays = first_equal(keys, np.array(ranked, np.int64))
    unlike = [(row, best) for row, best in enumerate(expected) if row != best]
    assert list(zip(gone.tolist(), stays.tolist(), strict=True)) == unlike
