from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.dedup import lsh
from dataengine.dedup.lsh import flatten
from dataengine.dedup.minhash import Bands
from tests.decontam.kernels import from_python

find, unite, meet = map(from_python, (lsh.find, lsh.unite, lsh.meet))


@settings(max_examples=100, deadline=None)
@given(pairs=st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_components_do_not_depend_on_the_order_of_joins(pairs):
    forward, halves = np.arange(20, dtype=np.int32), np.arange(20, dtype=np.int32)
    other = halves.copy()
    for a, b in pairs:
        unite(forward, a, b)
    for a, b in reversed(pairs[::2]):
        unite(halves, b, a)
    for a, b in pairs[1::2]:
        unite(other, b, a)
    for row in range(20):
        unite(halves, row, find(other, row))
    groups = {frozenset([i]) for i in range(20)}
    for a, b in pairs:
        both = {g for g in groups if a in g or b in g}
        groups = groups - both | {frozenset().union(*both)}
    smallest = {i: min(group) for group in groups for i in group}
    by_row = [next(group for group in groups if i in group) for i in range(20)]
    shared = np.zeros((2, 20), np.bool_)
    flatten(forward, shared[0])
    flatten(halves, shared[1])
    assert shared[0].tolist() == shared[1].tolist() == [len(g) > 1 for g in by_row]
    assert forward.tolist() == halves.tolist() == [smallest[i] for i in range(20)]
    assert find(forward, 7) == smallest[7]


def components(sketches, ranked, bands, threads=1):
    rows = np.array(ranked, np.int32)
    found = lsh.candidates(sketches, rows, bands, 0.8, threads)
    members, bounds = lsh.components(found, rows)
    return [members[a:b].tolist() for a, b in pairwise(bounds)]


def test_rows_that_share_a_band_and_pass_the_gate_are_one_group_best_first():
    bands = Bands.of(0.8)
    rng = np.random.default_rng(0)
    sketches = rng.integers(0, 256, (8, bands.permutations), dtype=np.uint8)
    sketches[5, : 5 * bands.permutations // 6] = sketches[2, : 5 * bands.permutations // 6]
    sketches[7] = sketches[5]
    sketches[3, : bands.rows] = sketches[1, : bands.rows]
    assert components(sketches, range(8), bands) == [[2, 5, 7]]
    assert components(sketches, [7, 5, 3, 1, 2], bands) == [[7, 5, 2]]
    assert components(sketches, [2, 3, 1], bands) == []
    assert components(sketches, [], bands) == []


def family(rows: int, families: int, noise: float, bands: Bands) -> np.ndarray:
    """Sketches of rows of a few templates, each byte its own with the probability `noise`."""
    rng = np.random.default_rng(1)
    seeds = rng.integers(0, 256, (families, bands.permutations), dtype=np.uint8)
    sketches = seeds[rng.integers(0, families, rows)]
    own = rng.integers(0, 256, sketches.shape, dtype=np.uint8)
    return np.where(rng.random(sketches.shape) < noise, own, sketches)


@pytest.mark.parametrize(("threads", "few"), [(2, 1 << 20), (3, 0), (16, 0), (40, 1 << 20)])
def test_candidates_are_the_same_for_any_number_of_threads_and_pieces(threads, few, monkeypatch):
    bands = Bands.of(0.7)
    sketches = family(600, 5, 0.15, bands)
    rows = np.arange(600, dtype=np.int32)
    alone = lsh.candidates(sketches, rows, bands, 0.7, 1)
    assert len(components(sketches, rows, bands)) == 5
    monkeypatch.setattr(lsh, "FEW", few)
    again = lsh.candidates(sketches, rows, bands, 0.7, threads)
    assert (again.partners == alone.partners).all()
    assert (again.agreed == alone.agreed).all()


def test_a_copy_is_found_in_a_crowd_of_one_template():
    bands = Bands.of(0.8)
    rng = np.random.default_rng(2)
    sketches = family(3000, 1, 0.2, bands)
    originals = rng.permutation(2900)[:100]
    sketches[2900:] = sketches[originals]
    changed = rng.integers(0, bands.permutations, (100, 8))
    sketches[np.arange(2900, 3000)[:, None], changed] += 1
    found = lsh.candidates(sketches, np.arange(3000, dtype=np.int32), bands, 0.8, 1)
    assert (found.partners[2900:, 0] == originals).mean() >= 0.99


@settings(max_examples=100, deadline=None)
@given(meetings=st.permutations([(other, other % 5) for other in range(9)]))
def test_the_most_alike_are_kept_whatever_the_order_of_meetings(meetings):
    found = lsh.Candidates.empty(1)
    for other, same in [*meetings, *meetings[:3]]:
        meet(found.partners, found.agreed, 0, other, same)
    assert found.partners[0].tolist() == [4, 3, 8, 2]
    assert found.agreed[0].tolist() == [4, 3, 3, 2]
