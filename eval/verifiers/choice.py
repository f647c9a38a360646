"""Multiple choice: the letter of the right option, or its text.

A ground truth is a letter ("B"), or a JSON object {"label": "B", "choices": ["...", "..."]} where
an answer may also give the text of an option. Where the choice is looked for, first found wins: the
last box, an answer that is an option or a letter and nothing else, the last "the answer is (B)" or
"the answer is Lisbon" (in the languages of phrases.py), an answer that begins with "B." or "(B)",
the last "option B", and one bracketed letter that is the only one in the text. What explains the
answer afterwards ("Choice A: too short") does not overrule it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from eval.verifiers import phrases
from eval.verifiers.exact import normalise
from eval.verifiers.latex import last_boxed, unwrapped
from eval.verifiers.verdict import MalformedGroundTruth, Verdict

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MARKS = "(\\[*_`\"'$"
# "The answer is A good dog" names no option: A and I are words, but before a reason.
_SAID = re.compile(
    rf"[\s:{_MARKS}]*(?i:(?:option|choice|letter)\s+)?[\s{_MARKS}]*"
    r"(?:(?P<closed>[A-Za-z])(?:[)\]*_`\"'$.:,;]|$|\n)"
    r"|(?P<bare>[B-HJ-Z]|[AI](?=\s+(?:because|since|as|due|for\s+the\s+reason)\b))(?!\w|['’]))"
)
_CORRECT = re.compile(
    rf"(?i:\b(?:option|choice|letter|answer)\s+)?(?<!\w)[{_MARKS}]*([A-Z])(?!\w)[)\]*_`]*"
    r"\s+(?i:is\s+(?:the\s+)?(?:correct|right|best)\b(?!\s+(?:to|about|that)))"
    rf"|(?i:\b(?:(?:choose|pick|select|go\s+with)|(?:correct|right|best)\s+(?:option|choice|letter)"
    rf"\s+is)\s+(?:option\s+|choice\s+)?)[{_MARKS}]*([A-Z])(?!\w)"
)
_MENTIONED = re.compile(
    rf"(?i:\b(?:answer|choice|option)\s+)[{_MARKS}]*([A-Z])(?:[)\]*_`\"'$.:,]|$|\n|(?!\w|\s+[a-z]))"
)
_LEADING = re.compile(
    r"^[\s(\[*]*(?:(?P<letter>[A-Z])(?:[)\].:*]+(?:\s|$)|\s+[-–—]\s)|(?P<small>[a-z])[.)]\s+\S)"
)
_BRACKETED = re.compile(r"\(([A-Z])\)")
_ALONE = re.compile(r"^[\s(\[*$]*\(?([A-Za-z])\)?[\s)\].:*$]*$")


class Options(BaseModel):
    """The right option's letter, and the texts of all options where they are known."""

    model_config = ConfigDict(extra="forbid")

    label: str
    choices: list[str] = []

    def text(self, label: str) -> str | None:
        at = _LETTERS.find(label)
        return self.choices[at].strip() if 0 <= at < len(self.choices) else None


def _options(ground_truth: str) -> Options:
    text = ground_truth.strip()
    try:
        options = Options.model_validate_json(text) if text.startswith("{") else Options(label=text)
    except ValidationError as error:
        raise MalformedGroundTruth(
            f"a choice is a letter or {{label, choices}}: {error}"
        ) from error
    label = options.label.strip("()[]. ").upper()
    if len(label) != 1 or label not in _LETTERS[: len(options.choices) or None]:
        raise MalformedGroundTruth(f"{ground_truth[:80]!r} names no option by its letter")
    return Options(label=label, choices=options.choices)


def chosen(answer: str, choices: list[str]) -> str | None:
    """The letter of the option that `answer` chooses, or None."""
    boxed = last_boxed(answer)
    whole = unwrapped(answer if boxed is None else boxed)
    if (letter := _letter(whole)) and letter.isupper():
        return letter
    if (option := _option(whole, choices)) is not None:
        return _LETTERS[option]
    if letter:
        return letter.upper()
    if boxed is not None:
        return _leading(whole) or _said(whole, choices)
    return _announced(answer, choices) or _leading(answer) or _mentioned(answer)


