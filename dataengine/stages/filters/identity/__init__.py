"""Claims to be another provider's model: "I am ChatGPT", "as an AI trained by Google".

A claim is a sentence of the assistant's own, not one that it quotes, in which the first person is
joined to a model or a maker. A comparison, a fact about a model, a product that somebody made is
none. Names that only models have (ChatGPT, Claude 3.5) count in every such sentence; names that
people, stars and animals have too (Claude, Gemini, Kimi) only where the speaker is called an AI
beside it, or was asked who it is. The phrases stand in `english` and `tongues`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import ClassVar

import polars as pl
from pydantic import field_validator

from dataengine.literals import FEW_TEXTS, matches
from dataengine.row import Message
from dataengine.stages.filters import Finding, TurnFilter
from dataengine.stages.filters.identity.english import (
    ANSWER,
    MAKER_ANSWER,
    MAKER_CLAIMS,
    NAME_CLAIMS,
    PERSON_THERE,
    SPEAKS,
)
from dataengine.stages.filters.identity.names import (
    END,
    MAKERS,
    MODELS,
    NAMES,
    OWNED,
    QUOTE,
    compiled,
)
from dataengine.stages.filters.identity.tongues import TONGUES

MODEL, MAKER = "claims to be another model", "claims another maker"
NAMED = rf"(?i:{MODELS}|{MAKERS})|(?:{NAMES})(?:[^A-Za-z0-9_]|$)"
"""What every claim holds, in the syntax of Rust's regex as well: a necessary condition."""
SENTENCE_END = re.compile(r"[.!?]+(?=[\s\"'”’)\]*_]|$)|[。！？\n]+")
"""Not the points of `GPT-3.5` and `01.AI`."""
QUOTES = (
    ("“", "”"),
    ("„", "“"),
    ("«", "»"),
    ("「", "」"),
    ("『", "』"),
    ("```", "```"),
    ('"', '"'),
)
SINGLE = re.compile(r"(?:^|[\s=(\[,:])'[^'\n]*$")
"""A single quotation mark that opens; an apostrophe stands after a letter."""
PLAY = re.compile(
    r"\b(?:role-?play|pretend|act as|imagine you|play the (?:role|part)|in the (?:voice|style) of|"
    r"you are (?!an? (?:AI|helpful|chat|assistant|language)|the assistant|ChatGPT|GPT)\w+)",
    re.IGNORECASE,
)
ASKED_WHO = re.compile(
    r"\bwho(?:['’]s| exactly)? (?:are|r|is) (?:you|u)\b|\bwho (?:you|u) are\b|\byour name\b|introduce yourself|what (?:should|can|may|do) I call you|"
    r"\bwhat (?:exactly )?are you\W*$|"
    r"\b(?:which|what) (?:AI |language )?(?:model|LLM|chatbot|assistant|AI) (?:are|is|am)\b|"
    r"\bare you (?:an? )?(?:AI|chatgpt|claude|gemini|bard|gpt|llama|grok)|\bwer bist du|\bwer sind sie|"
    r"\bqui (?:es-tu|êtes-vous)|\bquién eres|\bchi sei|\bquem é você|\bwie ben je|\bvem är du|\bkuka olet|"
    r"\bhvem er du|\bkim jesteś|\bкто ты|\bты кто|\bsen kimsin|من أنت|(?:तुम|आप) कौन|你(?:是谁|是誰|叫什么|叫什麼)|"
    r"あなたは(?:誰|だれ)|누구(?:세요|니|야)|\bbạn là ai|\b(?:siapa kamu|kamu siapa)",
    re.IGNORECASE,
)
ASKED_MAKER = re.compile(
    r"\bwho (?:has |have )?(?:made|created|built|developed|trained|designed|programmed) (?:you|u)\b|"
    r"\bwho (?:is|are) your (?:creators?|makers?|developers?)\b|谁(?:开发|创造|训练)了?你|誰があなたを作",
    re.IGNORECASE,
)

SUPPOSED = re.compile(
    r"\b(?:if|whether|as though|nobody|no one|(?:he|she|they|you|people|everyone|users?|some) (?:\w+ )?"
    r"(?:thinks?|thought|believes?|says?|said|claims?|asks?|asked|assumes?|assumed))\b.{0,20}$",
    re.IGNORECASE,
)
"""Before a claim that others only suppose."""


