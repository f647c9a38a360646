r"""Number parser: separators, fractions, words for factors, formulas.

`1,234.5`, `1 234,50`, `1.234,5` and `2,4` are read without being told the notation; only where one
text is two numbers (`1,234`, `1.234`) does `decimal`, the decimal mark, decide, and the point is
taken where nobody says. `3 1/2` is a mixed number, `\frac52`, `½` and `\sqrt{25}` are worked out,
and `4 million` is 4,000,000.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from math import isqrt
from typing import TypeVar

from eval.verifiers.latex import unwrapped

T = TypeVar("T")

_BLANKS = " \u00a0\u2009\u202f"
_COMMA_LANGUAGES = (
    "az be bg bs ca cs da de el et eu fi fo fr gl hr hu hy id is it ka kk ky lt lv mk nb nl nn no "
    "pl pt ro ru sk sl sq sr sv tr uk uz vi"
)
_POINT_REGIONS = ("de-ch", "de-li", "fr-ch", "it-ch")
FACTORS = {
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "dozen": 12,
    "tausend": 10**3,
    "millionen": 10**6,
    "milliarden": 10**9,
    "mille": 10**3,
    "milliards": 10**9,
    "millones": 10**6,
    "milhões": 10**6,
    "milioni": 10**6,
    "tuhatta": 10**3,
    "miljoonaa": 10**6,
    "miljardia": 10**9,
    "tusen": 10**3,
    "miljoner": 10**6,
    "万": 10**4,
    "亿": 10**8,
    "億": 10**8,
}
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_CARDINALS = {word: value for value, word in enumerate(_ONES.split())} | {
    word: 10 * value for value, word in enumerate(_TENS.split(), 2)
}
_FACTOR = re.compile(
    rf"[\s~]*(?:\\[,; ])*\s*(?:(?P<word>{'|'.join(FACTORS)})s?(?![^\W\d_])|(?P<sign>[万亿億]))",
    re.IGNORECASE,
)
_OPERATORS = {"\\times": "*", "\\cdot": "*", "×": "*", "·": "*", "\\div": "/", "÷": "/"}
_TIMES = r"\s*([*/])(?=\s*[-\d.$€£¥₹(\\])|(?<=\d)\s+([xX])(?=\s+[\d$€£¥₹])"
_MIXED = re.compile(r"(?:[^\S\n]+|(?=\())(?P<over>\d+)/(?P<under>[1-9]\d*)(?![\d/])")
_MOST_DIGITS = 400


def decimal_mark(language: str | None) -> str | None:
    """The decimal mark of a language (BCP 47 code), None where it has two or is not known."""
    if not language:
        return None
    code = language.casefold().replace("_", "-")
    base = code.partition("-")[0]
    if base == "en" or code in _POINT_REGIONS:
        return "."
    return "," if base in _COMMA_LANGUAGES.split() else None


def label_mark(label: str, decimal: str | None) -> str | None:
    """The decimal mark of a ground truth: programs write `1.234` in every language."""
    return "." if re.fullmatch(r"\s*[-+]?\d*\.\d+\s*", label) else decimal


def typography(text: str) -> str:
    """Digits, fractions, powers, roots and signs of Unicode in ASCII and LaTeX."""
    if text.isascii():
        return text
    text = re.sub(r"(?<=\d)(?=[¼-¾⅐-⅞])", " ", text)
    return "".join(map(_ascii, re.sub(r"(?<=[\d)])[⁰¹²³⁴-⁹]+", _power, text))).replace("⁄", "/")


def _power(digits: re.Match[str]) -> str:
    return "^{" + unicodedata.normalize("NFKC", digits.group()) + "}"


def _ascii(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if "¼" <= character <= "¾" or "⅐" <= character <= "⅞":
        return unicodedata.normalize("NFKC", character)
    return {"−": "-", "﹣": "-", "－": "-", "＋": "+", "√": "\\sqrt", "％": "%"}.get(
        character, character
    )


def in_words(text: str) -> int | None:
    """An English cardinal number in words ("twenty-one", "one hundred and five"), else None."""
    words = re.split(r"[\s-]+", text.strip().casefold())
    total = group = 0
    for place, word in enumerate(words):
        if word in _CARDINALS:
            group += _CARDINALS[word]
        elif word == "hundred" and group:
            group *= 100
        elif word in ("thousand", "million") and group:
            total, group = total + group * FACTORS[word], 0
        elif word != "and" or not place or place == len(words) - 1:
            return None
    return total + group


@cache
def pattern(decimal: str | None) -> re.Pattern[str]:
    """One number without its sign. The name of the group that matched says how it is read."""
    dots = r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}(?![\d,])"
    commas = r"(?!0,)\d{1,3}(?:,\d{2,3})*,\d{3}(?!\d|,\d)(?:\.\d+)?"
    if decimal == ",":
        dots = r"(?!0\.)\d{1,3}(?:\.\d{3})+(?!\.?\d)(?:,\d+)?"
        commas = r"(?!0,)\d{1,3}(?:,\d{3}){2,}(?!\d|,\d)(?:\.\d+)?"
    comma = r"(?<!\d,)(?<!\d\.)\d+,\d+(?!,?\d|\.\d)"
    kinds = {
        "blanks": rf"(?<![\d.,])\d{{1,3}}(?:[{_BLANKS}'’]\d{{3}})+(?!\d)(?:[.,]\d+)?(?!\d)",
        "dots": dots,
        "commas": commas,
        **({} if decimal == "." else {"comma": comma}),
        "plain": r"\d+(?:\.\d+)?|(?<!\d)\.\d+",
    }
    named = "|".join(f"(?P<{name}>{kind})" for name, kind in kinds.items())
    return re.compile(rf"(?:{named})(?P<exponent>[eE][-+]?\d{{1,3}}(?!\w))?")


def _digits(match: re.Match[str]) -> Fraction:
    kind = next(name for name, text in match.groupdict().items() if text is not None)
    text = match[kind]
    if kind in ("dots", "comma"):
        text = text.replace(".", "").replace(",", ".")
    elif kind == "blanks":
        text = re.sub(rf"[{_BLANKS}'’]", "", text).replace(",", ".")
    return Fraction(text.replace(",", "") + (match["exponent"] or ""))


def plain(text: str) -> str:
    """A text with its numbers and formulas written for `Reader`: no LaTeX that prints nothing."""
    text = unwrapped(typography(text)).replace("\\$", "$").replace("\\!", "")
    text = re.sub(r"(?<=\d)(?:\{,\}|\\,)(?=\d)", ",", text)
    text = re.sub(r"(?<=[\d)])\*\*(?=[\d(])", "^", text)
    text = re.sub(r"\\left|\\right|\\displaystyle", "", text)
    text = re.sub(r"\\[dtc]frac", r"\\frac", text).replace("\\%", "%")
    for name, sign in _OPERATORS.items():
        text = text.replace(name, sign)
    return text


class Reader:
    """Reads one formula of numbers at `at`: sums, products, powers, roots, fractions, brackets.

    Every method gives a value and moves `at` behind what it read, or raises ValueError.
    """

    def __init__(self, text: str, at: int = 0, decimal: str | None = None):
        self.text, self.at, self.decimal = text, at, decimal

    def sum(self) -> Fraction:
        total = self.product()
        while sign := self._sign(r"\s*([-+])(?=\s*[\d.$€£¥₹(\\])"):
            value = self._try(self.product)
            if value is None:
                break
            total += value if sign == "+" else -value
        return total

    def product(self) -> Fraction:
        value = self.power()
        while sign := self._sign(
            r"\s*([*/])(?=\s*[-\d.$€£¥₹(\\])|(?<=\d)\s+([xX])(?=\s+[\d$€£¥₹])"
        ):
            factor = self._try(self.power)
            if factor is None:
                break
            if sign == "/" and not factor:
                raise ValueError("division by zero")
            value = value / factor if sign == "/" else value * factor
        return value

    def power(self) -> Fraction:
        """One number with its sign and its exponent."""
        sign = self._sign(r"\s*(?:[$€£¥₹]\s?)?([-+])(?=[\d.$€£¥₹(\\])")
        base = self.atom()
        if self._sign(r"(\^)"):
            exponent = self._braced()
            if exponent.denominator != 1 or abs(exponent) > 200 or not base:
                raise ValueError("a power that is not worked out")
            base = base ** int(exponent)
            if max(base.numerator.bit_length(), base.denominator.bit_length()) > 4 * _MOST_DIGITS:
                raise ValueError("a power that is not worked out")
        return -base if sign == "-" else base

    def atom(self) -> Fraction:
        """One number without a sign."""
        self._sign(r"(\s*(?:[$€£¥₹]\s?)*)")
        if self._sign(r"(\()"):
            value = self.sum()
            if not self._sign(r"\s*(\))"):
                raise ValueError("an open bracket")
            return value
        if self._sign(r"(\\frac(?![a-zA-Z]))"):
            over, under = self._argument(), self._argument()
            if not under:
                raise ValueError("division by zero")
            return over / under
        if self._sign(r"(\\sqrt(?![a-zA-Z\[]))"):
            return _root(self._argument())
        match = pattern(self.decimal).match(self.text, self.at)
        if match is None:
            raise ValueError("no number")
        self.at = match.end()
        return self._mixed(_digits(match))

    def _mixed(self, whole: Fraction) -> Fraction:
        """`3 1/2` and `3\\frac{1}{2}`; also the factor behind a number: `4 million`."""
        value = whole
        if whole.denominator == 1 and not self.text.startswith(("^", "/"), self.at):
            if (part := _MIXED.match(self.text, self.at)) and int(part["over"]) < int(
                part["under"]
            ):
                self.at = part.end()
                value += Fraction(int(part["over"]), int(part["under"]))
            elif re.match(r"[^\S\n]*\\frac(?![a-zA-Z])", self.text[self.at :]):
                part_value = self._try(self.atom)
                value += part_value if part_value is not None and part_value < 1 else 0
        if factor := _FACTOR.match(self.text, self.at):
            self.at = factor.end()
            value *= FACTORS[(factor["word"] or factor["sign"]).casefold()]
        return value

    def _argument(self) -> Fraction:
        """What a LaTeX command takes: a group, or the next digit."""
        self._sign(r"(\s*)")
        if self.text.startswith("{", self.at):
            return self._braced()
        digit = self._sign(r"(\d)")
        if digit is None:
            return self.atom() if self.text.startswith("(", self.at) else _nothing()
        return Fraction(digit)

    def _braced(self) -> Fraction:
        if not self._sign(r"(\{)"):
            return Fraction(self._sign(r"(-?\d+)") or _nothing())
        value = self.sum()
        if not self._sign(r"\s*(\})"):
            raise ValueError("an open group")
        return value

    def _sign(self, expression: str) -> str | None:
        """What the first group of `expression` holds here, read; None where it is not here."""
        match = re.compile(expression).match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return next((group for group in match.groups() if group is not None), "")

    def _try(self, read: Callable[[], T]) -> T | None:
        """What `read` gives; None, and nothing read, where it cannot."""
        start = self.at
        try:
            return read()
        except ValueError:
            self.at = start
            return None


def _nothing() -> Fraction:
    raise ValueError("no number")


def _root(value: Fraction) -> Fraction:
    over, under = isqrt(max(value.numerator, 0)), isqrt(value.denominator)
    if Fraction(over * over, under * under) != value:
        raise ValueError("a root that is no fraction")
    return Fraction(over, under)


_BEGINS = re.compile(
    r"(?<![\w)\].])[-+](?=[\d.$€£¥₹\\])|[$€£¥₹]\s?[-+]?(?=[\d.])|\.?\d|\\(?:sqrt|frac)"
)


def numbers(text: str, decimal: str | None = None) -> Iterator[Decimal | None]:
    """Every number in a `plain` text, from left to right: with its sign, as a mixed number, with
    its power worked out. None for what is a number but has no value here (`\\sqrt{2}`)."""
    at = 0
    while begin := _BEGINS.search(text, at):
        reader = Reader(text, begin.start(), decimal)
        try:
            value = reader.power()
            over = re.compile(r"/(?=\d)").match(text, reader.at)
            if over:
                reader.at = over.end()
                value = value / (reader.atom() or _nothing())
            yield as_decimal(value)
        except ValueError:
            if text.startswith("\\", begin.start()):
                yield None
        at = max(reader.at, begin.end())


def as_decimal(value: Fraction) -> Decimal:
    """To 50 digits; exact for what is written out in digits."""
    with localcontext() as context:
        context.prec = max(50, value.numerator.bit_length() // 3 + 1)
        return (Decimal(value.numerator) / Decimal(value.denominator)).normalize(context)
