import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.dedup import words
from dataengine.dedup.texts import Texts
from dataengine.dedup.words import TABLES, Scratch
from tests.decontam.kernels import from_python

tokens_of = from_python(words.tokens_of)

TEXT = st.text(
    st.one_of(
        st.sampled_from("ab z09 Z+-#/=<>%&^.,'`*_|()\n\x00\x1fß中é İﬁ１–\u200b"),
        st.characters(exclude_categories=["Cs"], max_codepoint=0x2FFFF),
    ),
    max_size=300,
)


def tokens(pieces: list[str], by_character: bool = False, beyond: bytes = b"") -> list[int]:
    """`beyond` is what stands in memory after the last text."""
    encoded = [piece.encode() for piece in pieces]
    ends = np.cumsum([len(piece) for piece in encoded], dtype=np.int64)
    data = np.frombuffer(b"".join(encoded) + beyond or b"\0", np.uint8)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    texts = Texts(data, starts, ends, np.array([0, len(pieces)], np.int64))
    scratch = Scratch().arrays(int(ends[-1]))
    count = tokens_of(texts, 0, by_character, TABLES, scratch)
    return [int(token) for token in scratch[2][:count]]


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(TEXT, min_size=1, max_size=3))
def test_words_are_those_of_the_twin(pieces, twins):
    expected = [twins.hash_of_word(word) for piece in pieces for word in twins.words(piece)]
    assert tokens(pieces) == tokens(pieces, beyond=b"x-+" * 50) == expected


@pytest.mark.parametrize("size", [*range(55, 75), 127, 128, 129])
def test_words_around_the_edge_of_a_block(size, twins):
    for text in (
        "a" * size,
        "a" * size + " b",
        "a" * size + "+b",
        "a " * size,
        "+" * size,
        " " * size + "-1",
        "a" * size + "#",
    ):
        expected = [twins.hash_of_word(word) for word in twins.words(text)]
        assert tokens([text]) == tokens([text], beyond=b"x" * 64) == expected


@settings(max_examples=200, deadline=None)
@given(text=TEXT)
def test_characters_are_those_of_the_twin(text, twins):
    found = tokens([text], by_character=True)
    expected = twins.characters(text)
    assert tokens([text], by_character=True, beyond=b"x" * 64) == found
    assert len(found) == len(expected)
    alphabet = dict(zip(found, expected, strict=True))
    assert [alphabet[token] for token in found] == expected
    assert len(alphabet) == len(set(expected))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("What is 3.5 + 2?", "What is 35 + 2?"),
        ("f(-2)", "f(2)"),
        ("z^4+z^2+1", "z^4-z^2/1"),
        ("Is C# good?", "Is C good?"),
        ("What is 48 * 6?", "What is 48 - 6?"),
        ("What is 48 × 6?", "What is 48 − 6?"),
        ("(a) * b", "(a) - b"),
        ("2³", "23"),
        ("a ≠ b", "a = b"),
        ("C++", "C"),
        ("中文", "文中"),
    ],
)
def test_texts_that_differ_in_meaning_differ_in_words(first, second):
    assert tokens([first]) != tokens([second])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Don’t  stop", "DON'T stop"),
        ("- well-known\n- ﬁnd", "Well known; find"),
        ("# Title\n\nIt is **bold**.", "Title: it is bold"),
        ("* 5 eggs\n* 6 pies", "- 5 eggs\n- 6 pies"),
        ("| a | 5 eggs |", "a 5 eggs"),
        ("It has **5** eggs - and pies", "It has 5 eggs and pies"),
        ("48 × 6", "48 * 6"),
        ("ｆｕｌｌ width", "full\u200b width"),
    ],
)
def test_layout_case_and_unicode_forms_are_no_difference(first, second):
    assert tokens([first]) == tokens([second])
