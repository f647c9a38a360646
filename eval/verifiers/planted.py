"""Planted wrong answers, made from right ones, for the self-test."""

import re
from decimal import Decimal

_LAST_NUMBER = re.compile(r"\d+(?!.*\d)", re.DOTALL)


def off_by_one(text: str, by: int = 1) -> str:
    """The text with its last whole number higher by one; the same text where it has none."""
    return _LAST_NUMBER.sub(lambda m: str(int(m.group()) + by).zfill(len(m.group())), text, count=1)


def differ(a: str, b: str) -> bool:
    """Whether two ground truths certainly say different things: other digits, making other numbers,
    or, without digits, other letters. `\\frac34` and `\\frac{3}{4}` do not, nor do 0.5 and 0.50."""
    digits = ["".join(re.findall(r"\d", text)) for text in (a, b)]
    if any(digits):
        return digits[0] != digits[1] and _numbers(a) != _numbers(b)
    return re.sub(r"\W", "", a).casefold() != re.sub(r"\W", "", b).casefold()


def _numbers(text: str) -> list[Decimal]:
    return [Decimal(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]
