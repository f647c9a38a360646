"""Verifiable constraints to train on: drawn with arguments and wording, checked for conflicts.

A constraint is an IFEval instruction id, its arguments and a sentence that asks for it. Its id and
arguments travel with the row, so that the row can be verified for ever (`ifeval.verify`).

Instruction ids that a held-out suite tests are firewalled by name: `draw` never yields them, and
`constraint` refuses them.
"""

import json
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eval.verifiers.instructions import INSTRUCTIONS
from eval.verifiers.instructions.conflicts import conflicts
from eval.verifiers.instructions.lexicon import KEYWORDS

HELD_OUT: dict[str, frozenset[str]] = {
    "ifbench": frozenset(id for id, known in INSTRUCTIONS.items() if known.suite == "ifbench")
}
"""Per held-out suite, the instruction ids that no training row may be made from."""

_RELATIONS = ("at least", "less than")
_ENDINGS = (
    "That is all there is to say.",
    "Let me know how it goes.",
    "Is there anything else you would like to know?",
    "And so the day ends.",
    "Thank you for reading.",
    "The rest is up to you.",
)
_FIRST_WORDS = ("today", "often", "perhaps", "meanwhile", "people", "nothing", "every", "later")
_LANGUAGES = {
    "ar": "Arabic",
    "bn": "Bengali",
    "de": "German",
    "es": "Spanish",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "hi": "Hindi",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "ta": "Tamil",
    "th": "Thai",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
}


@dataclass(frozen=True)
class Constraint:
    """One instruction with its arguments, and the sentence that asks for it."""

    id: str
    kwargs: dict[str, Any]
    text: str

    def bound(self, request: str) -> "Constraint":
        """With the request that the answer is to repeat, where this constraint asks for that."""
        if self.id != "combination:repeat_prompt":
            return self
        return replace(self, kwargs={"prompt_to_repeat": request})


def ground_truth(constraints: Sequence[Constraint]) -> str:
    """The published JSON form, as `ifeval.verify` reads it."""
    return json.dumps(
        {
            "instruction_id_list": [constraint.id for constraint in constraints],
            "kwargs": [constraint.kwargs for constraint in constraints],
        },
        ensure_ascii=False,
    )


def firewalled(id: str, suites: Collection[str] = tuple(HELD_OUT)) -> str | None:
    """The held-out suite among `suites` that tests this instruction id, or None."""
    return next((suite for suite in suites if id in HELD_OUT[suite]), None)


def constraint(id: str, rng: random.Random) -> Constraint:
    """One constraint of a type, its arguments and wording drawn from `rng`.

    Raises ValueError for an id that is firewalled, or that nothing here draws.
    """
    if suite := firewalled(id):
        raise ValueError(f"{id} is tested by the held-out suite {suite}: nothing may train on it")
    if id not in _DRAWS:
        raise ValueError(f"no way to draw {id!r}; there are: {', '.join(_DRAWS)}")
    kwargs, wordings = _DRAWS[id](rng)
    return Constraint(id, kwargs, rng.choice(wordings))


def draw(rng: random.Random, count: int, among: Collection[str] | None = None) -> list[Constraint]:
    """Up to `count` constraints that can hold together, of different types.

    Fewer come back where no further type fits with those drawn before. `among` narrows the types.
    """
    types = [id for id in _DRAWS if among is None or id in among]
    rng.shuffle(types)
    drawn: list[Constraint] = []
    for id in types:
        if len(drawn) == count:
            break
        further = constraint(id, rng)
        if not conflicts([*drawn, further]):
            drawn.append(further)
    return drawn


_Draw = Callable[[random.Random], tuple[dict[str, Any], list[str]]]
_DRAWS: dict[str, _Draw] = {}


def _draws(id: str) -> Callable[[_Draw], _Draw]:
    def register(function: _Draw) -> _Draw:
        _DRAWS[id] = function
        return function

    return register


def _listed(items: Sequence[str]) -> str:
    quoted = [f'"{item}"' for item in items]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


@_draws("keywords:existence")
def _keywords_exist(rng: random.Random) -> Any:
    keywords = rng.sample(KEYWORDS, rng.randint(1, 3))
    return {"keywords": keywords}, [
        f"Use the keywords {_listed(keywords)} somewhere in the text.",
        f"Your answer has to mention {_listed(keywords)}.",
        f"Work {_listed(keywords)} into the answer.",
    ]


