"""Whether two texts state the same quantities and name the same things, however they put it.

A paraphrase may say "twice" for 2, "a dozen" for 12, "seven days" for a week, or count three people
where the other names them; it states no other quantities. So quantities are compared as sets of
values, those that any wording can bring in or lose are left out, and what a unit implies is allowed
for. Texts with other numbers on both sides are variants of one another, not paraphrases.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?(?:/\d+)?%?|(?<![\d.])\.\d+%?|[a-z]+")
SMALL = dict(
    zip(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split(),
        range(20),
        strict=True,
    )
)
TENS = dict(
    zip(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(),
        range(20, 100, 10),
        strict=True,
    )
)
SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
MULTIPLES = {
    "once": 1, "both": 2, "couple": 2, "pair": 2, "twice": 2, "double": 2, "doubled": 2,
    "doubles": 2, "doubling": 2, "thrice": 3, "triple": 3, "tripled": 3, "triples": 3, "dozen": 12,
    "dozens": 12, "quadruple": 4,
}  # fmt: skip
PARTS = {
    "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10,
}  # fmt: skip
# What a word implies without stating it: a week is seven days, an hour sixty minutes.
IMPLIED = {
    "second": (60,), "minute": (60,), "hour": (60,), "hourly": (60,), "day": (7, 24), "daily": (24,),
    "week": (4, 5, 7), "weekly": (4, 5, 7), "weekend": (2,), "weekday": (5,),
    "month": (4, 12, 30), "monthly": (12,), "quarterly": (4,), "year": (6, 12, 52, 365),
    "yearly": (12, 52), "annual": (12, 52), "decade": (10,), "century": (100,), "foot": (12,),
    "feet": (12,), "yard": (3,), "percent": (100,), "dollar": (100,), "half": (50,),
    "quarter": (25,), "inch": (12,),
}  # fmt: skip
# Said without a number (a, both, each, twice, half), or by counting what is named.
WEAK = {Fraction(0), Fraction(1), Fraction(2), Fraction(1, 2)}
NAME = re.compile(r"(?<![.!?:;\"“”] )(?<!^)\b[A-Z][a-z]{2,}\b")
WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Stated:
    """What a text says that a paraphrase must say too."""

    numbers: frozenset[Fraction]
    implied: frozenset[Fraction]
    names: frozenset[str]
    words: frozenset[str]


def stated(text: str) -> Stated:
    """The quantities and names of a text."""
    lower = text.lower()
    numbers, implied = quantities(lower)
    named = frozenset(word.lower() for word in NAME.findall(" ".join(text.split())))
    return Stated(numbers - WEAK, implied, named, frozenset(WORD.findall(lower)))


def quantities(text: str) -> tuple[frozenset[Fraction], frozenset[Fraction]]:
    """(stated, implied) values of a lower-case text: `1,000`, `3/4`, `twenty-five`, `a third`."""
    found: list[Fraction] = []
    implied: set[Fraction] = set()
    last = ""  # the word before, where a number may go on: "twenty five", "two hundred", "a third"
    for token in TOKEN.findall(text):
        singular = token[:-1] if token.endswith("s") else token
        implied.update(map(Fraction, IMPLIED.get(token, IMPLIED.get(singular, ()))))
        going_on = bool(found) and last == "number"
        kind = "number"
        if token[0].isdigit() or token[0] == ".":
            value = digits(token.rstrip("%"))
            found.append(value)
            if token.endswith("%"):
                implied.add(value / 100)
        elif token in SMALL:
            if going_on and found[-1] in TENS.values() and 0 < SMALL[token] < 10:
                found[-1] += SMALL[token]
            else:
                found.append(Fraction(SMALL[token]))
        elif token in TENS:
            found.append(Fraction(TENS[token]))
        elif token in SCALES or singular in SCALES:
            scale = Fraction(SCALES.get(token, SCALES.get(singular, 1)))
            found[-1:] = [found[-1] * scale] if going_on else [*found[-1:], scale]
        elif singular in PARTS and (last in ("a", "an") or going_on):
            if going_on and (token != singular or found[-1] == 1):
                found[-1] /= PARTS[singular]
            elif not going_on:
                found.append(Fraction(1, PARTS[singular]))
        elif token in MULTIPLES:
            found.append(Fraction(MULTIPLES[token]))
        elif token in ("half", "halves"):
            found.append(Fraction(1, 2))
        else:
            kind = token
        last = kind
    return frozenset(found), frozenset(implied)


def digits(token: str) -> Fraction:
    above, _, below = token.replace(",", "").partition("/")
    value = Fraction(above)
    return value / int(below) if below and int(below) else value


@dataclass(frozen=True)
class Agreement:
    """How two texts agree. `numbers`: shared; `missing`: on one side only, and not implied by the
    other; `replaced`: others in their place; the same for names."""

    numbers: int
    missing: int
    replaced: int
    names: int
    names_replaced: int


def agreement(one: Stated, other: Stated) -> Agreement:
    lost = one.numbers - other.numbers - other.implied
    new = other.numbers - one.numbers - one.implied
    here, there = one.names - other.words, other.names - one.words
    return Agreement(
        numbers=len(one.numbers & other.numbers),
        missing=max(len(lost), len(new)),
        replaced=min(len(lost), len(new)),
        names=len((one.names & other.words) | (other.names & one.words)),
        names_replaced=min(len(here), len(there)),
    )
