"""Conflicts between constraints that cannot hold together: by type, argument or length.

`conflicts` errs on the side of finding one: two constraints that a good answer could only meet by
a trick (a JSON string with bullets in it) count as in conflict.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, Protocol


class Constraint(Protocol):
    """An instruction id with its arguments."""

    @property
    def id(self) -> str: ...

    @property
    def kwargs(self) -> dict[str, Any]: ...


_WORDS = "keywords:existence keywords:frequency keywords:forbidden_words keywords:letter_frequency"
_LENGTHS = (
    "length_constraints:number_sentences length_constraints:number_words "
    "length_constraints:number_paragraphs length_constraints:nth_paragraph_first_word"
)
_CASES = "change_case:capital_word_frequency change_case:english_capital"
_PARTS = (
    "detectable_content:number_placeholders detectable_content:postscript "
    "detectable_format:number_bullet_lists detectable_format:number_highlighted_sections "
    "detectable_format:multiple_sections detectable_format:title"
)
_REST = (
    "language:response_language detectable_format:constrained_response "
    "detectable_format:json_format combination:two_responses combination:repeat_prompt "
    "startend:end_checker startend:quotation change_case:english_lowercase punctuation:no_comma"
)
_ALL = frozenset(f"{_WORDS} {_LENGTHS} {_CASES} {_PARTS} {_REST}".split())


def _but(*allowed: str) -> frozenset[str]:
    return _ALL - frozenset(" ".join(allowed).split())


_ONE_SIDED: dict[str, frozenset[str]] = {
    "detectable_format:constrained_response": _ALL,
    "detectable_format:json_format": _but(_WORDS, "length_constraints:number_words"),
    "combination:two_responses": _but(
        "keywords:existence keywords:forbidden_words language:response_language",
        "detectable_format:title punctuation:no_comma startend:end_checker",
        "change_case:english_capital change_case:english_lowercase",
    ),
    "combination:repeat_prompt": _but(
        "keywords:existence startend:end_checker detectable_format:title",
        "detectable_content:number_placeholders detectable_content:postscript",
        "detectable_format:number_highlighted_sections",
    ),
    "language:response_language": _but(
        "length_constraints:number_paragraphs detectable_content:number_placeholders",
        "detectable_format:number_bullet_lists detectable_format:number_highlighted_sections",
        "detectable_format:title startend:quotation punctuation:no_comma combination:two_responses",
    ),
    "change_case:english_capital": frozenset(
        (*_CASES.split(), "change_case:english_lowercase", "detectable_format:multiple_sections")
    ),
    "change_case:english_lowercase": frozenset(
        (*_CASES.split(), "detectable_format:multiple_sections")
    ),
    "length_constraints:number_paragraphs": frozenset(
        ("length_constraints:nth_paragraph_first_word",)
    ),
    "length_constraints:nth_paragraph_first_word": frozenset(_PARTS.split()),
    "startend:end_checker": frozenset(("detectable_content:postscript",)),
    "startend:quotation": frozenset(("detectable_format:title",)),
}

CONFLICTS: dict[str, frozenset[str]] = {
    id: frozenset(
        {id}
        | _ONE_SIDED.get(id, frozenset())
        | {other for other, those in _ONE_SIDED.items() if id in those}
    )
    for id in sorted(_ALL)
}
"""Per instruction type, the types that it cannot stand beside; symmetric, itself included."""


def conflicts(constraints: Sequence[Constraint]) -> list[str]:
    """Every reason, in words, why one answer cannot meet all constraints; empty where it can."""
    by_type = [
        f"{a.id} and {b.id} cannot hold together"
        for a, b in combinations(constraints, 2)
        if b.id in CONFLICTS.get(a.id, frozenset())
    ]
    return by_type + list(_by_argument(constraints)) + list(_by_length(constraints))


def _by_argument(constraints: Sequence[Constraint]) -> Iterator[str]:
    """What one constraint demands in letters, another forbids."""
    demanded = [phrase.lower() for c in constraints for phrase in _demanded(c)]
    for c in constraints:
        if c.id == "keywords:forbidden_words":
            for word in c.kwargs["forbidden_words"]:
                if any(word.lower() in phrase for phrase in demanded):
                    yield f'the forbidden word "{word}" is demanded by another constraint'
        if c.id == "punctuation:no_comma" and any("," in phrase for phrase in demanded):
            yield "a demanded phrase has a comma, and commas are forbidden"
        if c.id == "keywords:letter_frequency" and c.kwargs["let_relation"] == "less than":
            letter = c.kwargs["letter"]
            if sum(phrase.count(letter) for phrase in demanded) >= c.kwargs["let_frequency"]:
                yield f'demanded phrases already have too many of the letter "{letter}"'
        if c.id == "keywords:frequency" and c.kwargs["relation"] == "less than":
            keyword = c.kwargs["keyword"].lower()
            if sum(keyword in phrase for phrase in demanded) >= c.kwargs["frequency"]:
                yield f'"{keyword}" is demanded as often as it may not appear'
        limit = c.kwargs.get("capital_frequency", 0)
        if "less than" in c.kwargs.values() and limit and sum(map(_capitals, constraints)) >= limit:
            yield "headings and postscripts already have too many words in capitals"


def _demanded(c: Constraint) -> list[str]:
    """The words and phrases that an answer to this constraint must have."""
    if c.id == "keywords:existence":
        return list(c.kwargs["keywords"])
    if c.id == "keywords:frequency" and c.kwargs["relation"] == "at least":
        return [c.kwargs["keyword"]] * c.kwargs["frequency"]
    if c.id == "startend:end_checker":
        return [c.kwargs["end_phrase"]]
    if c.id == "length_constraints:nth_paragraph_first_word":
        return [c.kwargs["first_word"]]
    return []


def _capitals(c: Constraint) -> int:
    """Words in capitals that an answer to this constraint must have."""
    if c.id == "detectable_format:multiple_sections" and c.kwargs["section_spliter"].isupper():
        return int(c.kwargs["num_sections"])
    return int(c.id == "detectable_content:postscript")


_WORDS_NEEDED = {
    "length_constraints:number_sentences": ("num_sentences", 4),
    "length_constraints:number_paragraphs": ("num_paragraphs", 6),
    "length_constraints:nth_paragraph_first_word": ("num_paragraphs", 6),
    "detectable_content:number_placeholders": ("num_placeholders", 2),
    "detectable_format:number_bullet_lists": ("num_bullets", 6),
    "detectable_format:number_highlighted_sections": ("num_highlights", 2),
    "detectable_format:multiple_sections": ("num_sections", 10),
    "change_case:capital_word_frequency": ("capital_frequency", 1),
    "keywords:letter_frequency": ("let_frequency", 4),
}
"""Per type, the argument that makes an answer longer, and the words that each unit of it takes."""
_WORDS_PER_SENTENCE = 25


def _by_length(constraints: Sequence[Constraint]) -> Iterator[str]:
    """Whether what must be there fits under the words and sentences that may be there."""
    bounded = {c.id: c.kwargs for c in constraints}
    words = bounded.get("length_constraints:number_words", {})
    sentences = bounded.get("length_constraints:number_sentences", {})
    if words.get("relation") == "less than":
        needed = sum(_words_needed(c) for c in constraints)
        if needed >= words["num_words"]:
            yield f"the other constraints take about {needed} words, too many"
    if sentences.get("relation") == "less than":
        room = (sentences["num_sentences"] - 1) * _WORDS_PER_SENTENCE
        if words.get("relation") == "at least" and words["num_words"] > room:
            yield f"{words['num_words']} words do not fit into so few sentences"
        parts = max((_parts(c) for c in constraints), default=0)
        if parts >= sentences["num_sentences"]:
            yield f"{parts} parts do not fit into so few sentences"


def _words_needed(c: Constraint) -> int:
    if "less than" in c.kwargs.values():
        return 0
    argument, each = _WORDS_NEEDED.get(c.id, ("", 0))
    return each * int(c.kwargs.get(argument, 0)) + len(" ".join(_demanded(c)).split())


def _parts(c: Constraint) -> int:
    """Parts of an answer that each want a sentence of their own."""
    names = ("num_paragraphs", "num_sections", "num_bullets")
    return max(int(c.kwargs.get(name, 0)) for name in names)
