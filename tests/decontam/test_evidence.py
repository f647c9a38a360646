"""Spans of evidence: they lie in the texts that they are about, whatever the order of what agrees."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.kernels.scratch import ScratchBuffers
from decontam.check import Checker, as_suite
from decontam.index.index import load_or_build
from decontam.io.batches import Columns, read_batches

SENTENCES = [
    "Marta's bakery sells 37 almond croissants and twice as many baguettes every morning.",
    "The oven on Harbour Street takes eleven trays of rye loaves before the ferry leaves.",
    "Every Friday a sailor called Anselm carries home four walnut tarts in a copper tin.",
    "How many pastries does Marta sell in 5 mornings without the sailor's tarts?",
]
POISON = -7_777_777


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Checker:
    items = [{"id": "bakery", "prompt": " ".join(SENTENCES)}]
    protected = [as_suite(("mine", "development", items, None), {})]
    return Checker(load_or_build(protected, tmp_path_factory.mktemp("index")), protected)


@pytest.fixture(autouse=True)
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scratch arrays hold what is in no text, so that what was never set is seen."""
    array = ScratchBuffers.array

    def filled(self: ScratchBuffers, name: str, size: int, kind: type) -> np.ndarray:
        given = array(self, name, size, kind)
        given.fill(POISON if kind is np.int64 else 0)
        return given

    monkeypatch.setattr(ScratchBuffers, "array", filled)


def evidence(checker: Checker, file: Path, turns: list[str]) -> list[dict]:
    messages = [{"role": "user", "content": text} for text in turns]
    file.write_text(json.dumps({"id": "row", "messages": messages}) + "\n")
    found = [checker.scan(batch) for batch in read_batches([file], Columns(None))]
    return [line for table in found for line in table.iter_rows(named=True)]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rows") / "rows.jsonl"


def test_what_agrees_may_stand_in_an_earlier_turn(checker: Checker, file: Path) -> None:
    turns = [" ".join(SENTENCES[2:]), " ".join(SENTENCES[:2])]
    [line] = evidence(checker, file, turns)
    said = [turns[s["turn"]][s["start"] : s["end"]] for s in line["row_spans"]]
    assert [text + "." for text in said[:-1]] + [said[-1] + "?"] == [turns[1], turns[0]]


def test_the_text_kept_holds_all_that_agrees_in_its_turn(checker: Checker, file: Path) -> None:
    turned = " ".join(SENTENCES[2:] + SENTENCES[:2])
    [line] = evidence(checker, file, ["Well. " * 200 + turned + " So." * 400])
    start = line["row_text_start"]
    assert {s["turn"] for s in line["row_spans"]} == {0}
    assert all(
        start <= s["start"] < s["end"] <= start + len(line["row_text"]) for s in line["row_spans"]
    )
    assert turned in line["row_text"]


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(range(4)), cuts=st.sets(st.integers(1, 3)))
def test_spans_lie_in_their_turns(
    checker: Checker, file: Path, order: list[int], cuts: set[int]
) -> None:
    bounds = [0, *sorted(cuts), 4]
    turns = [" ".join(SENTENCES[i] for i in order[low:high]) for low, high in pairwise(bounds)]
    for line in evidence(checker, file, turns):
        assert line["row_spans"]
        for span in line["row_spans"]:
            assert 0 <= span["start"] < span["end"] <= len(turns[span["turn"]])
        for span in line["item_spans"]:
            assert 0 <= span["start"] < span["end"] <= len(line["item_text"])
