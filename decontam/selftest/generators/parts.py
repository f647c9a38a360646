"""Leak generators that take a part of an item, and what only looks like one."""

import random
from typing import Any

from decontam.selftest.generators.text import (
    CODE,
    EDITABLE,
    SENTENCE,
    Filler,
    Item,
    Planter,
    split_words,
)


def beginning(share: float) -> Planter:
    """The first words of a question, `share` of them."""

    def make(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
        pieces, words = split_words(str(item["prompt"]))
        if len(words) < 2 * EDITABLE or item.get("passage"):
            return None
        return ["".join(pieces[: words[round(share * len(words)) - 1] + 1])]

    return make


def solution(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """The answer in the assistant's turn, to another question."""
    answer = str(item.get("answer") or "")
    if item.get("choices") or len(split_words(answer)[1]) < 40:
        return None
    return [filler.turn(rng), answer]


def passage_alone(text: str, item: Item, *_: Any) -> list[str] | None:
    """The passage without its question."""
    return [f"Summarise this text.\n\n{item['passage']}"] if item.get("passage") else None


def question_alone(text: str, item: Item, *_: Any) -> list[str] | None:
    """The question without its passage."""
    return [str(item["prompt"])] if item.get("passage") else None


def passage_and_other(
    text: str, item: Item, rng: random.Random, filler: Filler
) -> list[str] | None:
    """The passage with another task."""
    if not item.get("passage"):
        return None
    return [f"{item['passage']}\n\nWhat would be a good title for this text, and why?"]


def eight_words(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """Eight words of the item in other text."""
    pieces, words = split_words(str(item["prompt"]))
    if len(words) < 24:
        return None
    first = rng.randrange(len(words) - 8)
    eight = "".join(pieces[words[first] : words[first + 7] + 1])
    return [f"{eight}. {filler.turn(rng)}"]


def one_sentence(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """A sentence of four or more, none of them the question itself, in another text."""
    sentences = SENTENCE.split(str(item["prompt"]))
    if len(sentences) < 4 or CODE.search(text):
        return None
    sentence = rng.choice(sentences[:-1])
    return (
        [f"{filler.turn(rng)} {sentence} {filler.turn(rng)}"]
        if 3 * len(sentence) < len(text)
        else None
    )


def other_subject(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """The first half of a question about something else."""
    pieces, words = split_words(str(item["prompt"]))
    if not 6 <= len(words) <= 14:
        return None
    subject = " ".join(filler.turn(rng).split()[:3])
    return [f"{''.join(pieces[: words[len(words) // 2]])} {subject}?"]


def in_passing(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """A conversation that names what the question is about: its last three words."""
    pieces, words = split_words(str(item["prompt"]))
    if len(words) < 6:
        return None
    subject = "".join(pieces[words[-3] : words[-1] + 1])
    return [f"I read something about {subject} yesterday. {filler.turn(rng)}"]


def bare_answer(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """Another question, whose whole answer is the item's: a number, a letter, a word or two."""
    answer = str(item.get("answer") or "").strip()
    return [filler.turn(rng), answer] if 0 < len(answer.split()) <= 2 else None


def short_choices(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """Choices that say little, such as yes and no, under another question."""
    choices = [str(choice) for choice in item.get("choices") or []]
    if not choices or sum(len(split_words(choice)[1]) for choice in choices) > 2 * len(choices):
        return None
    return ["\n".join([filler.turn(rng), *(f"- {choice}" for choice in choices)])]