def _announced(answer: str, choices: list[str]) -> str | None:
    """What the last announcement of an answer says, wherever in the text it stands."""
    correct = list(_CORRECT.finditer(answer))
    announced = list(phrases.COMPILED.finditer(answer))
    for phrase in reversed(announced):
        if label := _said(answer[phrase.end() :], choices):
            if correct and correct[-1].start() > phrase.start():
                break
            return label
    return (correct[-1][1] or correct[-1][2]) if correct else None


def _said(text: str, choices: list[str]) -> str | None:
    """The option that a text begins with: its letter, or its text in full."""
    if letter := _SAID.match(text):
        return (letter["closed"] or letter["bare"]).upper()
    bare = normalise(text.lstrip(f" \t\n:{_MARKS}\\"))
    begun = [
        (len(option), at)
        for at, choice in enumerate(choices)
        if (option := normalise(choice))
        and bare.startswith(option)
        and not bare[len(option) : len(option) + 1].isalnum()
    ]
    longest = [at for length, at in begun if length == max(begun)[0]]
    return _LETTERS[longest[0]] if len(longest) == 1 else None


def _leading(text: str) -> str | None:
    leading = _LEADING.match(text)
    return (leading["letter"] or leading["small"].upper()) if leading else None


def _mentioned(answer: str) -> str | None:
    if mentioned := _MENTIONED.findall(answer):
        return str(mentioned[-1])
    bracketed = set(_BRACKETED.findall(answer))
    return bracketed.pop() if len(bracketed) == 1 else None


def _letter(text: str) -> str | None:
    alone = _ALONE.match(text)
    return alone[1] if alone else None


def _option(text: str, choices: list[str]) -> int | None:
    """Where `text` stands among the options: as it is, else as the only one when normalised."""
    exactly = [at for at, choice in enumerate(choices) if choice.strip() == text.strip()]
    nearly = [at for at, choice in enumerate(choices) if normalise(choice) == normalise(text)]
    return exactly[0] if exactly else nearly[0] if len(nearly) == 1 else None


def check(ground_truth: str) -> None:
    _options(ground_truth)


def verify(answer: str, ground_truth: str) -> Verdict:
    options = _options(ground_truth)
    label = chosen(answer, options.choices)
    if label is None:
        return Verdict.of(False, "no option is named")
    same_text = options.text(label) is not None and options.text(label) == options.text(
        options.label
    )
    return Verdict.of(label == options.label or same_text, f"{label} against {options.label}")


def agree(a: str, b: str) -> bool:
    first, second = chosen(a, []), chosen(b, [])
    if first is None and second is None:
        return normalise(a) == normalise(b)
    return first == second


def label(answer: str) -> str | None:
    return chosen(answer, [])


def ground_truth(item: dict[str, Any]) -> str:
    """From `choices` and `label`, or an `answer` that is a letter or the text of a choice."""
    choices = [str(choice) for choice in item["choices"]]
    label = item.get("label")
    if label is None:  # a label is a letter, even where an option's text is that letter too
        answer = str(item["answer"])
        label = _LETTERS[choices.index(answer)] if answer in choices else answer
    return json.dumps({"label": label, "choices": choices}, ensure_ascii=False)


def gold(item: dict[str, Any]) -> str:
    return f"The answer is ({_options(ground_truth(item)).label})."


def wrong(item: dict[str, Any], other: dict[str, Any] | None) -> Iterator[str]:
    """The next option, by its letter and by its text; where there is no other, a letter beyond."""
    options = _options(ground_truth(item))
    for step in range(1, len(options.choices)):
        label = _LETTERS[(_LETTERS.index(options.label) + step) % len(options.choices)]
        if options.text(label) != options.text(options.label):
            yield f"The answer is ({label})."
            text = options.choices[_LETTERS.index(label)]
            if chosen(text, options.choices) == label:  # an option "C" under D reads as the letter
                yield text
            return
    yield f"The answer is ({_LETTERS[len(options.choices)]})."
