from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.verifiers import verifier, verify
from eval.verifiers.gsm8k import number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18.00", "18"),
        ("+7", "7"),
        ("$18", "18"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("−5", "-5"),
        ("16-3", "3"),
        ("5 - 3", "3"),
        ("x = -3", "-3"),
        ("$1,234,567.89.", "1234567.89"),
        ("1{,}800", "1800"),
        ("1\\,000", "1000"),
        ("1,00,000", "100000"),
        ("10 000 people", "10000"),
        ("16, 18", "18"),
        ("50%", "50"),
        ("20 \\%", "20"),
        ("3/4", "0.75"),
        ("\\boxed{\\frac{3}{4}}", "0.75"),
        ("٤٢", "42"),
        ("= 2 hours (120 minutes)", "2"),
        ("The answer is 2 hours, or 120 minutes.", "2"),
        ("**Answer:** 42, as in 6 x 7", "42"),
        ("#### 18\nwait, 20", "18"),
        ("#### 1. Count the eggs\nso it is 5", "5"),
        ("\\boxed{18\\text{ dollars}} and not 20", "18"),
        ("\\boxed{3} ... \\boxed{4}", "4"),
        ("#### $70,000", "70000"),
    ],
)
def test_the_number_that_a_text_answers_with(text: str, value: str) -> None:
    assert number(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "none", "####", "\\boxed{}"])
def test_no_number_is_no_answer(text: str) -> None:
    assert number(text) is None
    assert verify("gsm8k", text, "1").passed is False


def test_ground_truths_as_published() -> None:
    assert verify("gsm8k", "She earns $70,000.00", "so 7*10=<<7*10=70>>70\n#### 70,000").passed
    assert verify("gsm8k", "18", "$18").passed
    assert verify("gsm8k", "18", "1 or 2").error


def test_agreement_is_of_numbers() -> None:
    assert verifier("gsm8k").agree("#### 18", "it is $18.00")
    assert not verifier("gsm8k").agree("18", "19")
    assert not verifier("gsm8k").agree("no", "no")


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=0, max_value=10**9))
def test_any_spelling_of_a_number_is_that_number(value: Decimal) -> None:
    for text in (f"{value}", f"{value:,}", f"${value:,}", f"#### {value}", f"\\boxed{{{value}}}"):
        assert number(f"So:\n{text}") == value


@settings(deadline=None)
@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    number(text)
