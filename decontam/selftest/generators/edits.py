"""Leak generators that edit an item's words: other wording, other forms of numbers, other names."""

import random
import re
from typing import Any

from decontam.selftest.generators.text import (
    CJK,
    CODE,
    EDITABLE,
    SENTENCE,
    UNSPACED,
    Filler,
    Item,
    Planter,
    split_words,
)
from decontam.text.words import NUMERALS

# What an editor takes for a word: what stands between spaces, or one character of such a script.
EDITED = re.compile(rf"[{CJK}]|[^\s{CJK}]+|\s+")
IN_WORDS = {number: word for word, number in NUMERALS.items()}
IN_WORDS |= {
    tens + ones: f"{IN_WORDS[tens]}-{IN_WORDS[ones]}"
    for tens in range(20, 100, 10)
    for ones in range(1, 10)
}
OTHER_FORM = {str(number): word for number, word in IN_WORDS.items()}
OTHER_FORM |= {word: digits for digits, word in OTHER_FORM.items()}


def edited(share: float) -> Planter:
    """Words deleted, replaced and inserted, in equal parts, `share` of all."""

    def make(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
        pieces = EDITED.findall(text)
        if len(split_words(text)[1]) < EDITABLE:
            return None
        for place, piece in enumerate(pieces):
            if not piece.isspace() and rng.random() < share:
                other = filler.word(rng, piece)
                space = "" if UNSPACED.match(piece) else " "
                pieces[place] = rng.choice(["", other, f"{piece}{space}{other}"])
        return ["".join(pieces)]

    return make


def mistyped(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """Three letters in a hundred dropped, doubled or put the wrong way round."""
    if UNSPACED.search(text) or len(split_words(text)[1]) < EDITABLE:
        return None
    out = list(text)
    for i in range(len(out) - 1):
        if out[i].isalpha() and out[i + 1].isalpha() and rng.random() < 0.03:
            swapped = out[i + 1] + out[i]
            out[i], out[i + 1] = rng.choice([("", out[i + 1]), (out[i] * 2, out[i + 1]), swapped])
    return ["".join(out)]


def reordered(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """The sentences of a question in another order."""
    sentences = SENTENCE.split(text)
    if len(sentences) < 3 or item.get("passage") or CODE.search(text):
        return None
    rng.shuffle(sentences)
    return [" ".join(sentences)]


def numbers_in_words(text: str, *_: Any) -> list[str] | None:
    """Numbers under a hundred in English words, and the other way round."""

    def other(found: re.Match[str]) -> str:
        return OTHER_FORM.get(found.group().lower(), found.group())

    spelled = re.sub(r"\w+(?:[.,-]\w+)*", other, text)
    return None if spelled == text or UNSPACED.search(text) else [spelled]


def numbers_written(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """Thousands with their commas where they had none, and without where they had."""
    if not re.search(
        r"(?<![\d.,])[1-9]\d{0,2}(,\d{3})+(?!\d)|(?<![\d.,])[1-9]\d{3,}(?![\d.,])", text
    ):
        return None
    if "," in (re.search(r"\d[\d,]{3,}", text) or [""])[0]:
        return [re.sub(r"(?<=\d),(?=\d{3})", "", text)]
    return [re.sub(r"(?<![\d.,])[1-9]\d{3,14}(?![\d.,])", lambda m: f"{int(m[0]):,}", text)]


def renamed(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """A person's name replaced throughout: the problem, and its answer, are the same."""
    names = re.findall(r"(?<=[a-z,;] )([A-Z][a-z]{2,})(?: |'s)", text)
    name = max(dict.fromkeys(names), key=names.count, default=None)
    if name is None or text.count(name) < 2 or len(split_words(text)[1]) < 2 * EDITABLE:
        return None
    return [re.sub(rf"\b{name}\b", rng.choice(["Oluwaseun", "Brynhild", "Casimir"]), text)]


def code_renamed(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """The functions that the code defines, and their parameters, under other names."""
    names = re.findall(r"\bdef (\w+)", text)
    for parameters in re.findall(r"\bdef \w+\(([^)]*)\)", text):
        names += re.findall(r"(?:^|,)\s*(\w+)\s*(?=[:,=]|$)", parameters)
    if not names:
        return None
    others = ["solution", *rng.sample(["value", "data", "items", "given", "foo", "bar", "v"], 7)]
    new = dict(zip(dict.fromkeys(names), others, strict=False))
    return [re.sub(r"\b\w+\b", lambda m: new.get(m[0], m[0]), text)]


def other_numbers(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """The item with other numbers."""
    if item.get("passage") or len(re.findall(r"\d+", text)) < 2:
        return None
    return [re.sub(r"\d+", lambda m: str(int(m[0][:9]) + rng.randint(3, 89)), text)]
