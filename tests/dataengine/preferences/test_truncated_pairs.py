"""Sides that are equal once training has cut them."""

import polars as pl
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from dataengine.preferences.truncated_pairs import equal_when_truncated


@pytest.fixture
def words(tmp_path):
    """A tokenizer whose tokens are words."""
    vocabulary = {word: n for n, word in enumerate(["?", "a", "b", "c", "d"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return str(tmp_path)


@pytest.mark.parametrize(
    ("prompt", "chosen", "rejected", "length", "equal"),
    [
        ("a", "b c d", "b c a", 4, False),
        ("a", "b c d", "b c a", 3, True),
        ("a", "b c", "b c d", 4, False),
        ("a", "b c", "b c d", 3, True),
        ("a b c d", "b", "c", 4, True),
        ("a b c d", "b", "c", 3, True),
        ("a", "b", "c", 2, False),
    ],
)
def test_the_prompt_takes_its_tokens_first(words, prompt, chosen, rejected, length, equal):
    texts = [pl.Series([text]) for text in (prompt, chosen, rejected)]
    assert equal_when_truncated(*texts, length, words).to_list() == [equal]


def test_without_a_tokenizer_a_token_is_four_bytes():
    prompt, chosen, rejected = (pl.Series([text]) for text in ("12345678", "abcdefgX", "abcdefgY"))
    assert equal_when_truncated(prompt, chosen, rejected, 4, None).to_list() == [False]
    assert equal_when_truncated(prompt, chosen, rejected, 3, None).to_list() == [True]
    assert equal_when_truncated(
        prompt, pl.Series(["ä" * 9]), pl.Series(["ä" * 8]), 4, None
    ).to_list() == [True]
