"""Each kernel of verification against a plain twin."""

from collections import Counter
from functools import cache
from itertools import pairwise
from math import log

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from decontam import search
from decontam.index import LONGEST_STEM, QUESTION, SHARED, hash_table, holders, look_up, stems
from decontam.search import SKIPPED
from decontam.words import words_of
from tests.decontam.kernels import from_python

align, aligned_or_covered, changes, cover, foreign, held, numbers_lost, renamed, trim, ask = map(
    from_python,
    (
        search.align,
        search.aligned_or_covered,
        search.changes,
        search.cover,
        search.foreign,
        search.held,
        search.numbers_lost,
        search.renamed,
        search.trim,
        look_up,
    ),
)

gather, same_ends = map(from_python, (search.gather, search.same_ends))

NAMES = "alpha beta gamma delta 7 8 9 x y".split()  # noqa: SIM905
WORD = dict(zip(NAMES, words_of([" ".join(NAMES)]).words.astype(np.uint32), strict=True))
LETTERS = words_of(["x", "y"]).words.astype(np.uint32)
NUMERALS = words_of(["two three"]).words.astype(np.uint32)
TEXT = st.lists(st.sampled_from(NAMES), min_size=1, max_size=12)
NATS = st.lists(st.integers(1, 16), min_size=12, max_size=12)


def hashed(words: list[str]) -> np.ndarray:
    return np.array([WORD[w] for w in words], np.uint32)


def aligned(reference: list[str], window: list[str], nats: list[int], least: float = 0) -> tuple:
    match = np.full(len(reference), -7, np.int64)
    scores = np.empty((len(reference) + 1, len(window) + 1), np.float32)
    kept = np.empty(len(window) + 1, np.int64)
    weights = np.array(nats[: len(reference)], np.float32)
    total, most = align(
        hashed(reference), weights, hashed(window), np.float32(least), scores, kept, match
    )
    assert most == sum(n for n, word in zip(nats, reference, strict=False) if word in window)
    return total, match, weights


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
    share = held(hashed(a), weights, hashed(b), table, table_at)
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


def test_a_name_replaced_throughout_is_one_difference() -> None:
    reference = ["alpha", "x", "beta", "alpha", "y", "gamma", "alpha", "delta"]
    window = ["x", "x", "beta", "x", "y", "gamma", "x", "delta"]
    nats = [8] * 12
    _, match, weights = aligned(reference, window, nats)
    weight, words = renamed(hashed(reference), weights, hashed(window), match)
    # The first `alpha` has nothing before it to hold on to, the second is the difference, the third
    # is the second again.
    assert (weight, words) == (8.0, 1)


def test_a_name_that_weighs_nothing_is_no_difference_the_first_time_either() -> None:
    reference, window = ["x", "alpha", "beta", "y"], ["x", "gamma", "delta", "y"]
    _, match, weights = aligned(reference, window, [8, 0, 0, 8])
    assert renamed(hashed(reference), weights, hashed(window), match) == (0.0, 2)


@settings(max_examples=100, deadline=None)
@given(TEXT, TEXT, NATS)
def test_a_foreign_word_said_n_times_counts_one_and_the_log_of_n(
    a: list[str], b: list[str], nats: list[int]
) -> None:
    _, match, _ = aligned(a, b, nats)
    matched = {m for m in match.tolist() if m >= 0}
    if not matched:
        return
    first, last = min(matched), max(matched)
    mark, table, table_at = np.empty(12, np.int64), np.empty(64, np.uint64), np.empty(64, np.int32)
    count = foreign(hashed(b), match, len(a), first, last, mark, table, table_at)
    others = Counter(b[k] for k in range(first, last + 1) if k not in matched)
    assert abs(count - sum(1 + log(n) for n in others.values())) <= 0.51


