"""Alignment against a plain longest common subsequence, and what is made of it."""

from functools import cache
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from decontam.search import alignment, segments
from decontam.search.alignment import SKIPPED, Workspace
from tests.decontam.aligned import NATS, TEXT, aligned, hashed
from tests.decontam.kernels import from_python

aligned_or_covered, cover, gather, present_share, trim, same_ends = map(
    from_python,
    (
        alignment.aligned_or_covered,
        alignment.cover,
        alignment.gather,
        alignment.present_share,
        alignment.trim,
        segments.same_ends,
    ),
)


def plain_subsequence(a: list[str], b: list[str], nats: list[int]) -> int:
    @cache
    def best(i: int, k: int) -> int:
        if i == len(a) or k == len(b):
            return 0
        same = best(i + 1, k + 1) + nats[i] if a[i] == b[k] else 0
        return max(same, best(i + 1, k), best(i, k + 1))

    return best(0, 0)


@settings(max_examples=150, deadline=None)
@given(TEXT, TEXT, NATS)
def test_align_is_the_heaviest_common_subsequence(
    a: list[str], b: list[str], nats: list[int]
) -> None:
    total, match, weights = aligned(a, b, nats)
    assert total == plain_subsequence(a, b, nats)
    places = [m for m in match if m >= 0]
    assert places == sorted(set(places))
    assert all(a[i] == b[m] for i, m in enumerate(match) if m >= 0)
    assert weights[match >= 0].sum() == total


def plain_gather(reference: list[str], window: list[str], match: list[int]) -> list[int]:
    moved = list(match)
    for i in range(len(reference) - 2, -1, -1):
        if moved[i] < 0 or moved[i + 1] < 0:
            continue
        beside = moved[i + 1] - 1
        after = before = 0
        while i + after + 1 < len(moved) and moved[i + after + 1] == moved[i + 1] + after:
            after += 1
        while i > before and moved[i - before - 1] == moved[i] - before - 1 >= 0:
            before += 1
        if reference[i] == window[beside] and before < after:
            moved[i] = beside
    return moved


@settings(max_examples=200, deadline=None)
@given(TEXT, TEXT)
def test_gathered_words_are_aligned_all_the_same(a: list[str], b: list[str]) -> None:
    _, match, _ = aligned(a, b, [1] * 12)
    assert match.tolist() == plain_gather(a, b, match.tolist())  # there is no more to move
    leftmost, found = [-1] * len(a), 0
    for i, word in enumerate(a):  # another alignment: each word at its first place
        if word in b[found:]:
            leftmost[i] = b.index(word, found)
            found = leftmost[i] + 1
    moved = np.array(leftmost)
    gather(hashed(a), hashed(b), moved)
    assert moved.tolist() == plain_gather(a, b, leftmost)
    places = [m for m in moved.tolist() if m >= 0]
    assert places == sorted(set(places))
    assert [m >= 0 for m in moved] == [m >= 0 for m in leftmost]
    assert all(a[i] == b[m] for i, m in enumerate(moved) if m >= 0)


def test_a_copy_is_aligned_with_itself_and_not_with_words_before_it() -> None:
    before, copy = ["x", "alpha", "beta", "y", "y"], ["alpha", "beta", "7", "gamma", "8"]
    _, match, _ = aligned(copy, [*before, *copy], [1] * 12)
    assert match.tolist() == [5, 6, 7, 8, 9]


@settings(max_examples=100, deadline=None)
@given(TEXT, TEXT)
def test_what_two_texts_begin_and_end_with_is_in_a_longest_alignment(
    a: list[str], b: list[str]
) -> None:
    head, tail = same_ends(hashed(a), hashed(b))
    assert a[:head] == b[:head] and (tail == 0 or a[-tail:] == b[-tail:])
    one = [1] * 12
    inner = plain_subsequence(a[head : len(a) - tail], b[head : len(b) - tail], one)
    assert head + inner + tail == plain_subsequence(a, b, one)


@settings(max_examples=100, deadline=None)
@given(TEXT, TEXT, NATS, st.integers(0, 60))
def test_align_lets_go_only_of_what_stays_below(a, b, nats, least) -> None:  # type: ignore[no-untyped-def]
    total, match, _ = aligned(a, b, nats, least)
    best = plain_subsequence(a, b, nats)
    assert total == best or (total == 0 and best < least and (match == -1).all())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-1, 40), min_size=1, max_size=10), NATS)
def test_trim_keeps_the_best_stretch(match: list[int], nats: list[int]) -> None:
    places = sorted({m for m in match if m >= 0})
    match = [-1 if m < 0 or not places else places.pop(0) for m in match]
    weights = np.array(nats[: len(match)], np.float32)
    found = np.array(match, np.int64)
    kept = trim(found, weights, len(match))
    pairs = [(i, m) for i, m in enumerate(match) if m >= 0]

    def worth(stretch: list[tuple[int, int]]) -> float:
        gaps = sum(b[1] - a[1] - 1 for a, b in pairwise(stretch))
        return sum(nats[i] for i, _ in stretch) - SKIPPED * gaps

    stretches = [pairs[i:j] for i in range(len(pairs)) for j in range(i + 1, len(pairs) + 1)]
    left = [(i, m) for i, m in enumerate(found.tolist()) if m >= 0]
    if stretches:
        assert left in stretches
        assert worth(left) == max(map(worth, stretches))
    assert kept == sum(nats[i] for i, _ in left)


@settings(max_examples=100, deadline=None)
@given(TEXT, TEXT, NATS)
def test_held_is_the_weight_of_words_present(a: list[str], b: list[str], nats: list[int]) -> None:
    weights = np.array(nats[: len(a)], np.float32)
    table, table_at = np.empty(64, np.uint64), np.empty(64, np.int32)
    share = present_share(hashed(a), weights, hashed(b), table, table_at)
    present = sum(n for n, word in zip(nats, a, strict=False) if word in b)
    assert np.isclose(share, present / sum(nats[: len(a)]))


@settings(max_examples=100, deadline=None)
@given(TEXT, TEXT, NATS)
def test_cover_finds_every_shared_trigram(a: list[str], b: list[str], nats: list[int]) -> None:
    weights = np.array(nats[: len(a)], np.float32)
    table, table_at = np.empty(64, np.uint64), np.empty(64, np.int32)
    match = np.empty(len(a), np.int64)
    cover(hashed(a), weights, hashed(b), table, table_at, match)
    shared = {tuple(b[k : k + 3]) for k in range(len(b) - 2)}
    inside = {i + z for i in range(len(a) - 2) if tuple(a[i : i + 3]) in shared for z in range(3)}
    assert inside <= {i for i, m in enumerate(match) if m >= 0}
    assert all(a[i] == b[m] for i, m in enumerate(match) if m >= 0)


def test_words_in_other_order_are_covered_only_in_long_pieces() -> None:
    def covered(reference: list[int], window: list[int]) -> tuple[float, bool]:
        ours, theirs = np.array(reference, np.uint32) * 16, np.array(window, np.uint32) * 16
        length = len(ours)
        nats, work = np.ones(length, np.float32), Workspace.of(length)
        weight, in_order = aligned_or_covered(
            ours, nats, theirs, np.float32(0), np.float32(length), work, work.match
        )
        return float(weight), bool(in_order)

    words = list(range(1, 25))
    assert covered(words, words[12:] + words[:12]) == (24.0, False)
    in_bits = [w for low in range(20, -1, -4) for w in words[low : low + 4]]
    assert covered(words, in_bits) == (4.0, True)
