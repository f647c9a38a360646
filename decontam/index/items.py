"""Eval items to protect: suites, and the parts of an item that are looked for in rows."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# The parts of an item, by number. A question with its drawing, where it has one, is only looked for
# word by word.
QUESTION, PASSAGE, CHOICES, ANSWER, DRAWN = range(5)
PARTS = ("question", "passage", "choices", "answer", "question")
# How many items of a suite make a wording the suite's rather than an item's.
SHARED = 5

DRAWING = re.compile(r"\[asy\].*?(?:\[/asy\]|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Suite:
    """Eval items to protect. `items` gives dicts with id, prompt, answer?, choices?, passage?."""

    name: str
    tier: str
    items: Callable[[], Iterable[Mapping[str, Any]]]
    policy: Any = None
    hash: str | None = None


def part_texts(item: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """An item's parts as texts; '' where it has none.

    A multiple-choice item's answer is one of its choices, so it is no part of its own. The source
    of a drawing says little about the question beside it and is left out of it.
    """
    choices = item.get("choices") or []
    answer = "" if choices else str(item.get("answer") or "")
    joined = "\n".join(map(str, choices))
    prompt = str(item.get("prompt") or "")
    question = DRAWING.sub(" ", prompt)
    question = question if question.strip() else prompt
    drawn = prompt if question != prompt else ""
    return question, str(item.get("passage") or ""), joined, answer, drawn