def test_words_in_other_order_are_covered_only_in_long_pieces() -> None:
    def covered(reference: list[int], window: list[int]) -> tuple[float, bool]:
        ours, theirs = np.array(reference, np.uint32) * 16, np.array(window, np.uint32) * 16
        length = len(ours)
        weight, in_order = aligned_or_covered(
            ours, np.ones(length, np.float32), theirs, np.float32(0), np.float32(length),
            np.empty((length + 1, length + 1), np.float32), np.empty(64, np.int64),
            np.empty(64, np.uint64), np.empty(64, np.int32), np.empty(length, np.int64),
        )  # fmt: skip
        return float(weight), bool(in_order)

    words = list(range(1, 25))
    assert covered(words, words[12:] + words[:12]) == (24.0, False)
    in_bits = [w for low in range(20, -1, -4) for w in words[low : low + 4]]
    assert covered(words, in_bits) == (4.0, True)


def test_numbers_count_as_replaced_only_by_numbers() -> None:
    def replaced(a: str, b: str) -> tuple[int, int, int]:
        reference, window = a.split(), b.split()
        _, match, _ = aligned(reference, window, [4] * 12)
        none = np.zeros(12, np.uint8)
        return changes(hashed(reference), none, hashed(window), none, match, LETTERS, NUMERALS)

    assert replaced("alpha 7 beta 8", "alpha 9 beta 8") == (1, 2, 0)
    assert replaced("alpha 7 beta 8", "alpha 7 beta 9") == (1, 2, 0)
    assert replaced("7 alpha beta", "9 alpha beta") == (1, 1, 0)
    assert replaced("alpha 7 beta", "alpha gamma beta") == (0, 1, 0)
    # Squashed, `7/8` is one number; where nearly as many are new, they are others.
    assert replaced("alpha 7 8 beta", "alpha 9 beta") == (0, 2, 0)
    assert replaced("alpha 7 8 7 beta", "alpha 9 9 beta") == (2, 3, 0)
    # What stands in the place of a tail cut off is another text.
    assert replaced("x y alpha beta gamma delta 7", "x y alpha 9") == (0, 1, 0)


def test_operators_count_between_symbols_that_stayed() -> None:
    def operators(a: str, b: str) -> int:
        here, there = words_of([a]), words_of([b])
        match = np.arange(len(here.words))
        ours, theirs = here.words.astype(np.uint32), there.words.astype(np.uint32)
        return changes(ours, here.glue, theirs, there.glue, match, LETTERS, NUMERALS)[2]

    assert operators("x^4 + x^2", "x^4 - x^2") == 1
    assert operators("x^4 + x^2", "x 4 x 2") == 0
    assert operators("alpha - beta", "alpha + beta") == 0


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


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7)), max_size=60))
def test_holders_counts_each_holder_once(pairs: list[tuple[int, int]]) -> None:
    pairs.sort(key=lambda p: p[1])
    keys = np.array([k for k, _ in pairs], np.uint64)
    of = np.array([h for _, h in pairs], np.int32)
    counted = [len({h for k, h in pairs if k == key}) for key, _ in pairs]
    assert holders(keys, of).tolist() == [n if n >= SHARED else 1 for n in counted]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=12), max_size=12))
def test_a_stem_stands_inside_two_longer_questions(texts: list[list[str]]) -> None:
    words = np.array([ord(word) for text in texts for word in text], np.uint64)
    offsets = np.cumsum([0, *map(len, texts)])
    said = [f" {' '.join(text)} " for text in texts]
    inside = [sum(one in other and one != other for other in said) for one in said]
    expected = [len(text) <= LONGEST_STEM and n >= 2 for text, n in zip(texts, inside, strict=True)]
    found = stems(words, offsets, np.full(len(texts), QUESTION, np.uint8))
    assert found.tolist() == expected


def test_numbers_of_another_order_are_lost_where_others_stand() -> None:
    def lost(a: str, b: str, match: list[int]) -> int:
        reference, window = hashed(a.split()), hashed(b.split())
        return numbers_lost(reference, window, np.array(match), 0, len(window) - 1, NUMERALS)

    assert lost("alpha 7 beta 8", "beta 8 alpha 7", [2, 3, 0, 1]) == 0
    assert lost("alpha 7 beta 8", "beta 9 alpha 7", [2, 3, 0, -1]) == 1
    assert lost("alpha 7 beta 8", "beta alpha 7", [1, 2, 0, -1]) == 0
    assert lost("alpha 7 beta gamma", "beta 9 alpha 7", [2, 3, 0, -1]) == 0
