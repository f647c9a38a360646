import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.dedup import shingles
from tests.decontam.kernels import from_python

PARTS = (shingles.windows, shingles.sequence, shingles.as_set, shingles.jaccard)
windows, sequence, set_of, jaccard = map(from_python, PARTS)

FEW = st.lists(st.integers(0, 5), max_size=60)
ANY = st.lists(
    st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 3), st.integers(2**64 - 3, 2**64 - 1)),
    max_size=200,
)


def as_set(values: list[int]) -> np.ndarray:
    count = len(values)
    out, ends = np.zeros(count, np.uint64), np.zeros(2 * count + 2, np.int32)
    kept = set_of(np.array(values, np.uint64), count, out, ends)
    return out[:kept]


@settings(max_examples=200, deadline=None)
@given(tokens=FEW, n=st.integers(1, 13))
def test_windows_are_equal_where_the_runs_of_tokens_are(tokens, n):
    out = np.zeros(len(tokens) + 1, np.uint64)
    count = windows(np.array(tokens, np.uint64), len(tokens), n, out)
    runs = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    assert count == len(runs)
    assert len(set(zip(runs, out[:count].tolist(), strict=True))) == len(set(runs))
    assert len(set(out[:count].tolist())) == len(set(runs))


@settings(max_examples=100, deadline=None)
@given(tokens=ANY, n=st.integers(1, 13))
def test_a_window_is_the_polynomial_of_its_tokens(tokens, n):
    out, expected = np.zeros(len(tokens) + 1, np.uint64), []
    count = windows(np.array(tokens, np.uint64), len(tokens), n, out)
    for i in range(len(tokens) - n + 1):
        h = 0
        for token in tokens[i : i + n]:
            h = (h * int(shingles.MULTIPLIER) + token) % 2**64
        expected.append((h ^ h >> 32) * int(shingles.FINISH) % 2**64)
    assert out[:count].tolist() == expected


@settings(max_examples=200, deadline=None)
@given(first=FEW, second=FEW)
def test_sequences_are_equal_where_the_texts_are(first, second):
    a, b = (sequence(np.array(t, np.uint64), len(t)) for t in (first, second))
    assert (a == b) == (first == second)


@settings(max_examples=200, deadline=None)
@given(values=ANY)
def test_a_set_is_sorted_and_without_repeats(values):
    assert as_set(values).tolist() == sorted(set(values))


@settings(max_examples=200, deadline=None)
@given(first=ANY, second=ANY, at_least=st.floats(0, 1))
def test_jaccard_is_that_of_python_sets(first, second, at_least):
    a, b = set(first), set(second)
    found = jaccard(as_set(first), as_set(second), at_least) if a or b else 0.0
    expected = len(a & b) / len(a | b) if a | b else 0.0
    assert found == expected or (found == 0 and expected < at_least)


def test_a_token_repeated_a_million_times_is_one_shingle():
    tokens, out = np.full(1_000_000, 7, np.uint64), np.zeros(1_000_001, np.uint64)
    count = windows(tokens, len(tokens), 5, out)
    assert len(as_set(out[:count].tolist())) == 1
    assert len(as_set([n << 32 for n in range(1000)] * 300)) == 1000
