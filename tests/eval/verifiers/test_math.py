import pytest

from eval.verifiers import math, verifier, verify
from eval.verifiers.math import extract

pytest.importorskip("math_verify", reason="needs math-verify")

EQUAL = [
    ("(1,2)", "1,2"),
    ("\\{2,1\\}", "\\{1,2\\}"),
    ("3,5", "5,3"),
    ("\\frac13", "0.333333"),
    ("5", "x=5"),
    ("135\\text{ square feet}", "135"),
    ("50\\%", "0.5"),
    ("90^\\circ", "90"),
    ("2516_8", "2516_{8}"),
    ("\\text{(A)}", "A"),
    ("\\sqrt8", "2\\sqrt{2}"),
    ("11\\frac12", "23/2"),
    ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{bmatrix}1\\\\2\\end{bmatrix}"),
    ("\\left(\\frac{3}{2},-13\\right)", "(1.5,-13)"),
    ("(-\\infty,2)\\cup(3,\\infty)", "(-\\infty, 2) \\cup (3, \\infty)"),
    ("[-2,7]", "x \\in [-2,7]"),
    ("x^2+2x+1", "(x+1)^2"),
    ("1.6\\times10^{-19}", "1.6e-19"),
    ("\\$32,348", "32348"),
    ("10,\\!000", "10000"),
    ("\\text{Navin}", "Navin"),
    ("90\\text{ square\nunits}", "90"),
    ("$8$, $4$", "4, 8"),
    ("7/3", "2 1/3"),
    ("3/2", "1½"),
    ("12480", "12 480"),
    ("12480", "12\\,480"),
    ("2.4", "2,4"),
    ("3 \\text{ million}", "3000000"),
    ("2.5 \\text{ million dollars}", "2{,}500{,}000"),
    ("21", "\\text{twenty-one}"),
    ("x^2", "x²"),
    ("x^{-1}", "x⁻¹"),
    ("2\\sqrt{2}", "2√2"),
    ("7:45 \\text{ p.m.}", "19:45"),
    ("3:00", "3 \\text{ p.m.}"),
    ("7:32", "7:32"),
    ("19, 46, 82", "19, 46, \\text{ and } 82"),
    ("x \\in [-2,7]", "-2 \\\\le x \\\\le 7"),
]
DIFFERENT = [
    ("(1,2)", "(2,1)"),
    ("(1,2)", "\\{1,2\\}"),
    ("(1,2)", "[1,2]"),
    ("[1,2)", "[1,2]"),
    ("2516_8", "2516_7"),
    ("10^{-19}", "0"),
    ("1.6\\times10^{-19}", "1.7\\times10^{-19}"),
    ("0.0000001785705", "0.0000001785706"),
    ("\\frac13", "0.333"),
    ("\\pi", "3.14"),
    ("5", "-5"),
    ("x<3", "x>3"),
    ("6:30", "6:31"),
    ("\\text{Navin}", "Bob"),
    ("45\\text{ m}^2", "45\\text{ m}^3"),
    ("12480", "12, 480"),
    ("7, 250", "7250"),
    ("21/3", "2 1/3"),
    ("11/2", "1 1/2"),
    ("35", "3 5"),
    ("2.4", "2, 4"),
    ("12:00", "3:00"),
    ("7:45 \\text{ a.m.}", "7:45 \\text{ p.m.}"),
    ("7 \\text{ a.m.}", "7 \\text{ p.m.}"),
    ("3", "3 \\text{ million}"),
    ("4", "4 \\text{ dozen}"),
    ("5", "1/0"),
    ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix}2\\\\1\\end{pmatrix}"),
]


@pytest.mark.parametrize(("truth", "given"), EQUAL)
def test_equal_expressions(truth: str, given: str) -> None:
    assert verify("math", f"Thus it is $\\boxed{{{given}}}$.", truth).passed is True


@pytest.mark.parametrize(("truth", "given"), DIFFERENT)
def test_different_expressions(truth: str, given: str) -> None:
    assert verify("math", f"Thus it is $\\boxed{{{given}}}$.", truth).passed is False


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("first \\boxed{1}, then \\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
        ("\\boxed{1} and an open \\boxed{2", "1"),
        ("the final answer is $x=3$, since $y=4$", "x=3"),
        ("**Final Answer:** 1/2", "1/2"),
        ("The answer is 42. And so on", "42"),
        ("with $a=1$ we get $a+1=2$", "a+1=2"),
        ("\\[ x = 7 \\]", "x = 7"),
        ("0.5", "0.5"),
        ("so $x$ is $5$", "5"),
        ("The answer is $8$ and $4$.", "8 , 4"),
        ("Final Answer: The final answer is 4.25. I hope it is correct.", "4.25"),
        ("**Final Answer:** The answer is 8.", "8"),
        ("Final Answer: The smallest $k$ is $19$.", "19"),
        ("Final Answer: Jane started 3 hours ago.", "3"),
        ("so \\boxed{255} and\nFinal Answer: The final answer is $10,455$.", "10,455"),
        ("\\boxed{\\frac{1}{2}} The final answer is positive.", "\\frac{1}{2}"),
        ("\\boxed{1} and \\boxed{-2}", "1, -2"),
        ("\\(y_1 = \\boxed{2}\\) and \\(y_2 = \\boxed{3}\\)", "2, 3"),
        ("\\boxed{1} papers and \\boxed{2} bins", "1, 2"),
        ("\\boxed{5}, but then \\boxed{7}", "7"),
        ("It is \\boxed{5}. We check it. So \\boxed{6}", "6"),
        ("\\boxed{5}\n\nThe answer is \\boxed{5}", "5"),
        ("With $d=90$ there are two. Therefore, there are 12 distinct ways.", "12"),
        ("Die Antwort ist $\\frac12$.", "\\frac12"),
    ],
)
def test_where_the_answer_is(text: str, expression: str) -> None:
    assert extract(text) == expression


def test_prose_that_announces_no_value_is_no_answer() -> None:
    assert verify("math", "The value lies near 5, though I cannot tell.", "5").passed is False


def test_what_cannot_be_worked_out_agrees_with_nothing() -> None:
    assert verifier("math").agree("\\boxed{12:00}", "\\boxed{1:00}") is False
    assert verifier("math").agreement("\\boxed{0:0}", "\\boxed{0/0}").passed is not True


def test_only_the_answer_counts_not_any_number_on_the_way() -> None:
    assert verify("math", "We try $5$, then $6$: \\boxed{7}", "5").passed is False


def test_a_verifier_that_thinks_too_long_is_stopped_and_errs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(math, "SECONDS", 0.0001)
    verdict = verify("math", "\\boxed{\\sqrt{8}+1}", "2\\sqrt{2}+1")
    assert verdict.error is not None and verdict.error.startswith("VerifierTimeout")
    monkeypatch.undo()
    assert verify("math", "\\boxed{\\sqrt{8}+1}", "2\\sqrt{2}+1").passed is True


def test_agreement_is_mathematical() -> None:
    assert verifier("math").agree("\\boxed{0.5}", "the answer is $\\frac12$")
    assert not verifier("math").agree("\\boxed{0.5}", "\\boxed{0.6}")
