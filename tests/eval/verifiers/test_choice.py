import json

import pytest

from eval.verifiers import verifier, verify
from eval.verifiers.choice import chosen

TRUTH = json.dumps({"label": "B", "choices": ["red", "blue", "green", "All of the above"]})


@pytest.mark.parametrize(
    "answer",
    [
        "B",
        "b",
        "(B)",
        "B.",
        "**B**",
        "B) blue",
        "B. Because the sky is blue, not red (A).",
        "Blue.",
        "The answer is (B).",
        "The correct answer is B",
        "Answer: B",
        "**Answer:** **B**",
        "\\boxed{B}",
        "\\boxed{\\text{(B)}}",
        "\\boxed{blue}",
        "Not A, so I think it must be (B), surely",
        "First I took answer A, but the answer is B.",
        "The answer is B because the pressure falls.",
        "The answer is (B). Choice A: too short. Choice D: too long.",
        "My answer: B. I rejected option A, option C and option D.",
        "The answer is blue, since the sky is.",
        "Oikea vastaus on B.",
        "b. blue",
        "B - blue",
        "\\boxed{\\mathrm{B}}",
        "\\boxed{\\text{B. blue}}",
        "Option B is correct. Option A is too short.",
        "I choose option B.",
        "The correct option is B, since A is too small.",
        "Among A, B and C, B is correct.",
    ],
)
def test_ways_to_say_b(answer: str) -> None:
    assert verify("choice", answer, TRUTH).passed is True


@pytest.mark.parametrize(
    "answer",
    [
        "A",
        "red",
        "green",
        "",
        "either (A) or (B)",
        "The answer is A good deal more complicated",
        "The answer is (C). Option B is wrong.",
        "\\boxed{A} although the answer is B",
        "B is for blue and A is for red",
        "ABBA",
        "The answer is (C). Choice B: too short.",
        "The answer is green, not blue.",
        "The answer is not B.",
        "A is correct, whatever B may say.",
        "a. red",
    ],
)
def test_ways_not_to(answer: str) -> None:
    assert verify("choice", answer, TRUTH).passed is False


def test_a_small_word_is_no_option() -> None:
    assert chosen("The answer is A good deal more complicated", []) is None


def test_an_option_that_looks_like_a_letter_is_meant_as_written() -> None:
    truth = json.dumps({"label": "C", "choices": ["2h", "h/2", "h"]})
    assert verify("choice", "h", truth).passed is True
    assert verify("choice", "C", truth).passed is True


def test_options_that_differ_only_in_case_are_different() -> None:
    truth = json.dumps({"label": "A", "choices": ["Co", "CO"]})
    assert verify("choice", "CO", truth).passed is False
    assert verify("choice", "The answer is (B)", truth).passed is False


def test_a_bare_letter_is_a_ground_truth_too() -> None:
    assert verify("choice", "The answer is (D).", "D").passed is True


def test_agreement() -> None:
    agree = verifier("choice").agree
    assert agree("B", "the answer is (B)")
    assert not agree("A", "B")
