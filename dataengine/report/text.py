"""Text of rows as inert HTML: escaped, evidence marked, invisible characters named."""

import difflib
import re
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

Span = tuple[int, int]

MOST = 1_200
"""Characters of one text that are shown, where it has no marks."""
AROUND = 200
"""Characters shown on each side of a mark in a long text."""
MARKS = 4
"""Marks of a long text that are shown."""
WORDS = 600
"""Words of each side that are compared."""

INVISIBLE = re.compile(
    r"([\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff])\1*"
)
"""Characters that nobody sees, and those that turn the direction of what follows them."""


def visible(text: str) -> Markup:
    """Escaped text in which invisible characters are named."""
    return Markup(INVISIBLE.sub(_named, str(escape(text))))


def _named(found: re.Match[str]) -> str:
    times = len(found.group())
    count = f" × {times:,}" if times > 1 else ""
    return f'<span class="ctl">U+{ord(found.group(1)):04X}{count}</span>'


def marked(text: str, spans: Iterable[Span] = (), most: int = MOST) -> Markup:
    """Text with its spans marked; of a long one the beginning and what is around its first marks,
    and how many characters are not shown."""
    spans = _merged((max(0, a), min(b, len(text))) for a, b in spans)
    shown = [(0, len(text))] if len(text) <= most else _windows(len(text), spans, most)
    out, at = Markup(), 0
    for start, end in shown:
        out += _gap(start - at)
        at = start
        for low, high in spans:
            low, high = max(low, at), min(high, end)
            if low < high:
                inner = visible(text[low:high])
                out += visible(text[at:low]) + Markup("<mark>{}</mark>").format(inner)
                at = high
        out += visible(text[at:end])
        at = end
    return out + _gap(len(text) - at)


def _gap(missing: int) -> Markup:
    told = f" … {missing:,} characters not shown … "
    return Markup('<span class="gap">{}</span>').format(told) if missing else Markup()


def _windows(length: int, spans: Sequence[Span], most: int) -> list[Span]:
    head = (0, most // 3 if spans else most)
    around = [(a - AROUND, min(b, a + most // 2) + AROUND) for a, b in spans[:MARKS]]
    return _merged([head, *((max(0, a), min(b, length)) for a, b in around)])


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that touch as one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif start < end:
            found.append((start, end))
    return found


def _same(text: str) -> Markup:
    """What both sides say: of much, its beginning and end."""
    if len(text) <= 3 * AROUND:
        return visible(text)
    gap = _gap(len(text) - 2 * AROUND)
    return visible(text[:AROUND]) + gap + visible(text[-AROUND:])


def word_diff(before: str, after: str) -> Markup:
    """What words `after` has in place of those of `before`: <del> and <ins>."""
    # A word with the space before it: every space by itself would be compared with all others.
    old, new = re.findall(r"\s*\S+|\s+", before), re.findall(r"\s*\S+|\s+", after)
    cut = len(old) > WORDS or len(new) > WORDS
    old, new = old[:WORDS], new[:WORDS]
    out = Markup()
    one, other = ([piece.strip() for piece in pieces] for pieces in (old, new))
    steps = difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    if cut and steps[-1][0] != "equal":
        steps.pop()  # where the cut leaves one side longer, nothing differs
    for kind, a, b, c, d in steps:
        if kind == "equal":
            out += _same("".join(new[c:d]))
            continue
        was, now = "".join(old[a:b]), "".join(new[c:d])
        space = now[: len(now) - len(now.lstrip())] if was.startswith(" ") else ""
        out += visible(space)
        for mark, told in (("del", was), ("ins", now)):
            said = marked(told.removeprefix(space))
            out += Markup("<{0}>{1}</{0}>").format(mark, said) if told else Markup()
    rest = Markup('<span class="gap"> … only the first {} words are compared … </span>')
    return out + (rest.format(WORDS) if cut else Markup())
