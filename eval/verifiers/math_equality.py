r"""Equality of LaTeX expressions: math-verify, and what it lets through that is not equal.

Runs in a helper process (child.py). Where math-verify is generous, stricter rules come first:
`(1,2)` is neither `[1,2]` nor `\{1,2\}`; a number in base 8 is not the same digits in base 7, nor
square units cubic ones (units are not compared otherwise: 5 cm is 5, and so is 5 m); two decimals
are equal when one is the other rounded, to five significant digits or more; and other numbers agree
to five *significant* digits, where six decimals would make 1e-19 equal to 0.
"""

import logging
import re
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from typing import NamedTuple

from eval.verifiers.latex import unwrapped

try:
    from math_verify import LatexExtractionConfig, parse, verify
    from sympy import Basic, Number
except ImportError as error:
    raise ImportError(f"{error}; pip install math-verify") from error

logging.getLogger("math_verify").setLevel(logging.CRITICAL)

_RELATIVE = 1e-5
_DIGITS = 5
_CONFIG = (LatexExtractionConfig(),)
_UNIT = re.compile(
    r"(?<=[\w})])\s*(?:\\[ ,;!])*\\(?:text|textrm|mbox|mathrm|operatorname)\s*\{[^{}]*\}"
    r"(?:\^\{?(?P<power>-?\d)\}?)?\.?\s*$"
)
_BASE = re.compile(r"^\s*-?[\dA-Fa-f,.]+_\{?(\d+)\}?\s*$")
_TIME = re.compile(
    r"(?P<hour>\d{1,2})(?::(?P<minutes>\d\d))?(?::\d\d)?(?P<half>am|pm|noon|midnight|o'clock)?"
)
_E_NOTATION = re.compile(r"(?<=\d)[eE]([-+]?\d+)\b")


class _Clock(NamedTuple):
    """A time of day: the hour of 24 where `told` says which half of the day it is."""

    hour: int
    minute: int
    told: bool
    certain: bool
    """A bare 7:32 may be a ratio; 7:05 and 7 p.m. are not."""


def _sides(expression: str) -> tuple[str, str] | None:
    """The outermost brackets around a list of expressions, None where there are none."""
    bare = re.sub(r"\\left|\\right|[\s$]|\\[,!;]", "", expression).replace("\\", "")
    if len(bare) > 2 and bare[0] in "([{" and bare[-1] in ")]}" and "," in bare:
        return bare[0], bare[-1]
    return None


def _decimal(expression: str) -> Decimal | None:
    """A number written out in digits, None for any other expression."""
    bare = re.sub(r"\\?\$|\\[ ;]|^\s+|\s+$", "", _UNIT.sub("", expression))
    return Decimal(bare) if re.fullmatch(r"[-+]?(?:\d+\.?\d*|\.\d+)", bare) else None


def _same_when_rounded(a: Decimal, b: Decimal) -> bool:
    if a == b:
        return True
    places = [-int(n.as_tuple().exponent) for n in (a, b)]
    short, long = (a, b) if places[0] < places[1] else (b, a)
    if places[0] == places[1] or len(short.as_tuple().digits) < _DIGITS:
        return False
    step = Decimal(1).scaleb(int(short.as_tuple().exponent))
    exact = Context(prec=2000)
    return any(long.quantize(step, how, exact) == short for how in (ROUND_HALF_UP, ROUND_DOWN))


def _parse(expression: str) -> list[Basic | str]:
    bare = _E_NOTATION.sub(r"\\times10^{\1}", _UNIT.sub("", expression))
    return list(parse(f"${bare}$", extraction_config=_CONFIG, parsing_timeout=None))


def _number(parsed: list[Basic | str]) -> Number | None:
    value = parsed[0] if parsed else None
    if isinstance(value, Basic) and value.is_number and value.is_real:
        return value.evalf(20)
    return None


def _clock(expression: str) -> _Clock | None:
    """What can be a time of day, None for anything else."""
    match = _TIME.fullmatch(re.sub(r"[\s.~$]|\\[ ,;!]", "", unwrapped(expression)).casefold())
    if match is None or not (match["half"] or match["minutes"]):
        return None
    hour, minute = int(match["hour"]), int(match["minutes"] or 0)
    half = {"noon": "pm", "midnight": "am", "o'clock": None}.get(match["half"], match["half"])
    if hour > 24 or minute > 59:
        return None
    return _Clock(
        hour % 12 + 12 * (half == "pm") if half else hour,
        minute,
        bool(half),
        bool(match["half"]) or match["minutes"].startswith("0"),
    )


def _same_time(a: _Clock, b: _Clock) -> bool:
    """To the minute; where only one says which half of the day, 7:45 may be either."""
    hours = (a.hour, b.hour) if a.told == b.told else (a.hour % 12, b.hour % 12)
    if a.told != b.told and max(a.hour if not a.told else 0, b.hour if not b.told else 0) > 12:
        hours = (a.hour, b.hour)
    return hours[0] == hours[1] and a.minute == b.minute


def _comma(expression: str, other: Decimal | None) -> str:
    """`2,4` as a number where the other side is one with decimals; a list anywhere else."""
    whole = re.fullmatch(r"\s*([-+]?\d+),(\d+)\s*", _UNIT.sub("", expression))
    decimals = other is not None and int(other.as_tuple().exponent) < 0
    return f"{whole[1]}.{whole[2]}" if whole and decimals else expression


def equal(truth: str, given: str) -> bool:
    """Whether `given` equals `truth`, both LaTeX without delimiters. Raises what math-verify
    raises. Its own clock is off: the helper process has one, of CPU time."""
    times = _clock(truth), _clock(given)
    if times[0] and times[1] and (times[0].certain or times[1].certain):
        return _same_time(times[0], times[1])
    truth, given = _comma(truth, _decimal(given)), _comma(given, _decimal(truth))
    sides = _sides(truth), _sides(given)
    if sides[0] and sides[1] and sides[0] != sides[1]:
        return False
    bases = _BASE.match(truth), _BASE.match(given)
    if bases[0] and bases[1] and bases[0][1] != bases[1][1]:
        return False
    units = _UNIT.search(truth), _UNIT.search(given)
    if units[0] and units[1] and units[0]["power"] != units[1]["power"]:
        return False
    decimals = _decimal(truth), _decimal(given)
    if decimals[0] is not None and decimals[1] is not None:
        return _same_when_rounded(decimals[0], decimals[1])
    return _solved(truth, given)


def _solved(truth: str, given: str) -> bool:
    """What math-verify says, and to five significant digits of numbers."""
    gold, target = _parse(truth), _parse(given)
    if not gold or not target:
        return False
    interval = bool(re.search(r"\\in\b|\\cup|\\infty|[\[\]]", truth))
    try:
        same = verify(
            gold,
            target,
            timeout_seconds=None,
            raise_on_error=True,
            allow_set_relation_comp=interval,
        )
    except (ArithmeticError, AttributeError, TypeError, ValueError):
        if not verify(gold, gold, timeout_seconds=None, raise_on_error=True):
            raise
        return False  # it is the answer that has no value: 1/0
    if not same:
        return False
    first, second = _number(gold), _number(target)
    if first is None or second is None or "%" in truth + given:
        return True
    return bool(abs(first - second) <= _RELATIVE * max(abs(first), abs(second)))
