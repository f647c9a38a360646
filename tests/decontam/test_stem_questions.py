"""Short questions that stand inside others, against a plain search."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from decontam.index.items import QUESTION
from decontam.index.stems import LONGEST_STEM, stems


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
