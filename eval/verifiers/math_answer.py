r"""Answer extraction from a worked solution in mathematics, as one LaTeX expression.

First found wins, never "any that fits": "the final answer is ..." behind the last box, the last
`\boxed{}` (several that one sentence joins are one list), the last announcement ("the answer is",
phrases.py), a concluding sentence ("Therefore there are 12 ways.") or the last `$...$`, whichever
comes later, and for a short text the text itself. Prose in which no value is announced is no
answer.
"""

import re

from eval.verifiers import phrases
from eval.verifiers.latex import INLINE, boxes, last_boxed, unwrapped
from eval.verifiers.numbers import FACTORS, pattern, typography

_FINAL = re.compile(r"\bfinal\s+answer\b[^\n]*", re.IGNORECASE)
_JOINED_BY = re.compile(r",|;|&|\band\b|\bor\b", re.IGNORECASE)
_CONTRASTED_BY = re.compile(
    r"\b(?:but|not?|so|then|thus|hence|therefore|wait|actually|instead|rather|which|is|gives?)\b"
    r"|[.!?:]\s+[^\W\d_]{2,}|\n\s*\n",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"(?:^|(?<=[\s.]))(?:so|thus|therefore|hence|finally|consequently|altogether|in\s+(?:total|all"
    r"|conclusion))\b,?\s+",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<![\s.]\b[A-Za-z])[.。!?](?=\s|$)|\s*<\|")
_REASON = re.compile(r",?\s+(?:since|because|where|when|which|so\s+that|as\s+we|if)\b", re.I)
_COPULA = re.compile(r"(?:^|\s)(?:(?:is|are|equals?|be|by|it's)(?=\s)|=|:)\s*", re.IGNORECASE)
_MASKED = re.compile("\ue000(\\d+)\ue001")
_LIST = re.compile("\ue000\\d+\ue001(?:(?:[\\s,;]|\\band\\b|\\bor\\b)+\ue000\\d+\ue001)*")
# What may stand behind a number that is the whole answer: a unit, or words.
_UNITS = re.compile(
    r"\s*(?P<percent>(?:\\?%|percent(?:age)?\b|pct\b)|)"
    rf"(?P<factor>\s*(?:{'|'.join(FACTORS)})s?\b|)"
    r"(?:\s*[€£¥₹$°](?:[CF]\b)?|\s*(?:[cmkd]?m|[mk]?g|[mc]?[lL]|s|h)(?:\^\{?[23]\}?|[²³])?(?![\w^]))?"
    r"(?:\s+(?!(?:pi|sin|cos|tan|log|ln|exp|sqrt|and|or|to|times|plus|minus|mod)\b)[^\W\d_]{2,}.*)?"
    r"[\s.*`]*$",
    re.DOTALL,
)


def extract(text: str) -> str | None:
    """The expression that `text` gives as its answer, without its delimiters, or None."""
    found = boxes(text)
    behind = text[found[-1][1] :] if found else text
    if found and (final := list(_FINAL.finditer(behind))):
        announced = phrases.said(final[-1].group())
        if announced and re.search(r"[\d$]|\\[(\[]", announced[-1]):
            return _clause(announced[-1]) or None
    if found:
        return _last_boxes(text) or None
    if announced := phrases.said(text):
        return _clause(announced[-1]) or None
    formulas = list(INLINE.finditer(text))
    end = formulas[-1].end() if formulas else 0
    for conclusion in reversed(list(_CONCLUDES.finditer(text, end))):
        line = text[conclusion.end() :].partition("\n")[0]
        if value := _clause(line, announced=False):
            return value
    if formulas:
        return _alone(text) or _inside(formulas[-1]).strip() or None
    if 0 < len(text) <= 300:
        return _clause(text, announced=False) or " ".join(text.split()) or None
    return None


def _last_boxes(text: str) -> str:
    """The last box, or the list of boxes that one sentence joins: `\\boxed{1} and \\boxed{-2}`."""
    found = boxes(text)
    run = [found[-1]]
    for box in reversed(found[:-1]):
        if not _joined(text[box[1] : run[0][0]]):
            break
        run.insert(0, box)
    insides = [last_boxed(inside) or inside for _, _, inside in run]
    return ", ".join(dict.fromkeys(inside.strip() for inside in insides))


def _joined(between: str) -> bool:
    plain = unwrapped(re.sub(r"\$|\\[()\[\],;! ]|\\q?quad|\\\\", " ", between))
    plain = re.sub(r"[A-Za-z](?:_\{?\w+\}?)?(?:\([a-z]\))?\s*=\s*$", "", plain)
    if not plain.strip():
        return True
    words = [word for word in re.findall(r"[^\W\d_]+", plain) if word.casefold() not in _SMALL]
    return bool(_JOINED_BY.search(plain)) and not _CONTRASTED_BY.search(plain) and len(words) <= 4


_SMALL = {"and", "or"}


def _alone(text: str) -> str | None:
    """All formulas of a text where nothing else is said: "$8$ and $4$" is one answer."""
    if not re.fullmatch(r"(?:[\s,;.&*]|\band\b|\bor\b)*", INLINE.sub(" ", text)):
        return None
    return ", ".join(_inside(formula).strip(" .\n") for formula in INLINE.finditer(text))


def _clause(said: str, announced: bool = True) -> str:
    """The value that a sentence gives: "The smallest $k$ is $19$." gives 19. Empty where it gives
    none; an announced sentence that is no sentence gives itself."""
    formulas: list[str] = []

    def mask(formula: re.Match[str]) -> str:
        formulas.append(_inside(formula).strip())
        return f"\ue000{len(formulas) - 1}\ue001"

    def shown(text: str) -> str:
        return _MASKED.sub(lambda m: formulas[int(m[1])], text)

    text = INLINE.sub(mask, said)
    first = _SENTENCE.split(text)[0]
    sentence = (_REASON.split(first)[0] if announced else first).rstrip(" \t*`.")
    sentence = sentence.lstrip(" \t*`")
    copulas = list(_COPULA.finditer(sentence))
    tail = (sentence[copulas[-1].end() :] if copulas else sentence).strip(" \t\"'")
    tail = tail.removeprefix('\\"')
    if listed := _LIST.match(tail):
        return shown(re.sub(r"\b(?:and|or)\b", ",", listed.group()))
    if number := _number(tail):
        return number
    if announced and formulas and (shown_first := _MASKED.search(tail) or _MASKED.search(sentence)):
        return formulas[int(shown_first[1])]
    if announced and not copulas and not formulas:
        alone = [m.group() for m in pattern(".").finditer(sentence)]
        if len(alone) == 1 and re.search(r"[^\W\d_]{3,}\s+[^\W\d_]{2,}", sentence):
            return alone[0]
    return shown(tail) if announced else ""


def _number(tail: str) -> str | None:
    """A number that words or a unit follow: "12 distinct sequences", "1,000.99 €"."""
    text = typography(tail)
    match = re.compile(r"\\?\$?\s*[-+]?\s*").match(text)
    digits = pattern(None).match(text, match.end() if match else 0)
    if digits is None:
        return None
    end = digits.end()
    if over := re.compile(r"(?:\s+\d+)?\s*/\s*\d+").match(text, end):
        end = over.end()
    units = _UNITS.match(text, end)
    if units is None:
        return None
    percent = "\\%" if units["percent"] else ""
    return text[:end].replace("\\$", "").replace("$", "").strip() + percent + units["factor"]


def _inside(formula: re.Match[str]) -> str:
    return str(formula[formula.lastgroup or 0])
