"""Drawn constraints: seeded, satisfiable (an answer that meets them is built), firewalled."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.verifiers import ifeval, verify
from eval.verifiers.ifeval_constraints import (
    HELD_OUT,
    TRAINABLE,
    Constraint,
    constraint,
    draw,
    firewalled,
    ground_truth,
)
from eval.verifiers.instructions.conflicts import CONFLICTS, conflicts

from .ifeval_witness import witness

REQUEST = "tell me about the sea"


@settings(max_examples=400, deadline=None)
@given(seed=st.integers(0, 10**9), count=st.integers(1, 5))
def test_what_is_drawn_can_be_met(seed, count):
    drawn = [c.bound(REQUEST) for c in draw(random.Random(seed), count)]
    answer = witness([(c.id, c.kwargs) for c in drawn])
    assert conflicts(drawn) == []
    verdict = verify("ifeval", answer, ground_truth(drawn))
    assert verdict.passed, f"{verdict.reason}\n{drawn}\n{answer}"


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**9), count=st.integers(1, 5))
def test_draws_are_seeded_distinct_and_usable(seed, count):
    drawn = draw(random.Random(seed), count)
    assert drawn == draw(random.Random(seed), count)
    assert 1 <= len(drawn) <= count
    assert len({c.id for c in drawn}) == len(drawn)
    ifeval.check(ground_truth([c.bound(REQUEST) for c in drawn]))
    assert not any(firewalled(c.id) for c in drawn)


def test_the_table_is_symmetric_and_covers_all_25_types():
    assert len(TRAINABLE) == 25 and set(TRAINABLE) == set(CONFLICTS)
    assert all(id in CONFLICTS[other] for id, others in CONFLICTS.items() for other in others)
    assert all(id in others for id, others in CONFLICTS.items())


def made(id, **kwargs):
    return Constraint(id, kwargs, "")


@pytest.mark.parametrize(
    ("together", "reason"),
    [
        (["startend:quotation", "detectable_format:json_format"], "cannot hold together"),
        (["change_case:english_capital", "change_case:english_lowercase"], "cannot hold together"),
        (["punctuation:no_comma", "punctuation:no_comma"], "cannot hold together"),
    ],
)
def test_types_in_conflict(together, reason):
    assert reason in conflicts([made(id) for id in together])[0]


@pytest.mark.parametrize(
    ("together", "reason"),
    [
        (
            [
                made("keywords:existence", keywords=["marketplace"]),
                made("keywords:forbidden_words", forbidden_words=["market"]),
            ],
            '"market" is demanded',
        ),
        (
            [made("startend:end_checker", end_phrase="So, bye."), made("punctuation:no_comma")],
            "has a comma",
        ),
        (
            [
                made("keywords:existence", keywords=["jazz"]),
                made(
                    "keywords:letter_frequency",
                    letter="z",
                    let_relation="less than",
                    let_frequency=2,
                ),
            ],
            'too many of the letter "z"',
        ),
        (
            [
                made("length_constraints:number_words", relation="less than", num_words=60),
                made("length_constraints:number_sentences", relation="at least", num_sentences=15),
            ],
            "about 60 words",
        ),
        (
            [
                made("length_constraints:number_words", relation="at least", num_words=400),
                made("length_constraints:number_sentences", relation="less than", num_sentences=4),
            ],
            "do not fit into so few sentences",
        ),
        (
            [
                made("detectable_format:multiple_sections", section_spliter="PART", num_sections=4),
                made(
                    "change_case:capital_word_frequency",
                    capital_relation="less than",
                    capital_frequency=3,
                ),
            ],
            "too many words in capitals",
        ),
    ],
)
def test_arguments_in_conflict(together, reason):
    assert [found for found in conflicts(together) if reason in found]
    assert conflicts(together[:1]) == conflicts(together[1:]) == []


def test_held_out_ids_are_firewalled_by_name():
    assert len(HELD_OUT["ifbench"]) == 58
    assert firewalled("words:vowel") == "ifbench"
    assert firewalled("punctuation:no_comma") is None
    with pytest.raises(ValueError, match="held-out suite ifbench"):
        constraint("words:vowel", random.Random(0))
    assert HELD_OUT["ifbench"].isdisjoint(TRAINABLE)


def test_an_id_that_cannot_be_drawn_is_named():
    with pytest.raises(ValueError, match="no way to draw 'keywords:exist'"):
        constraint("keywords:exist", random.Random(0))
