"""What each planter does to one text, and which items it leaves alone."""

import random

import pytest

from decontam.selftest.generators import GENERATORS
from decontam.selftest.generators.text import Filler

ITEM = {
    "id": "i",
    "prompt": "The old keeper, whom Marta met at dawn, sold 1,200 lamps. She told Marta of 3 "
    "storms. Nobody else had seen them coming from the north. How many lamps were left?",
    "answer": "none",
}
MAKE = {kind.name: kind.make for kind in GENERATORS}
FILLER = Filler(["Once upon a midnight dreary."])


def planted(kind: str, item: dict = ITEM) -> list[str] | None:
    return MAKE[kind](str(item["prompt"]), item, random.Random(1), FILLER)


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("bare words", "sold 1200 lamps she told marta of 3 storms"),
        ("numbers written", "sold 1200 lamps."),
        ("numbers in words", "sold 1,200 lamps. She told Marta of three storms."),
        ("upper case", "THE  OLD  KEEPER,  WHOM  MARTA"),
        ("first 60 %", "The old keeper, whom Marta met at dawn, sold 1,200 lamps. She told"),
    ],
)
def test_planters_change_what_they_say(kind: str, part: str) -> None:
    made = planted(kind)
    assert made is not None
    assert part in made[0]


def test_sentences_are_the_same_in_another_order() -> None:
    made = planted("sentences reordered")
    assert made is not None
    assert made[0] != ITEM["prompt"]
    assert sorted(made[0].split()) == sorted(ITEM["prompt"].split())


def test_a_name_is_replaced_throughout() -> None:
    made = planted("name replaced")
    assert made is not None
    assert "Marta" not in made[0]


def test_code_gets_other_names_and_keeps_its_types() -> None:
    code = {"id": "c", "prompt": "def add_up(first: int, second: int):\n    return first + second"}
    made = planted("code renamed", code)
    assert made is not None
    assert "add_up" not in made[0]
    assert "first" not in made[0]
    assert made[0].count("int") == 2
    assert planted("code renamed") is None


def test_lines_are_marked_and_text_is_escaped() -> None:
    made = planted("line marks", {"id": "l", "prompt": "One.\nTwo."})
    assert made is not None and made[0].split("One.")[0] == made[0].split("\n")[1].split("Two.")[0]
    assert planted("escaped in JSON", {"id": "e", "prompt": "Où?"}) == ['{"input": "O\\u00f9?"}']
    assert planted("escaped in JSON") is None


def test_simplified_chinese_becomes_traditional() -> None:
    assert planted("traditional", {"id": "z", "prompt": "中国的问题"}) == ["中國的問題"]
    assert planted("traditional") is None


def test_what_says_little_is_planted_under_another_question() -> None:
    item = {"id": "b", "prompt": "Is it?", "answer": "Yes", "choices": ["Yes", "No"]}
    assert planted("its bare answer", item) == [FILLER.turns[0], "Yes"]
    assert planted("its short choices", item) == [f"{FILLER.turns[0]}\n- Yes\n- No"]
    assert planted("its bare answer", ITEM | {"answer": "It is a long one"}) is None
    assert planted("its short choices", item | {"choices": ["Only if it rains", "No"]}) is None


def test_kinds_leave_items_alone_that_they_do_not_apply_to() -> None:
    short = {"id": "s", "prompt": "Who was first?", "answer": "x"}
    for kind in ("15 % edited", "mistyped", "two turns", "solution alone", "passage alone"):
        assert planted(kind, short) is None