@_draws("keywords:frequency")
def _keyword_frequency(rng: random.Random) -> Any:
    keyword, relation = rng.choice(KEYWORDS), rng.choice(_RELATIONS)
    frequency = rng.randint(2, 4)
    return {"keyword": keyword, "relation": relation, "frequency": frequency}, [
        f'The word "{keyword}" should appear {relation} {frequency} times.',
        f'Use the word "{keyword}" {relation} {frequency} times in your answer.',
    ]


@_draws("keywords:forbidden_words")
def _forbidden_words(rng: random.Random) -> Any:
    forbidden = rng.sample(KEYWORDS, rng.randint(1, 3))
    return {"forbidden_words": forbidden}, [
        f"Do not use the word(s) {_listed(forbidden)}.",
        f"Avoid {_listed(forbidden)} anywhere in the answer.",
    ]


@_draws("keywords:letter_frequency")
def _letter_frequency(rng: random.Random) -> Any:
    relation = rng.choice(_RELATIONS)
    letter = rng.choice("aeinorst" if relation == "at least" else "jqxz")
    count = rng.randint(8, 40) if relation == "at least" else rng.randint(3, 6)
    kwargs = {"letter": letter, "let_relation": relation, "let_frequency": count}
    return kwargs, [
        f'The letter "{letter}" should appear {relation} {count} times.',
        f'Make sure that the letter "{letter}" occurs {relation} {count} times in your answer.',
    ]


@_draws("language:response_language")
def _response_language(rng: random.Random) -> Any:
    code = rng.choice(sorted(_LANGUAGES))
    return {"language": code}, [
        f"Answer entirely in {_LANGUAGES[code]}, no other language is allowed.",
        f"Write your whole response in {_LANGUAGES[code]}.",
    ]


@_draws("length_constraints:number_sentences")
def _number_sentences(rng: random.Random) -> Any:
    relation, count = rng.choice(_RELATIONS), rng.randint(4, 15)
    return {"relation": relation, "num_sentences": count}, [
        f"Your answer should have {relation} {count} sentences.",
        f"Write {relation} {count} sentences.",
    ]


@_draws("length_constraints:number_words")
def _number_words(rng: random.Random) -> Any:
    relation = rng.choice(_RELATIONS)
    count = 10 * (rng.randint(5, 40) if relation == "at least" else rng.randint(6, 30))
    return {"relation": relation, "num_words": count}, [
        f"Answer with {relation} {count} words.",
        f"Use {relation} {count} words.",
    ]


@_draws("length_constraints:number_paragraphs")
def _number_paragraphs(rng: random.Random) -> Any:
    count = rng.randint(2, 6)
    return {"num_paragraphs": count}, [
        f"There should be {count} paragraphs, separated by the markdown divider: ***",
        f"Write {count} paragraphs and put the markdown divider *** between them.",
    ]


@_draws("length_constraints:nth_paragraph_first_word")
def _nth_paragraph_first_word(rng: random.Random) -> Any:
    count = rng.randint(2, 5)
    nth, word = rng.randint(1, count), rng.choice(_FIRST_WORDS)
    kwargs = {"num_paragraphs": count, "nth_paragraph": nth, "first_word": word}
    return kwargs, [
        f"There should be {count} paragraphs, separated from each other by two line breaks and "
        f'nothing else. Paragraph {nth} must start with the word "{word}".',
        f"Write {count} paragraphs with exactly two line breaks between one and the next, and "
        f'start paragraph {nth} with the word "{word}".',
    ]


@_draws("detectable_content:number_placeholders")
def _number_placeholders(rng: random.Random) -> Any:
    count = rng.randint(2, 6)
    return {"num_placeholders": count}, [
        f"Leave at least {count} placeholders in square brackets, such as [address].",
        f"The answer must contain at least {count} placeholders represented by square brackets, "
        "for instance [name].",
    ]


@_draws("detectable_content:postscript")
def _postscript(rng: random.Random) -> Any:
    marker = rng.choice(("P.S.", "P.P.S"))
    return {"postscript_marker": marker}, [
        f"At the end, add a postscript that starts with {marker}",
        f"Close with a postscript beginning with {marker}",
    ]


@_draws("detectable_format:number_bullet_lists")
def _number_bullet_lists(rng: random.Random) -> Any:
    count = rng.randint(2, 8)
    return {"num_bullets": count}, [
        f"Your answer must contain exactly {count} bullet points in markdown, such as: * A point.",
        f"Include exactly {count} markdown bullets, each a line that starts with *",
    ]


@_draws("detectable_format:constrained_response")
def _constrained_response(rng: random.Random) -> Any:
    return {}, [
        "Answer with one of these sentences: My answer is yes. / My answer is no. / "
        "My answer is maybe.",
        'Choose your answer from "My answer is yes.", "My answer is no." and '
        '"My answer is maybe.", word for word.',
    ]


