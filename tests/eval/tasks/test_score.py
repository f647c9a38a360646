"""Answers through the verifiers: what counts, and what is missing and never a zero."""

import math

import pytest

from eval.suites import Score
from eval.tasks.questions import Question
from eval.tasks.reply import Reply
from eval.tasks.score import extracted, mc2, pass_at_k, verified

EXACT = Score(metric="exact_match", verifier="exact")


def said(*answers: list[str | None]) -> list[list[Reply]]:
    """Replies with these texts; None is a request that failed."""
    return [[Reply(text, error=None if text else "HTTP 500") for text in a] for a in answers]


@pytest.mark.parametrize(
    ("n", "correct", "k", "value"),
    [(1, 1, 1, 1.0), (1, 0, 1, 0.0), (20, 1, 10, 0.5), (20, 5, 1, 0.25), (20, 11, 10, 1.0)],
)
def test_pass_at_k_is_the_published_estimate(n: int, correct: int, k: int, value: float) -> None:
    assert pass_at_k(n, correct, k) == pytest.approx(value)


def test_pass_at_k_equals_counting_the_draws() -> None:
    for n, correct, k in [(6, 2, 3), (9, 4, 2), (5, 1, 5)]:
        expected = 1 - math.comb(n - correct, k) / math.comb(n, k)
        assert pass_at_k(n, correct, k) == pytest.approx(expected)


def test_each_item_gets_its_own_verdict() -> None:
    asked = [Question(str(k), None, "p", truth=str(k)) for k in range(3)]
    found = verified(EXACT, asked, said(["0"], ["2"], ["2"]))
    assert [(r.id, r.score) for r in found] == [("0", 1.0), ("1", 0.0), ("2", 1.0)]


def test_an_item_without_answer_or_truth_has_no_score() -> None:
    asked = [
        Question("a", None, "p", truth="1"),
        Question("b", None, "p", trouble="no ground truth: x"),
    ]
    found = verified(EXACT, asked, said([None], ["1"]))
    assert [(r.score, r.error) for r in found] == [
        (None, "the model gave no answer: HTTP 500"),
        (None, "no ground truth: x"),
    ]


def test_a_verifiers_error_is_no_zero() -> None:
    score = Score(metric="exact_match", verifier="regex")
    (found,) = verified(score, [Question("a", None, "p", truth="(")], said(["x"]))
    assert found.score is None and str(found.error).startswith("MalformedGroundTruth")


def test_pass_at_k_needs_k_decided_samples() -> None:
    score = EXACT.model_copy(update={"metric": "pass", "samples": 3, "k": 2})
    asked = [Question("a", None, "p", truth="1")] * 2
    enough, short = verified(score, asked, said(["1", "0", None], ["1", None, None]))
    assert (enough.score, short.score) == (1.0, None)


def test_f1_is_partial() -> None:
    score = Score(metric="f1", verifier="f1")
    (found,) = verified(score, [Question("a", None, "p", truth="red green")], said(["red"]))
    assert found.score == pytest.approx(2 / 3)


def test_the_last_match_is_what_is_verified() -> None:
    score = EXACT.model_copy(update={"extract": r"answer is (.+?)\."})
    assert extracted(score, "The answer is 3. No: the answer is 4.") == "4"
    assert extracted(score, "just 4") == "just 4"


def test_mc2_is_the_share_of_probability_on_true_options() -> None:
    question = Question("a", None, "p", options=("x", "y", "z"), right=(True, False, True))
    found = mc2(question, [math.log(0.1), math.log(0.2), math.log(0.1)])
    assert found.score == pytest.approx(0.5) and found.answers == ["y"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<think>\nmaybe the answer is 1", "reasoning never ended"),
        ("<think>\nhm</think>\n\n", "answer is empty"),
        ("", "answer is empty"),
    ],
)
def test_an_answered_request_without_an_answer_is_wrong(text: str, why: str) -> None:
    score = EXACT.model_copy(update={"extract": r"answer is (\d)"})
    asked = [Question("a", None, "p", truth="1")]
    (found,) = verified(score, asked, [[Reply(text, cut=True)]])
    assert (found.score, found.cut, found.error) == (0.0, 1, None)
    assert why in found.reason and "cut at the limit" in found.reason


def test_a_guess_within_the_reasoning_is_not_extracted() -> None:
    score = EXACT.model_copy(update={"extract": r"answer is (\d)"})
    text = "<think>\nthe answer is 1</think>\n\nSo the answer is 2"
    (found,) = verified(score, [Question("a", None, "p", truth="2")], [[Reply(text)]])
    assert found.score == 1.0


def test_a_cut_sample_counts_among_the_samples() -> None:
    score = EXACT.model_copy(update={"metric": "pass", "samples": 4, "k": 1})
    replies = [Reply("1"), Reply("1"), Reply("<think>1", cut=True), Reply("", cut=True)]
    (found,) = verified(score, [Question("a", None, "p", truth="1")], [replies])
    assert (found.score, found.cut) == (0.5, 2)
    assert found.passed == [True, True, False, False]
