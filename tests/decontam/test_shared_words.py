"""The cosine of word pieces by idf, beside a plain twin."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decontam.paraphrase.shared_words import FEW, SharedWords

TEXTS = st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=12)


def plain(items: list[list[int]], text: list[int]) -> list[float]:
    times = {piece: sum(piece in item for item in items) for piece in range(40)}

    def weight(piece: int) -> float:
        return 0.0 if times[piece] > FEW else math.log(1 + len(items) / max(times[piece], 1))

    def norm(pieces: list[int]) -> float:
        return math.sqrt(sum(weight(piece) ** 2 for piece in set(pieces)))

    return [
        sum(weight(piece) ** 2 for piece in set(item) & set(text))
        / max(norm(item) * norm(text), 1e-12)
        for item in items
    ]


@given(TEXTS, st.lists(st.integers(0, 39), max_size=12))
def test_it_is_the_cosine_of_what_is_rare(items: list[list[int]], text: list[int]) -> None:
    assert np.allclose(SharedWords(items).cosines(text), plain(items, text))


def test_what_many_items_have_counts_nothing() -> None:
    found = SharedWords([[7, n] for n in range(100, 100 + FEW + 1)])
    assert found.cosines([7]).max() == 0
    assert found.cosines([7, 100]).tolist() == pytest.approx([1.0] + [0.0] * FEW)