@_draws("detectable_format:number_highlighted_sections")
def _number_highlighted_sections(rng: random.Random) -> Any:
    count = rng.randint(2, 6)
    return {"num_highlights": count}, [
        f"Highlight at least {count} passages with markdown, such as *highlighted passage*.",
        f"Set at least {count} parts of the answer in markdown emphasis, like *this one*.",
    ]


@_draws("detectable_format:multiple_sections")
def _multiple_sections(rng: random.Random) -> Any:
    name, count = rng.choice(("SECTION", "PART", "Section", "Chapter")), rng.randint(2, 5)
    return {"section_spliter": name, "num_sections": count}, [
        f"Divide your answer into {count} sections and mark the beginning of each with {name} and "
        f"its number, such as: {name} 1",
        f"The answer must have {count} sections, headed {name} 1, {name} 2 and so on.",
    ]


@_draws("detectable_format:json_format")
def _json_format(rng: random.Random) -> Any:
    return {}, [
        "The entire output should be wrapped in JSON format.",
        "Give the whole answer as valid JSON and nothing besides.",
    ]


@_draws("detectable_format:title")
def _title(rng: random.Random) -> Any:
    return {}, [
        "Give it a title wrapped in double angular brackets, such as <<a title>>.",
        "The answer must contain a title in double angular brackets, i.e. <<title>>.",
    ]


@_draws("combination:two_responses")
def _two_responses(rng: random.Random) -> Any:
    return {}, [
        "Give two different responses, separated from each other by 6 asterisks: ******",
        "Write two different answers with exactly six asterisks (******) between them, and "
        "nowhere else.",
    ]


@_draws("combination:repeat_prompt")
def _repeat_prompt(rng: random.Random) -> Any:
    return {}, [
        "First repeat the request above word for word, without any change and with nothing before "
        "it, then give your answer. What you repeat does not include this sentence.",
        "Before you answer, repeat the request above exactly as it is, saying nothing before it; "
        "leave this sentence out when you repeat.",
    ]


@_draws("startend:end_checker")
def _end_checker(rng: random.Random) -> Any:
    phrase = rng.choice(_ENDINGS)
    return {"end_phrase": phrase}, [
        f'Finish your response with this exact phrase: "{phrase}" No words should follow it.',
        f'The very last words of the answer must be: "{phrase}"',
    ]


@_draws("startend:quotation")
def _quotation(rng: random.Random) -> Any:
    return {}, [
        "Wrap your entire response with double quotation marks.",
        "Put the whole answer inside double quotation marks.",
    ]


@_draws("change_case:capital_word_frequency")
def _capital_word_frequency(rng: random.Random) -> Any:
    relation, count = rng.choice(_RELATIONS), rng.randint(3, 10)
    return {"capital_relation": relation, "capital_frequency": count}, [
        f"Words in all capital letters should appear {relation} {count} times.",
        f"Write {relation} {count} words in all capital letters.",
    ]


@_draws("change_case:english_capital")
def _english_capital(rng: random.Random) -> Any:
    return {}, [
        "Your entire response should be in English and in all capital letters.",
        "Answer in English, in capital letters only.",
    ]


@_draws("change_case:english_lowercase")
def _english_lowercase(rng: random.Random) -> Any:
    return {}, [
        "Your entire response should be in English and in all lowercase letters; no capital "
        "letters are allowed.",
        "Answer in English, in lowercase letters only.",
    ]


@_draws("punctuation:no_comma")
def _no_comma(rng: random.Random) -> Any:
    return {}, [
        "Do not use any commas.",
        "Your whole response must be free of commas.",
    ]


TRAINABLE = tuple(sorted(_DRAWS))
"""The instruction ids that can be drawn."""

LANGUAGE_NEUTRAL = frozenset(
    (
        "combination:repeat_prompt",
        "combination:two_responses",
        "detectable_content:number_placeholders",
        "detectable_content:postscript",
        "detectable_format:json_format",
        "detectable_format:multiple_sections",
        "detectable_format:number_bullet_lists",
        "detectable_format:number_highlighted_sections",
        "detectable_format:title",
        "length_constraints:number_paragraphs",
        "length_constraints:number_sentences",
        "length_constraints:number_words",
        "punctuation:no_comma",
        "startend:quotation",
    )
)
"""Types whose arguments are not English words, for prompts in other languages. In scripts without
spaces between words, leave out the two that count words and sentences."""
