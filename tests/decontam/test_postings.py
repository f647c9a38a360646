"""The inverted index against a dict."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from decontam.index import postings
from decontam.index.postings import PLACES, REFERENCES, hash_table, packed
from tests.decontam.kernels import from_python

ask, place_of, reference_of, weight_of = map(
    from_python,
    (postings.look_up, postings.place_of, postings.reference_of, postings.weight_of),
)


@given(st.integers(0, 0x7FFF), st.integers(0, REFERENCES), st.integers(0, PLACES))
def test_a_posting_holds_what_was_packed(weight: int, reference: int, place: int) -> None:
    posting = packed(weight, reference, place)
    assert weight_of(posting) == weight
    assert reference_of(posting) == reference
    assert place_of(posting) == place


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**20)), max_size=60))
def test_the_table_holds_what_a_dict_would(pairs: list[tuple[int, int]]) -> None:
    # The table tells keys apart by their first 24 bits and their place: they must be hashes.
    pairs = [(k * 0x9E3779B97F4A7C15 % 2**64, p) for k, p in pairs]
    keys = np.array([k for k, _ in pairs], np.uint64)
    table = hash_table(keys, np.array([p for _, p in pairs], np.int64))
    expected: dict[int, list[int]] = {}
    for key, posting in pairs:
        expected.setdefault(key, []).append(posting)
    for key in [*expected, 1, 2**63]:
        low, high = ask(np.uint64(key), table["slots"])
        assert table["postings"][low:high].tolist() == sorted(expected.get(key, []))
