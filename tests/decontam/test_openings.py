"""Openings that many questions of a suite share."""

from decontam.paraphrase.openings import FEW, openings, without_opening


def test_what_many_begin_with_is_left_out_and_what_few_do_is_not() -> None:
    many = [f"Write a function to do {'abcdefgh'[n]} twice." for n in range(FEW + 1)]
    few = [f"Which of these is {n}?" for n in range(FEW)]
    known = openings([*many, *many, *few])
    assert known == {"write a function", "write a function to", "write a function to do"}
    assert without_opening("WRITE a function\nto do it.", known) == "it."
    assert without_opening("Write a function to do", known) == "do"
    for text in (few[0], "Please write a function to do it.", ""):
        assert without_opening(text, known) == text
