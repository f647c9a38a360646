r"""Number verifier (GSM8K): the answer is one number, compared as a Decimal.

Where the number is looked for, first found wins (Cobbe et al. 2021, "#### n"): the last line
`#### n`, the last `\boxed{n}`, "the answer is n" (in the languages of phrases.py), then the last
number of the text, where brackets only restate: "2 hours (120 minutes)" is 2. What is said there is
worked out: "the answer is 3 + 4 = 7" is 7, `\boxed{3^2}` is 9. Currency, units, a plus or percent
sign and trailing zeros do not count: "$1,800.00" is 1800. `decimal` is the decimal mark where a
text could be read with either (numbers.py).
"""

import re
from decimal import Decimal
from typing import Any

from eval.verifiers.label import refuse_prose
from eval.verifiers.latex import last_boxed
from eval.verifiers.numbers import Reader, as_decimal, label_mark, numbers, plain
from eval.verifiers.phrases import said
from eval.verifiers.verdict import MalformedGroundTruth, Verdict

_MARKED = re.compile(r"^####[ \t]*(?P<said>.*)$", re.MULTILINE)
# A markdown heading "#### 1. Count the eggs" is no answer: after the number, units at most.
_UNITS = re.compile(r"[*$ \t]*%?(?:[^\W\d]|[°/²³%$*€£¥₹\\)(\]^{} ]){0,40}[.。]?[ \t]*$")
_BRACKETED = re.compile(r"\([^()]*\)")
_EQUALS = re.compile(r"\s*\)?\$?\s*(?:\\\(|\$)?\s*(?:=|\\approx|≈)[\s$]*")
_UNIT_WORDS = re.compile(
    r"\s*%?\s*(?:(?!(?:of|because|since|as|where|when|if|for|so|and|or|which|that|from|with|but)\b)"
    r"[^\W\d_]+[ \t]*){0,3}"
)
_BEFORE = re.compile(r"(?:[\s:*=$~`\"']|\\[(\[])*(?:[A-Za-z]\w{0,2}\s*=[\s$]*)?")


def number(text: str, decimal: str | None = None) -> Decimal | None:
    """The number that `text` gives as its answer, or None where it gives none."""
    text = plain(text)
    for marked in reversed(_MARKED.findall(text)):
        value, end = _value(marked, decimal)
        if value is not None and _UNITS.match(marked, end):
            return value
    if (boxed := last_boxed(text)) is not None and re.search(r"\d", boxed):
        return _only(boxed, decimal)
    for phrase in reversed(said(text)):
        if (value := _value(phrase, decimal)[0]) is not None:
            return value
    everywhere = list(numbers(_BRACKETED.sub(" ", text), decimal)) or list(numbers(text, decimal))
    return everywhere[-1] if everywhere else None


def _value(text: str, decimal: str | None) -> tuple[Decimal | None, int]:
    """The value of the formula that a text begins with, and where it ends: what stands behind the
    last sign of equality, where units may stand on the way ("3 apples + 4 apples = 7 apples")."""
    start = _BEFORE.match(text)
    reader = Reader(text, start.end() if start else 0, decimal)
    value, end, equals = None, 0, None
    while True:
        try:
            found = reader.sum()
        except ValueError:
            return value, end
        value, end = (as_decimal(found) if value is None or equals else value), reader.at
        units = _UNIT_WORDS.match(text, reader.at)
        reader.at = units.end() if units else reader.at
        if equals := _EQUALS.match(text, reader.at):
            reader.at = equals.end()
            end = reader.at
        elif sign := re.compile(r"\s*(?:[-+*/]|of\b)\s*").match(text, reader.at):
            reader.at = sign.end()
        else:
            return value, end


def _only(boxed: str, decimal: str | None) -> Decimal | None:
    """The one number of a box, worked out; None where it holds several, or no value."""
    for text in (boxed, _BRACKETED.sub(" ", boxed)):
        start = re.match(r"(?:[^\W\d]|[\s:,.=~])*", text)
        value, end = _value(text[start.end() if start else 0 :], decimal)
        rest = text[(start.end() if start else 0) + end :]
        if value is not None and not re.search(r"\d", re.sub(r"\^\{?\d\}?|\([^()]*\)", "", rest)):
            return value
    return None


def _truth(ground_truth: str, decimal: str | None) -> Decimal:
    refuse_prose(ground_truth)
    text, decimal = plain(ground_truth), label_mark(ground_truth, decimal)
    value = number(text, decimal)
    marked = "####" in text or last_boxed(text) is not None
    if value is None or (not marked and len(list(numbers(text, decimal))) != 1):
        raise MalformedGroundTruth(
            f"a gsm8k ground truth is one number or ends in '#### n', not {ground_truth[:80]!r}"
        )
    return value


def check(ground_truth: str) -> None:
    _truth(ground_truth, None)


def verify(answer: str, ground_truth: str, *, decimal: str | None = None) -> Verdict:
    truth, given = _truth(ground_truth, decimal), number(answer, decimal)
    if given is None:
        return Verdict.of(False, "no number in the answer")
    return Verdict.of(given == truth, f"{given:f} against {truth:f}")


def agree(a: str, b: str, *, decimal: str | None = None) -> bool:
    first, second = number(a, decimal), number(b, decimal)
    return first is not None and first == second


def label(answer: str) -> str | None:
    value = number(answer)
    return None if value is None else f"{value:f}"


def ground_truth(item: dict[str, Any]) -> str:
    return f"{_truth(str((item.get('meta') or {}).get('final') or item['answer']), None):f}"
