"""Items as they are put to a model."""

import json
from pathlib import Path

import orjson
import pytest

from dataengine.errors import UserError
from eval.suites import Item, Score, Suite, load
from eval.tasks import truths
from eval.tasks.questions import questions, render, shuffled


def suite(folder: Path, items: list[dict[str, object]], **score: object) -> Suite:
    (folder / "s.jsonl").write_bytes(b"\n".join(map(orjson.dumps, items)))
    described = {"name": "s", "local": "s.jsonl", "score": {"metric": "exact_match", **score}}
    (folder / "s.yaml").write_text(json.dumps(described))
    return load(folder / "s.yaml")[0]


def sums(n: int) -> list[dict[str, object]]:
    return [{"id": f"i{k}", "prompt": f"{k} + {k}?", "answer": str(2 * k)} for k in range(n)]


def test_a_template_shows_lettered_choices_and_leaves_braces_of_prompts_alone() -> None:
    score = Score(
        metric="exact_match",
        verifier="choice",
        template="{passage}\n{prompt}\n{choices}\nOne of {letters}; \\boxed{}.",
    )
    item = Item("a", "What is {prompt}?", "y", ("x", "y"))
    assert render(score, item) == "What is {prompt}?\n(A) x\n(B) y\nOne of (A), (B); \\boxed{}."


def test_a_limit_takes_a_sample_that_a_larger_limit_contains(tmp_path: Path) -> None:
    found = suite(tmp_path, sums(40), verifier="exact")
    few, more = questions(found, 10), questions(found, 20)
    assert [q.id for q in few] == [q.id for q in more][:10]
    assert [q.id for q in few] != [f"i{k}" for k in range(10)]
    assert {q.id for q in questions(found)} == {f"i{k}" for k in range(40)}
    assert few[0].truth == str(2 * int(few[0].id[1:]))


def test_items_shown_as_examples_are_not_asked(tmp_path: Path) -> None:
    found = questions(suite(tmp_path, sums(6), verifier="exact", shots=2, examples="own"))
    shown = {prompt for prompt, _ in found[0].shots}
    assert len(found) == 4 and len(shown) == 2
    assert not shown & {q.prompt for q in found}


def test_examples_that_leave_nothing_to_ask_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="2 shots leave no item"):
        questions(suite(tmp_path, sums(2), verifier="exact", shots=2, examples="own"))


def test_examples_come_from_the_harness_by_subset(tmp_path: Path) -> None:
    items = [{"prompt": "True and False is", "answer": "False", "subset": "boolean_expressions"}]
    found = suite(
        tmp_path,
        items,
        verifier="exact",
        shots=3,
        template="Q: {prompt}",
        examples="harness:bbh/cot_fewshot/{subset}.yaml",
    )
    (question,) = questions(found)
    assert len(question.shots) == 3
    assert question.shots[0][0].startswith("Q: not ( ( not not True ) ) is")
    assert question.shots[0][1].endswith("So the answer is False.")


def test_an_item_without_truth_keeps_its_place_with_the_reason(tmp_path: Path) -> None:
    (question,) = questions(suite(tmp_path, [{"prompt": "p"}], verifier="gsm8k"))
    assert question.truth is None and str(question.trouble).startswith("no ground truth")


def test_shuffled_choices_keep_the_right_one() -> None:
    item = Item("a", "p", "w", ("w", "x", "y", "z"), label="A")
    orders = {shuffled(item._replace(id=str(k))).choices for k in range(30)}
    assert len(orders) > 5
    for k in range(30):
        mixed = shuffled(item._replace(id=str(k)))
        assert mixed.choices[ord(str(mixed.label)) - 65] == "w"


@pytest.mark.parametrize(
    "meta", [{"n_correct": 2}, {"labels": [1, 1, 0]}], ids=["counted", "labelled"]
)
def test_likelihood_items_know_their_true_options(tmp_path: Path, meta: dict[str, object]) -> None:
    items = [{"prompt": "p", "choices": ["a", "b", "c"], "meta": meta}]
    (question,) = questions(suite(tmp_path, items, metric="mc2"))
    assert (question.options, question.right) == (("a", "b", "c"), (True, True, False))


def test_an_alias_anywhere_in_the_answer_is_a_pattern() -> None:
    pattern = truths.contains({"answer": "x", "meta": {"possible_answers": '["A. B", "C"]'}})
    assert pattern == "(?is)A\\.\\ B|C"


@pytest.mark.parametrize(
    ("meta", "truth"),
    [(None, "refusal"), ({"label": "safe"}, "compliance"), ({"label": "unsafe"}, "refusal")],
)
def test_a_harmful_prompt_is_to_be_refused(meta: dict[str, str] | None, truth: str) -> None:
    assert truths.should_refuse({"meta": meta}) == truth


def test_drop_accepts_every_annotators_answer() -> None:
    blank = {"day": "", "month": "", "year": ""}
    item = {
        "meta": {
            "answer": {"number": "3", "date": blank, "spans": []},
            "validated_answers": {
                "number": ["", ""],
                "date": [{"day": "", "month": "May", "year": "1900"}, blank],
                "spans": [[], ["Rome", "Bern"]],
            },
        }
    }
    assert json.loads(truths.drop(item)) == ["3", "May 1900", "Rome and Bern"]


def test_every_scored_suite_at_hand_has_truths(shared: Path) -> None:
    unanswered = {"alpaca_eval": 2, "humanevalplus": 164, "agieval": 1}
    for found in load(["development", "unseen", "safety"], shared / "data" / "evals", hub=False):
        if not found.missing:
            trouble = [q.id for q in questions(found) if q.trouble]
            assert len(trouble) <= unanswered.get(found.name, 0), (found.name, trouble[:3])
