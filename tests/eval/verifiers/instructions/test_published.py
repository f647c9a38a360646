"""The published IFEval and IFBench prompts: an answer built by rote follows each, others break it.

`pytest -s` prints the figures that docs/instruction-following.md has.
"""

from pathlib import Path
from typing import Any

import pytest

from eval.verifiers import ifeval
from eval.verifiers.instructions import INSTRUCTIONS
from eval.verifiers.selftest import read

from . import ifbench_witness, ifeval_witness

Asked = list[tuple[str, dict[str, Any]]]


@pytest.mark.parametrize(
    ("suite", "items", "contradictory"), [("ifeval", 541, 5), ("ifbench", 300, 0)]
)
def test_published_prompts_can_be_followed_and_broken(
    suite: str, items: int, contradictory: int, shared: Path
) -> None:
    """Five IFEval prompts repeat a request that itself breaks another of their instructions."""
    followed, broken, missed = 0, 0, []
    for item in read(shared / "data/evals" / f"{suite}.jsonl"):
        truth = ifeval.ground_truth(item)
        constraints = ifeval.parse(truth)
        asked = list(zip(constraints.ids, constraints.kwargs, strict=True))
        right = answer(asked)
        followed += ifeval.verify(right, truth).passed
        missed += [] if ifeval.verify(right, truth).passed else [constraints.ids]
        wrong = [breaking(right, id, kwargs) for id, kwargs in asked]
        broken += not any(ifeval.verify(text, truth).passed for text in wrong)
    print({"suite": suite, "items": items, "followed": followed, "broken": broken})
    assert (followed, broken) == (items - contradictory, items)
    assert len(missed) == contradictory
    assert all("combination:repeat_prompt" in ids for ids in missed)


def answer(asked: Asked) -> str:
    if all(INSTRUCTIONS[id].suite == "ifeval" for id, _ in asked):
        return ifeval_witness.witness(asked)
    return ifbench_witness.witness(asked) or ""


def breaking(right: str, id: str, kwargs: dict[str, Any]) -> str:
    if INSTRUCTIONS[id].suite == "ifeval":
        return ifeval_witness.broken(right, id, kwargs)
    return ifbench_witness.broken(id, kwargs)
