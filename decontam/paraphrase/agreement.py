"""Whether two texts state the same quantities and name the same things, however they put it.

A paraphrase may say "twice" for 2, "a dozen" for 12, "seven days" for a week, or name a number once
where the other names it twice; it states no other quantities. So quantities are compared as values,
those that any wording can bring in or lose are left out, and what a unit implies is allowed for.
Where one text lacks numbers and has others in their place, it is a variant, not a paraphrase.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from decontam.text.words import NUMERALS

TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?(?:/\d+)?%?|(?<![\d.])\.\d+%?|[a-z]+")
SMALL = {word: number for word, number in NUMERALS.items() if number < 20}
TENS = {word: number for word, number in NUMERALS.items() if number >= 20}
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
# What follows a part of something: "a third as many", where "a third, who had five" is an ordinal.
OF_IT = {"of", "as", "more", "less", "fewer", "the", "that", "what", "full", "mile", "hour", "cup"}
NUMBER = "#"  # no word
# What a word implies without stating it: a week is seven days, an hour sixty minutes.
IMPLIED = {
    "second": (60,), "minute": (60,), "hour": (60,), "hourly": (60,), "day": (7, 24),
    "daily": (24,),
    "week": (4, 5, 7), "weekly": (4, 5, 7), "weekend": (2,), "weekday": (5,),
    "month": (4, 12, 30), "monthly": (12,), "quarterly": (4,), "year": (6, 12, 52, 365),
    "yearly": (12, 52), "annual": (12, 52), "decade": (10,), "century": (100,), "foot": (12,),
    "feet": (12,), "inch": (12,), "yard": (3,), "dollar": (100,), "quarter": (25,),
}  # fmt: skip
# Said without a number (a, both, each, twice, half), or by counting what is named.
WEAK = {Fraction(0), Fraction(1), Fraction(2), Fraction(1, 2)}
# Inside a sentence, where nothing but a name has a capital.
NAME = re.compile(r"(?<=[a-z0-9,] )[A-Z][a-z]{2,}\b")
WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Stated:
    """What a text says that a paraphrase must say too; `weak`: numbers that it need not."""

    numbers: Counter[Fraction]
    implied: frozenset[Fraction]
    names: frozenset[str]
    words: frozenset[str]
    weak: Counter[Fraction] = field(default_factory=Counter)


def stated(text: str) -> Stated:
    """The quantities and names of a text."""
    lower = text.lower()
    numbers, implied = quantities(lower)
    named = frozenset(word.lower() for word in NAME.findall(" ".join(text.split())))
    told = Counter(number for number in numbers if number not in WEAK)
    weak = Counter(number for number in numbers if number in WEAK)
    return Stated(told, implied, named, frozenset(WORD.findall(lower)), weak)


def quantities(text: str) -> tuple[list[Fraction], frozenset[Fraction]]:
    """(stated, implied) values of a lower-case text: `1,000`, `3/4`, `twenty-five`, `a third`."""
    found: list[Fraction] = []
    implied: set[Fraction] = set()
    last = ""  # the word before, where a number may go on: "twenty five", "two hundred", "a third"
    tokens = TOKEN.findall(text)
    for token, following in zip(tokens, [*tokens[1:], ""], strict=False):
        singular = token[:-1] if token.endswith("s") else token
        implied.update(map(Fraction, IMPLIED.get(token, IMPLIED.get(singular, ()))))
        going_on = bool(found) and last == NUMBER
        kind = NUMBER
        if token[0].isdigit() or token[0] == ".":
            value = digits(token.rstrip("%"))
            found.append(value / 100 if token.endswith("%") else value)
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
        elif singular in PARTS and (going_on or (last in ("a", "an") and following in OF_IT)):
            if going_on and (token != singular or found[-1] == 1):
                found[-1] /= PARTS[singular]
            elif not going_on:
                found.append(Fraction(1, PARTS[singular]))
        elif token in ("percent", "cent", "cents") and going_on:
            found[-1] /= 100
            kind = token
        elif token in MULTIPLES:
            found.append(Fraction(MULTIPLES[token]))
        elif token in ("half", "halves"):
            found.append(Fraction(1, 2))
        else:
            kind = token
        last = kind
    return found, frozenset(implied)


def digits(token: str) -> Fraction:
    """A number written in digits, a fraction too, as its value."""
    above, _, below = token.replace(",", "").partition("/")
    value = Fraction(above)
    return value / int(below) if below and int(below) else value


@dataclass(frozen=True)
class Agreement:
    """How two texts agree. `missing`: numbers that only one of them states and the other does not
    imply; `replaced`: those that have others in their place; `rarity`: what the numbers that agree
    say beyond one fact each."""

    numbers: int
    missing: int
    replaced: int
    names: int
    names_replaced: int
    rarity: float = 0.0

    def __str__(self) -> str:
        said = [f"{self.numbers} numbers and {self.names} names agree"]
        if self.replaced:
            said.append(f"{self.replaced} numbers are others")
        if self.missing > self.replaced:
            said.append(f"{self.missing} numbers are on one side only")
        if self.names_replaced:
            said.append(f"{self.names_replaced} names are others")
        return ", ".join(said)


def agreement(
    one: Stated,
    other: Stated,
    told: Stated | None = None,
    worth: Callable[[Fraction], float] = lambda number: 1.0,
) -> Agreement:
    """What two texts state alike, and what not; symmetric. What `told` states is left out.
    `worth`: how many facts it is that both state a number, at least one."""
    lost, new = one.numbers - other.numbers, other.numbers - one.numbers
    gone = set(one.numbers) - set(other.numbers) - other.implied
    come = set(other.numbers) - set(one.numbers) - one.implied
    here = {name for name in one.names if not says(other, name)}
    there = {name for name in other.names if not says(one, name)}
    both = {name.removesuffix("s") for name in (one.names | other.names) - here - there}
    # "In 2 boxes" where the other has "in 3 boxes": what is weak by itself stands for a number.
    for_gone, for_come = other.weak - one.weak, one.weak - other.weak
    for_weak = min(len(gone), for_gone.total()) + min(len(come), for_come.total())
    stated_by_both = set(one.numbers) & set(other.numbers)
    numbers = stated_by_both
    if told:
        numbers = stated_by_both - set(told.numbers)
        both = {name for name in both if not says(told, name)}
    return Agreement(
        numbers=len(numbers),
        missing=max(len(gone), len(come)),
        # A unit excuses a number that is gone or has come, not one that became another; to name the
        # same number again replaces none.
        replaced=min(lost.total(), new.total(), len({*lost, *new} - stated_by_both)) or for_weak,
        names=len(both),
        names_replaced=min(len(here), len(there)),
        rarity=sum(worth(number) - 1 for number in sorted(numbers)),
    )


def says(text: Stated, name: str) -> bool:
    """Whether a text has the name, be it in the plural (Saturdays) or at a sentence's start."""
    return bool({name, name.removesuffix("s"), f"{name}s"} & text.words)
