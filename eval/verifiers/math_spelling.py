r"""LaTeX normalisation: one spelling for expressions that mean the same.

What LaTeX does not print goes; Unicode is LaTeX; a blank between digits stays what it is: grouping
(`12 480`), a mixed number (`2 1/3`) or two values (`3 5`, written `3,5`). `3 \text{ million}` is
3000000. `decimal` is the decimal mark, where the language of the text is known.
"""

import re
from decimal import Decimal

from eval.verifiers.latex import unwrapped
from eval.verifiers.numbers import FACTORS, in_words, typography

_UNPRINTED = re.compile(
    r"\\(?:left|right|[dt]?big[gl]?[lr]?|Big[gl]?[lr]?|displaystyle|limits|[,!;:>])(?![a-zA-Z])"
    r"|\\[ ]|~|\s|(?<!\\)\$"
)
_SYMBOLS = {
    "×": r"\times ", "·": r"\cdot ", "÷": r"\div ", "π": r"\pi ", "∞": r"\infty ", "≤": r"\le ",
    "≥": r"\ge ", "≠": r"\ne ", "±": r"\pm ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ",
    "∅": r"\emptyset ", "°": r"^\circ ", "→": r"\to ", "⋅": r"\cdot ", "∗": "*",
}  # fmt: skip
_POWERS = re.compile("[⁰¹²³⁴-⁹⁻⁺ⁿ]+")
_INDICES = re.compile("[₀-₉]+")
_ASCII_POWERS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ₀₁₂₃₄₅₆₇₈₉", "0123456789-+n0123456789")
_BLANK = r"(?:[ \t\n~\u00a0\u2009\u202f]|\\[ ,])"
_GROUPED = re.compile(rf"(?<![\d.,])\d{{1,3}}(?:{_BLANK}\d{{3}})+(?!\d|{_BLANK}\d)")
_SCALED = re.compile(
    rf"(?P<number>\d[\d.,]*)(?:{_BLANK}|\\[;!])*(?:\\(?:text|mathrm|mbox)\s*\{{\s*)?"
    rf"(?P<word>{'|'.join(word for word in FACTORS if word.isascii())})s?(?![A-Za-z])"
    r"(?P<rest>[^{}]*\})?",
    re.IGNORECASE,
)
_AND = re.compile(
    r"(?:,\s*)?(?:\\(?:text|mbox|mathrm|textrm)\s*\{\s*(?:and|or)\s*\}|(?<![a-zA-Z\\])(?:and|or)(?![a-zA-Z]))"
)


def prepared(expression: str, decimal: str | None = None) -> str:
    """LaTeX that math-verify reads as a person would; still with its blanks and commands."""
    if "\\begin" not in expression:  # as JSON that was escaped twice leaves it
        expression = re.sub(r"\\\\(?=[a-zA-Z])", r"\\", expression)
    expression = _of_unicode(expression)
    if (value := in_words(unwrapped(expression))) is not None:
        return str(value)
    expression = re.sub(r"(?<=\d)(?:,\\!\s*|\{,\}(?=\d{3}(?!\d)))(?=\d)", ",", expression)
    expression = expression.replace("{,}", ",").replace("\\!", "")
    if decimal == ",":
        expression = re.sub(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+(?![\d.])", _ungrouped, expression)
        expression = re.sub(r"(?<![\d,])(\d+),(\d+)(?![\d,])", r"\1.\2", expression)
    if "(" not in expression and "[" not in expression and "\\{" not in expression:
        expression = re.sub(r"(?<![\d,.])[1-9]\d{0,2}(?:,\d{3})+(?!\d|,\d)", _ungrouped, expression)
    expression = _GROUPED.sub(_ungrouped, expression)
    expression = re.sub(rf"(\d){_BLANK}+(\d+)\s*/\s*([1-9]\d*)(?![\d/])", _mixed, expression)
    expression = re.sub(rf"(?<=\d){_BLANK}+(?=\d)", ", ", expression)
    return _AND.sub(", ", _SCALED.sub(_scaled, expression))


def _of_unicode(expression: str) -> str:
    if expression.isascii():
        return expression
    for sign, latex in _SYMBOLS.items():
        expression = expression.replace(sign, latex)
    expression = re.sub(
        r"(?<=\d)?[¼-¾⅐-⅞]",
        lambda m: rf"\frac{{{typography(m.group()).strip().replace('/', '}{')}}}",
        expression,
    )
    expression = _POWERS.sub(lambda m: "^{" + m.group().translate(_ASCII_POWERS) + "}", expression)
    expression = _INDICES.sub(lambda m: "_{" + m.group().translate(_ASCII_POWERS) + "}", expression)
    expression = re.sub(r"√\s*(\d+|[a-zA-Z]|(?=[({]))", _root, expression)
    return typography(expression)


def _root(match: re.Match[str]) -> str:
    return r"\sqrt{" + match[1] + "}" if match[1] else r"\sqrt"


def _ungrouped(match: re.Match[str]) -> str:
    return re.sub(rf"{_BLANK}|[,.]", "", match.group())


def _mixed(match: re.Match[str]) -> str:
    whole, over, under = match.groups()
    if int(over) >= int(under):
        return match.group()
    return rf"{whole}\frac{{{over}}}{{{under}}}"


def _scaled(match: re.Match[str]) -> str:
    try:
        value = Decimal(match["number"].replace(",", "")) * FACTORS[match["word"].casefold()]
    except ArithmeticError:
        return match.group()
    rest = (match["rest"] or "").removesuffix("}")
    return f"{value.normalize():f}" + (rf"\text{{{rest}}}" if rest.strip() else "")


def normalise(expression: str) -> str:
    """A `prepared` expression without what LaTeX does not print, in one spelling."""
    expression = _UNPRINTED.sub("", unwrapped(expression))
    expression = re.sub(r"\\[dtc]frac", r"\\frac", expression)
    expression = re.sub(r"\\frac(\w)(\w)", r"\\frac{\1}{\2}", expression)
    expression = re.sub(r"([_^])\{(\w)\}", r"\1\2", expression)
    return expression.rstrip(".")
