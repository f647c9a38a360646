import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataengine.dedup import rank
from dataengine.dedup.rank import best_first, equal_rows, first_equal, repeated


def test_pinned_then_longest_then_the_order_of_sources_then_of_rows():
    sources = pl.Series(["a", "b", "c", "a", "b"])
    nobody = np.zeros(5, np.bool_)
    assert best_first(nobody, sources, []).tolist() == [0, 1, 2, 3, 4]
    assert best_first(nobody, sources, ["b", "c"]).tolist() == [1, 4, 2, 0, 3]
    assert best_first(np.arange(5) == 3, sources, ["b"]).tolist() == [3, 1, 4, 0, 2]
    lengths = np.array([1, 1, 9, 1, 9])
    assert best_first(nobody, sources, ["b"], lengths).tolist() == [4, 2, 1, 0, 3]


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


KEYS = st.sampled_from([0, 1, 7, 2**63, 2**64 - 1, 2**40])


@given(keys=st.lists(KEYS, max_size=20), window=st.integers(1, 30), data=st.data())
def test_equal_rows_are_the_same_by_any_ranges_of_keys(keys, window, data):
    ranked = np.array(data.draw(st.permutations(range(len(keys)))), np.int32)
    held = np.array(keys, np.uint64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rank, "WINDOW", window)
        found = equal_rows(held, ranked, None)
    for one, other in zip(found, first_equal(held, ranked), strict=True):
        assert one.tolist() == other.tolist()


@given(keys=st.lists(KEYS | st.integers(0, 2**64 - 1), max_size=30), chunk=st.integers(1, 9))
def test_repeated_numbers_are_those_that_stand_more_than_once(keys, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rank, "CHUNK", chunk)
        found = repeated(np.array(keys, np.uint64))
    assert found.tolist() == [keys.count(key) > 1 for key in keys]
