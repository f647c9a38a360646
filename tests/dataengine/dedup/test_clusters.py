"""Clusters found in windows of any size, beside those of all rows at once."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.dedup import clusters, lsh, rank
from dataengine.dedup.minhash import Bands

BANDS = Bands(3, 2)


def drawn(data: st.DataObject) -> tuple[np.ndarray, np.ndarray]:
    """Sketches of a few rows that often share a band, and some of the rows, best first."""
    sketch = st.lists(st.integers(0, 3), min_size=6, max_size=6)
    rows = data.draw(st.lists(sketch, max_size=14))
    order = data.draw(st.permutations(range(len(rows))))
    ranked = order[: data.draw(st.integers(0, len(rows)))]
    return np.array(rows, np.uint8).reshape(len(rows), 6), np.array(ranked, np.int32)


def sharing(sketches: np.ndarray, ranked: np.ndarray) -> list[list[int]]:
    """Groups of two rows or more that bands join, each in the order of `ranked`."""
    groups = [[row] for row in ranked.tolist()]
    for one, other in combinations(ranked.tolist(), 2):
        same = (sketches[one] == sketches[other]).reshape(-1, 2).all(axis=1)
        mine, theirs = (next(g for g in groups if row in g) for row in (one, other))
        if same.any() and mine is not theirs:
            groups.remove(theirs)
            mine += theirs
    place = ranked.tolist().index
    return sorted(sorted(group, key=place) for group in groups if len(group) > 1)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), window=st.integers(1, 12), threads=st.integers(1, 3))
def test_rows_are_joined_by_the_bands_that_they_share(data, window, threads):
    sketches, ranked = drawn(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rank, "WINDOW", window)
        members, bounds = clusters.connected(sketches, ranked, BANDS, threads, None)
    found = [members[low:high].tolist() for low, high in pairwise(bounds)]
    assert sorted(found) == sharing(sketches, ranked)


@settings(max_examples=100, deadline=None)
@given(data=st.data(), window=st.integers(1, 12))
def test_candidates_of_a_window_are_those_of_all_rows(data, window):
    sketches, ranked = drawn(data)
    threshold = data.draw(st.sampled_from([0.7, 0.9]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clusters, "WINDOW_ROWS", window)
        patch.setattr(clusters, "COPIED", window)
        found = clusters.clusters(sketches, ranked, BANDS, threshold, 2, None)
    whole = lsh.candidates(sketches, ranked, BANDS, threshold, 1)
    members, bounds = lsh.components(whole, ranked)
    groups = [members[low:high].tolist() for low, high in pairwise(bounds)]
    assert sorted(found.rows[a:b].tolist() for a, b in pairwise(found.bounds)) == sorted(groups)
    named = np.append(found.rows, -1)
    assert (named[found.partners] == whole.partners[found.rows]).all()
    assert (found.sketches == sketches[found.rows]).all()


def test_a_crowd_is_one_whatever_the_window(monkeypatch):
    bands = Bands.of(0.7)
    rng = np.random.default_rng(1)
    seeds = rng.integers(0, 256, (5, bands.permutations), dtype=np.uint8)
    sketches = seeds[rng.integers(0, 5, 900)]
    own = rng.integers(0, 256, sketches.shape, dtype=np.uint8)
    sketches = np.where(rng.random(sketches.shape) < 0.2, own, sketches)
    ranked = rng.permutation(900).astype(np.int32)
    whole = lsh.candidates(sketches, ranked, bands, 0.7, 1)
    for window in (1, 200, 1000):
        monkeypatch.setattr(clusters, "WINDOW_ROWS", window)
        found = clusters.clusters(sketches, ranked, bands, 0.7, 2, None)
        assert len(found.rows) > 800
        named = np.append(found.rows, -1)
        assert (named[found.partners] == whole.partners[found.rows]).all()


@settings(max_examples=100)
@given(sizes=st.lists(st.integers(1, 9), max_size=12), room=st.integers(1, 20))
def test_windows_are_whole_groups_and_none_is_far_too_large(sizes, room):
    before = np.cumsum([0, *sizes])
    runs = clusters.windows(before, room)
    assert [n for first, end in runs for n in range(first, end)] == list(range(len(sizes)))
    assert all(sum(sizes[first:end]) < room + sizes[first] + max(sizes) for first, end in runs)
