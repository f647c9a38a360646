"""The prefilter of many patterns finds what each pattern alone finds."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.literals import matches, required
from dataengine.stages.filters import identity, knowledge_cutoff

PATTERNS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bI am (?:an? )?(?:bot|robot)\b",
        r"^as (?:the )?king",
        r"(?:cut|stop)[- ]?off(?! now).{0,9}(?:19|20)\d\d",
        r"a+b{2,3}c?|x[yz]w",
        r"(?i:Ware)house|(?-i:Name)d",
        r"(?<=no )way\s+out|\d{3}",
        r"ich",
    )
]
PIECES = ["I am", " a ", "bot", "robot", "As the ", "king", "cutoff", "stop-off", " 2021", "İ", "ı"]
PIECES += [
    "aab",
    "bb",
    "xyw",
    "xzw",
    "warehouse",
    "Named",
    "named",
    "no way out",
    "123",
    "ıch",
    "K",
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=5).map("".join), max_size=8))
def test_texts_are_found_that_any_pattern_finds(texts):
    found = matches(pl.Series(texts, dtype=pl.String), PATTERNS).to_list()
    assert found == [any(p.search(text) for p in PATTERNS) for text in texts]


def test_a_pattern_becomes_the_literals_that_a_match_holds():
    assert required(re.compile(r"(?:my|our) \w+ (?:cat|dog)s?")) == (
        frozenset({" cat", " dog", " cats", " dogs"}),
        frozenset({"my ", "our "}),
    )
    assert required(re.compile(r"x?\d+")) == ()


@pytest.mark.parametrize(
    "patterns",
    [
        [phrase for tongue in identity.claims() for _, phrase in tongue.phrases],
        knowledge_cutoff.patterns(),
    ],
)
def test_every_pattern_of_the_filters_has_literals(patterns):
    assert all(map(required, patterns))
