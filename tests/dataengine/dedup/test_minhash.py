import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.dedup import minhash, shingles
from dataengine.dedup.minhash import CAUGHT, PERMUTATIONS, WIDEST_BAND, Bands, Hashes, permutations
from tests.decontam.kernels import from_python

PARTS = (minhash.agreeing, minhash.sketch, minhash.room_for, shingles.windows)
agreeing, sketch, room_for, windows = map(from_python, PARTS)


def sketched(values: list[int], hashes: Hashes) -> np.ndarray:
    out = np.zeros(len(hashes.offsets), np.uint8)
    sketch(np.array(values, np.uint64), len(values), hashes, room_for(len(out)), out)
    return out


def twin(values: list[int], hashes: Hashes) -> list[int]:
    """The sketch, a place at a time."""
    size = len(hashes.offsets)
    everywhere = [v * int(hashes.all) % 2**64 for v in values]
    found = []
    for place, (a, b) in enumerate(zip(hashes.multipliers, hashes.offsets, strict=True)):
        here = [v % 2**32 for v in everywhere if (v >> 32) * size >> 32 == place]
        least = min(here or [(int(a) * (v >> 32) + int(b)) % 2**32 for v in values])
        found.append((least * 0x9E3779B1 % 2**32) >> 24)
    return found


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30), seed=st.integers(0, 9))
def test_a_sketch_is_that_of_the_twin(values, seed):
    hashes = permutations(Bands(2, 5), seed)
    assert sketched(values, hashes).tolist() == twin(values, hashes)


@pytest.mark.parametrize("threshold", [0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0])
def test_bands_catch_the_threshold_and_are_as_selective_as_that_allows(threshold):
    bands = Bands.of(threshold)
    assert bands.permutations <= PERMUTATIONS
    assert bands.caught(threshold) >= CAUGHT
    wider = Bands(PERMUTATIONS // (bands.rows + 1), bands.rows + 1)
    assert bands.rows == WIDEST_BAND or wider.caught(threshold) < CAUGHT


def test_the_curve_is_where_pairs_are_caught():
    bands = Bands.of(0.8)
    assert bands == Bands(count=16, rows=6)
    for probability in (0.05, 0.5, 0.95):
        assert bands.caught(bands.reach(probability)) == pytest.approx(probability)
    assert bands.curve() == {"5%": 0.381, "50%": 0.589, "95%": 0.744}


@pytest.mark.parametrize("size", [40, 100, 400])
@pytest.mark.parametrize("jaccard", [0.3, 0.5, 0.8, 0.95])
def test_the_estimate_is_right_on_average_and_within_its_deviation(jaccard, size):
    bands = Bands.of(0.8)
    rng = np.random.default_rng(1)
    errors = []
    for trial in range(60):
        values = rng.integers(0, 2**64, 2 * size, dtype=np.uint64).tolist()
        own = round(size * (1 - jaccard) / (1 + jaccard))
        first, second = values[:size], values[own : own + size]
        exact = len(set(first) & set(second)) / len(set(first) | set(second))
        hashes = permutations(bands, trial)
        same = agreeing(sketched(first, hashes), sketched(second, hashes))
        errors.append(float(bands.estimate(np.array([same]))[0]) - exact)
    assert abs(np.mean(errors)) < 0.02
    assert np.std(errors) < 1.2 * (jaccard * (1 - jaccard) / bands.permutations) ** 0.5


def test_the_estimate_holds_where_tokens_count_up():
    bands, errors = Bands.of(0.8), []
    for trial in range(60):
        hashed = np.zeros(401, np.uint64)
        count = windows(np.arange(400, dtype=np.uint64), 400, 5, hashed)
        runs, hashes = hashed[:count].tolist(), permutations(bands, trial)
        own = 44
        first, second = sketched(runs[own:], hashes), sketched(runs[:-own], hashes)
        same = agreeing(first, second)
        errors.append(float(bands.estimate(np.array([same]))[0]) - (count - 2 * own) / count)
    assert abs(np.mean(errors)) < 0.02


def test_the_gate_lets_through_nearly_all_pairs_at_the_threshold():
    bands = Bands.of(0.8)
    rng = np.random.default_rng(2)
    agreed = rng.binomial(bands.permutations, 0.8, 100_000)
    assert (agreed >= bands.gate(0.8)).mean() > 0.997
