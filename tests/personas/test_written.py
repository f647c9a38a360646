"""Recipes that are YAML files of prompts."""

import json
from dataclasses import dataclass

import pytest

from dataengine.errors import UserError
from personas import Document, Draft, Generated, Persona, Prompt, Reject
from personas.written import written

PAGE = {
    "ask": "{persona}\nWrite {mood} riddle about {topic}.",
    "draws": {"mood": ["a sad", "a merry"], "topic": ["bread", "rain", "tools"]},
    "answer_system": "Answer in one word.",
    "keep": "judge",
    "criterion": "Is the riddle solved?",
}
PILOT = Persona("p", "A pilot who {mood} knows the harbour.")


@dataclass
class Reply:
    text: str
    tool_calls: tuple = ()


def test_a_page_asks_reads_and_makes_a_row():
    recipe = written("riddles.yaml", PAGE, "en")
    draft = recipe.start(PILOT, 7)
    told = recipe.next(draft).ask.messages[1]["content"]
    assert told == recipe.next(recipe.start(PILOT, 7)).ask.messages[1]["content"]
    assert "A pilot who {mood} knows" in told  # a persona's braces are text
    assert "Write a " in told and "{topic}" not in told
    seeds = {
        recipe.next(recipe.start(PILOT, seed)).ask.messages[1]["content"] for seed in range(40)
    }
    assert len(seeds) == 6
    prompt = recipe.read(draft, Reply(json.dumps({"message": "What rises without yeast?"})))
    assert isinstance(prompt, Prompt)
    assert recipe.answer(prompt).messages[0]["content"] == "Answer in one word."
    row = recipe.read_answer(prompt, Reply("The sun."))
    assert isinstance(row, Generated) and (row.skill, row.verifier) == ("chat", None)
    assert (recipe.name, recipe.keep, recipe.criterion) == (
        "riddles.yaml", "judge", "Is the riddle solved?",
    )  # fmt: skip
    assert isinstance(recipe.read(draft, Reply("no JSON")), Reject)


def test_a_majority_of_a_page_has_the_verifiers_own_label():
    page = {"ask": "Write a sum.", "keep": "majority", "verifier": "gsm8k"}
    recipe = written("sums.yaml", page)
    assert not recipe.needs_persona
    prompt = recipe.read(recipe.start(None, 1), Reply('{"message": "What is 3 and 4?"}'))
    assert recipe.read_answer(prompt, Reply("The answer is 3 + 4 = 7.")).ground_truth == "7"
    assert recipe.read_answer(prompt, Reply("I cannot say.")).reason == "no_final_answer"


def test_a_document_stands_between_marks():
    recipe = written("read.yaml", {"ask": "{document}\nAsk about it."})
    draft = recipe.start(None, 1, Document("d", "The harbour froze."))
    assert isinstance(draft, Draft) and recipe.needs_document
    assert "[begin document" in recipe.next(draft).ask.messages[1]["content"]


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ({}, "ask: Field required"),
        ({"ask": "{mood}"}, "{mood} is in no `draws`"),
        ({"ask": "a", "draws": {"mood": ["x"]}}, "mood does not stand in `ask`"),
        ({"ask": "{mood}", "draws": {"mood": []}}, "nothing to draw from"),
        ({"ask": "{persona}", "draws": {"persona": ["x"]}}, "is not drawn"),
        ({"ask": "a", "keep": "majority"}, "needs a `verifier`"),
        ({"ask": "a", "asks": "b"}, "asks: no such key; there are: ask, draws"),
        ({"ask": "a", "keep": "verified"}, "keep: "),
    ],
)
def test_what_is_wrong_with_a_page_is_said(page, said):
    with pytest.raises(UserError, match=r"recipe r\.yaml: ") as error:
        written("r.yaml", page)
    assert said in str(error.value)
