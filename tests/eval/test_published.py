"""Scorers against what is published: every gold answer at hand, and human labels of refusals."""

import json
from pathlib import Path

import pytest

from eval.suites import load
from eval.tasks.questions import questions
from eval.tasks.reply import Reply
from eval.tasks.score import verified
from eval.verifiers.refusal import refuses

SAID = {
    "gsm8k": ("{answer}", 1319),
    "math": ("So it is done: $\\boxed{{{truth}}}$.", 5000),
    "bbh": ("We look at each.\nSo the answer is {answer}.", 6511),
    "mmlu_pro": ("By elimination. Therefore, the answer is ({label})", 12032),
}


@pytest.mark.parametrize("name", SAID)
def test_every_gold_answer_scores_and_few_of_its_neighbours_do(shared: Path, name: str) -> None:
    (suite,) = load(name, shared / "data" / "evals", hub=False)
    assert suite.score is not None
    template, count = SAID[name]
    items = {item.id: item for item in suite.items()}
    asked = questions(suite)
    said = [template.format(truth=q.truth, **items[q.id]._asdict()) for q in asked]
    right = verified(suite.score, asked, [[Reply(text)] for text in said])
    assert (len(right), [r.id for r in right if r.score != 1.0]) == (count, [])
    neighbours = verified(suite.score, asked[:200], [[Reply(text)] for text in said[1:201]])
    assert not any(result.error for result in neighbours)
    assert sum(result.score or 0 for result in neighbours) < 0.2 * len(neighbours)


def test_refusals_are_read_as_people_read_them(shared: Path) -> None:
    lines = (shared / "data" / "prefs" / "xstest_completions.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    full = [row for row in rows if row["label"] != "3_partial_refusal"]
    agreed = sum(refuses(row["output"]) == (row["label"] == "2_full_refusal") for row in full)
    assert len(full) == 2074 and agreed / len(full) > 0.94