@dataclass(frozen=True)
class Claims:
    """The claims of one language; a sentence without `person` is none."""

    person: re.Pattern[str]
    names: tuple[str, ...]
    makers: tuple[str, ...]

    @classmethod
    def of(cls, person: str, names: Iterable[str], makers: Iterable[str]) -> "Claims":
        return cls(re.compile(person, re.IGNORECASE), tuple(names), tuple(makers))

    @cached_property
    def phrases(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """Each claim with its reason. Compiled when first asked for: most texts name nobody."""
        said = [(MODEL, name) for name in self.names] + [(MAKER, maker) for maker in self.makers]
        return tuple((reason, compiled(phrase)) for reason, phrase in said)


@cache
def claims() -> tuple[Claims, ...]:
    """What makes a sentence a claim, whoever asked for it."""
    others = (Claims.of(t.person, t.of_names(), t.of_makers()) for t in TONGUES.values())
    return (Claims.of(PERSON_THERE, NAME_CLAIMS, MAKER_CLAIMS), *others)


@cache
def answers() -> re.Pattern[str]:
    """What is a claim where who was asked: the first person and a name that is not only a model's, or
    an answer that begins with a model, or with an AI that a maker made."""
    speaks = [SPEAKS, *(tongue.i_am for tongue in TONGUES.values())]
    named = [rf"(?:{words}){QUOTE}<name>{OWNED}(?!\s+[A-Z][a-z])" for words in speaks]
    return compiled("|".join([*named, ANSWER]))


@cache
def maker_answers() -> re.Pattern[str]:
    """An answer that begins with a maker: a claim where it was asked who made the assistant."""
    return compiled(MAKER_ANSWER)


class Identity(TurnFilter):
    """Drops rows in which the assistant claims to be, or to be made by, somebody else's model."""

    name: ClassVar[str] = "identity"
    version: ClassVar[int] = 2

    also: tuple[str, ...] = ()
    """More claims, as regular expressions (Rust's syntax): what an assistant says of itself in
    another language, or another model's name."""

    @field_validator("also")
    @classmethod
    def _readable(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                pl.Series(["a"]).str.contains(pattern)
            except pl.exceptions.ComputeError as error:
                reason = " ".join(str(error).split())
                raise ValueError(f"{pattern!r} is no regular expression ({reason})") from None
        return patterns

    def gate(self, texts: pl.DataFrame) -> pl.Series:
        held = texts["text"].str.contains("|".join(self.also)) if self.also else None
        suspects = texts.with_row_index("at").filter(pl.col("text").str.contains(NAMED))
        few = suspects.height <= FEW_TEXTS
        places = {*suspects["at"]} if few else self._claiming(suspects)
        found = pl.Series(range(texts.height), dtype=pl.UInt32).is_in(sorted(places))
        return found if held is None else found | held

    @staticmethod
    def _claiming(suspects: pl.DataFrame) -> set[int]:
        """Of texts that name a model or a maker, those with a claim, whoever is meant."""
        asked = matches(suspects["before"].fill_null(""), [ASKED_WHO, ASKED_MAKER])
        cut = [[text[a:b] for a, b in pairwise(bounds(text))] for text in suspects["text"]]
        said = pl.DataFrame([suspects["at"], pl.Series("said", cut, dtype=pl.List(pl.String))])
        named = said.explode("said").filter(pl.col("said").str.contains(NAMED))
        claim = [phrase for tongue in claims() for _, phrase in tongue.phrases]
        claimed = named["at"].filter(matches(named["said"], claim))
        return {*suspects["at"].filter(asked), *claimed}

    def find(self, text: str, turns: Sequence[Message], number: int) -> Finding | None:
        return self._own(text) or _said(text) or _answered(text, turns[:number])

    def _own(self, text: str) -> Finding | None:
        """The first match of the patterns in `also`."""
        said = pl.Series([text])
        for pattern in self.also:
            found = said.str.extract(f"({pattern})").item()
            if found is not None:
                start = text.find(found)
                return Finding(MODEL, start, start + len(found))
        return None


def _said(text: str) -> Finding | None:
    """The first claim in a text."""
    for start, sentence in sentences(text):
        for tongue in claims():
            if not tongue.person.search(sentence):
                continue
            for reason, pattern in tongue.phrases:
                match = pattern.search(sentence)
                if match and _meant(text, start, sentence, match):
                    return Finding(reason, start + match.start(), start + match.end())
    return None


def _meant(text: str, start: int, sentence: str, match: re.Match[str]) -> bool:
    """Whether a claim is the speaker's own: neither supposed by others nor quoted."""
    if SUPPOSED.search(sentence[: match.start()]):
        return False
    return not quoted(text, start + first_word(match))


def _answered(text: str, before: Sequence[Message]) -> Finding | None:
    """A claim that only the question makes one: a name that people have too, a maker alone."""
    asked = before[-1]["content"] if before else ""
    if ASKED_MAKER.search(asked) and (match := maker_answers().search(text)):
        return Finding(MAKER, match.start(), match.end())
    if not ASKED_WHO.search(asked) or any(PLAY.search(t["content"]) for t in before):
        return None
    for start, sentence in sentences(text):
        match = answers().search(sentence)
        if match and not quoted(text, start + first_word(match)):
            return Finding(MODEL, start + match.start(), start + match.end())
    return None


def first_word(match: re.Match[str]) -> int:
    """Where the words of a match begin: what stands before them may be a quotation mark."""
    return match.start() + len(match[0]) - len(match[0].lstrip(" \t,;:(—–-\"“„«‘'*_"))


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """The sentences of a text that name a model or a maker, each with where it starts."""
    edges = bounds(text)
    place = 0
    for match in _named().finditer(text):
        while edges[place + 1] <= match.start():
            place += 1
        if edges[place] >= 0:
            yield edges[place], text[edges[place] : edges[place + 1]]
            edges[place] = -1


def bounds(text: str) -> list[int]:
    """Where the sentences of a text begin, and its end."""
    return [0, *(m.end() for m in SENTENCE_END.finditer(text)), len(text)]


@cache
def _named() -> re.Pattern[str]:
    return re.compile(rf"(?ai:{MODELS}|{MAKERS})|(?:{NAMES}){END}")


def quoted(text: str, place: int) -> bool:
    """Whether `place` stands inside a quotation, or code, that is not the whole text."""
    before = text[:place]
    if SINGLE.search(before[before.rfind("\n") + 1 :]) and "'" in text[place:]:
        return True
    for opening, closing in QUOTES:
        start = before.rfind(opening)
        if opening == closing:
            inside = before.count(opening) % 2 == 1
        else:
            inside = start >= 0 and closing not in before[start:]
        end = text.find(closing, place)
        if inside and (text[:start].strip() or text[end + len(closing) :].strip()) and end >= 0:
            return True
    return False
