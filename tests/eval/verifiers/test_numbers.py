from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.verifiers import verifier, verify, verify_batch
from eval.verifiers.gsm8k import number
from eval.verifiers.numbers import decimal_mark, in_words, plain


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("2,4", None, "2.4"),
        ("2,4", ",", "2.4"),
        ("2, 4", None, "4"),  # a list, of which the last counts
        ("16,18", ".", "18"),
        ("1 234,50 euroa", None, "1234.5"),
        ("4\u00a0000 kWh", None, "4000"),
        ("4\u202f000,5", None, "4000.5"),
        ("1.234,50", None, "1234.5"),
        ("1.234.567", None, "1234567"),
        ("1'234.50", None, "1234.5"),
        ("1,234", None, "1234"),
        ("1,234", ",", "1.234"),
        ("1.234", None, "1.234"),
        ("1.234", ",", "1234"),
        ("2.5", ",", "2.5"),
        ("0,125", None, "0.125"),
        ("1,2,3", None, "3"),
        ("2{,}5", None, "2.5"),
        ("½", None, "0.5"),
        ("2½ cups", None, "2.5"),
        ("3².", None, "9"),
        ("25 m²", None, "25"),
        ("３．５".replace("．", "."), None, "3.5"),
    ],
)
def test_notations(text: str, decimal: str | None, value: str) -> None:
    assert number(text, decimal) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("The answer is 3 + 4 = 7.", "7"),
        ("The answer is 5 apples * 3 = 15 apples.", "15"),
        ("The answer is 7 since x = 2", "7"),
        ("The answer is x = 5, where y = 3", "5"),
        ("the answer is (3 + 4) * 2", "14"),
        ("Answer: $4 x 6 = $24", "24"),
        ("The answer is 3 1/2.", "3.5"),
        ("The answer is 20% of 300 = 60.", "60"),
        ("The answer is 60, which is 20% of 300.", "60"),
        ("\\boxed{1\\frac{1}{2}}", "1.5"),
        ("\\boxed{\\frac32}", "1.5"),
        ("\\boxed{\\dfrac{-7}{4}}", "-1.75"),
        ("\\boxed{\\sqrt{25}}", "5"),
        ("\\boxed{3^2}", "9"),
        ("\\boxed{5 \\times 9 = 45}", "45"),
        ("\\boxed{18\\text{ m}^2}", "18"),
        ("\\boxed{3 \\text{ million}}", "3000000"),
        ("It costs $4 million.", "4000000"),
        ("So she needs 2 dozen.", "24"),
        ("Vastaus on 2,4 gigahertsiä.", "2.4"),
        ("Die Antwort ist 3,5 Liter, nicht 4.", "3.5"),
        ("答案是42。不是41", "42"),
        ("Ответ: 3,5", "3.5"),
        ("La respuesta correcta es 12, no 13", "12"),
    ],
)
def test_what_is_said_is_worked_out(text: str, value: str) -> None:
    assert number(text) == Decimal(value)


@pytest.mark.parametrize(
    "text", ["\\boxed{\\sqrt2}", "\\boxed{10 apples and 5 pears}", "\\boxed{3, 5}", "1/0"]
)
def test_several_numbers_or_no_value_are_no_answer(text: str) -> None:
    assert number(text) is None


def test_majorities_in_comma_countries() -> None:
    agree = verifier("gsm8k").agree
    assert not agree("Vastaus on 2,4", "Vastaus on 7,4")
    assert agree("Vastaus on 2,4", "2.4")
    assert agree("1,234", "1,234 litraa", language="fi")
    assert not agree("1,234", "1234", language="fi-FI")
    assert agree("1,234", "1234", language="en")


def test_each_row_is_read_in_the_notation_of_its_language() -> None:
    answers, truths = ["Vastaus on 1,234", "It is 1,234"], ["1.234", "1234"]
    told = verify_batch("gsm8k", answers, truths, languages=["fi", "en"])
    assert [verdict.passed for verdict in told] == [True, True]
    told = verify_batch("math", answers, truths, languages=["fi", "en"])
    assert [verdict.passed for verdict in told] == [True, True]
    assert verify("math", "\\boxed{2,4}", "4,2").passed  # without a language: a set of two
    assert not verify("math", "\\boxed{2,4}", "4,2", decimal=",").passed


@pytest.mark.parametrize(
    ("language", "mark"),
    [("fi", ","), ("de-DE", ","), ("de-CH", "."), ("en", "."), ("es", None), (None, None)],
)
def test_decimal_marks(language: str | None, mark: str | None) -> None:
    assert decimal_mark(language) == mark


def test_numbers_in_words() -> None:
    told = {"seven": 7, "Twenty-One": 21, "one hundred and five": 105, "two thousand": 2000}
    assert {text: in_words(text) for text in told} == told
    assert [in_words(text) for text in ("seven apples", "and", "hundred", "")] == [None] * 4


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=0, max_value=10**9))
def test_any_european_spelling_of_a_number_is_that_number(value: Decimal) -> None:
    comma = f"{value}".replace(".", ",")
    swapped = f"{value:,}".translate(str.maketrans(",.", ".,"))
    blanks = f"{value:,}".translate(str.maketrans(",.", "\u00a0,"))
    for text in (comma, swapped, blanks, f"Vastaus on {blanks}."):
        assert number(text) == number(text, ",") == value


@settings(deadline=None)
@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    number(text)
    number(text, ",")
    plain(text)


@pytest.mark.parametrize("label", ["see solution", "See page 5", "N/A", "left to the reader"])
def test_a_label_that_points_elsewhere_is_malformed(label: str) -> None:
    for name in ("gsm8k", "math"):
        verdict = verify(name, "5", label)
        assert verdict.error is not None and verdict.error.startswith("MalformedGroundTruth")


@pytest.mark.parametrize(
    "label",
    ["no solution", "\\text{Navin}", "all real numbers", "\\text{Sunday morning}", "Evelyn"],
)
def test_words_can_be_a_label(label: str) -> None:
    assert verify("math", f"\\boxed{{{label}}}", label).passed is True
