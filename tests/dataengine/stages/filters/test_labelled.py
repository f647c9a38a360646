"""Precision and recall on the labelled sets, and the fast condition that comes before each rule."""

import polars as pl
import pytest

from benchmarks.filters import NAMES, drops, labelled, measured, precision_and_recall
from dataengine.stages.filters import TurnFilter, known


@pytest.mark.parametrize("name", NAMES)
def test_precision_and_recall_of_both_halves(name):
    for half, counts in measured(name).items():
        precision, recall = precision_and_recall(counts)
        assert precision >= 0.98, half
        assert recall >= 0.95, half


@pytest.mark.parametrize("name", NAMES)
def test_a_set_is_large_and_its_halves_share_no_text(name):
    texts = labelled(name)
    assert len(texts) >= 200
    assert len({text["language"] for text in texts}) >= 15
    tuning, held = (
        {(text.get("asked"), text["text"]) for text in texts if text["half"] == half}
        for half in ("tuning", "held")
    )
    assert not tuning & held


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_rule_finds_the_fast_condition_finds_too(name):
    judge = known()[name]()
    assert isinstance(judge, TurnFilter)
    texts = labelled(name)
    columns = {"text": [t["text"] for t in texts], "before": [t.get("asked") for t in texts]}
    suspects = judge.gate(pl.DataFrame(columns, schema={"text": pl.String, "before": pl.String}))
    missed = [
        text["text"]
        for text, suspect in zip(texts, suspects, strict=True)
        if drops(name, text) and not suspect
    ]
    assert missed == []
