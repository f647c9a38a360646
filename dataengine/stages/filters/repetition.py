"""Degenerate repetition: text that loops, in any language.

Three signs, one is enough. A *cycle*: one or a few sentences over and over without a break. A
*sentence* said very often, wherever between others. A text that *compresses* far beyond what
language does, which is a loop of any other unit.

A sentence ends at a full stop before a space, at the full stops of Chinese or Hindi, or with its
line: not inside a link or after "vs.". A row of a table is one sentence, and what stands in code is
none, so that lists of links, tables and code are compared as what they are.
"""

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

import polars as pl

from dataengine.row import Message
from dataengine.stages.filters import Finding, TurnFilter

FEW_TEXTS = 5_000
"""So many texts are judged one by one: compiling what looks for suspects takes longer."""
SHORTEST_TEXT = 200
"""Bytes of a turn from which a loop can be told from emphasis."""
SHORTEST = 12
"""Bytes of a sentence's words: four short words, four ideographs. Lists repeat shorter ones."""
CYCLES, LONGEST_CYCLE, CYCLED = 6, 8, 0.3
"""So many times the same sentences, at most so many, one after the other, for so much of the words.
A refrain comes back after a verse, and less often."""
TIMES, SHARE, AGAIN = 8, 0.2, 0.5
"""A sentence said this often, this much of what is said, where so much of it was said before."""
OFTEN = 16
"""Said this often and that much it is one, whatever stands between."""
LONG, LONG_TIMES, LONG_SHARE = 100, 4, 0.4
"""A sentence of this many bytes is no refrain: fewer times are enough."""
LOOP_BYTES, LOOP_RATIO, LETTERS_RATIO = 600, 10.0, 30.0
"""Words of this many bytes shrink 2 to 4 times as prose, 5 to 7 as tables of code; a loop, more.
Grids, boards and truth tables are single letters and digits: letters shrink 15 times there."""

FENCE = re.compile(
    r"^ {0,3}(?:> ?)?(```+|~~~+).*?(?:^ {0,3}(?:> ?)?\1|\Z)", re.DOTALL | re.MULTILINE
)
CODE = re.compile(
    r"^(?: {4,}|\t)|[{};]\s*$|^\s*(?:</?\w|[\w.\[\]]+ ?[-+]?= ?\S|"
    r"(?:def|class|return|import|from|print|console|#include)\b)"
)
"""A line of code outside a fence."""
MARKER = re.compile(r"^\s*(?:>\s*)*(?:[-*•·+]\s+|\(?\d{1,4}[.):]\s+|#+\s+)?")
SHORT = ("vs", "v", "[A-Z]", "Mr", "Mrs", "Ms", "Dr", "St", "No", "Nr", "cf", "etc")
ABBREVIATION = "".join(rf"(?<!\b{short})" for short in SHORT)
END = re.compile(rf"{ABBREVIATION}[.!?…]+(?=[\s\"'”’)\]*_]|$)|[。！？।॥؟။]+")
WORD = re.compile(r"\w+")
PIECE = re.compile(r"[.!?…。！？।॥؟။\n]+")
MARKS = " \t>-*•·+#().:0123456789"


class Sentence(NamedTuple):
    """A sentence, where it starts, and how many bytes its words have."""

    text: str
    start: int
    size: int


class Repetition(TurnFilter):
    """Drops rows in which the assistant loops."""

    name: ClassVar[str] = "repetition"
    version: ClassVar[int] = 2

    def gate(self, texts: pl.DataFrame) -> pl.Series:
        if texts.height < FEW_TEXTS:
            return texts["text"].str.len_bytes() >= SHORTEST_TEXT
        from dataengine.loops import suspects  # numba: not needed to plan

        return pl.Series(suspects(texts["text"], SHORTEST_TEXT, LOOP_BYTES))

    def find(self, text: str, turns: Sequence[Message], number: int) -> Finding | None:
        if len(text.encode()) < SHORTEST_TEXT:
            return None
        if not may_repeat(text):
            return _loop(text)
        said = list(sentences(text))
        return _repeated(said) or _cycle(said) or _loop(text)


def may_repeat(text: str) -> bool:
    """Whether any sentence can stand in a text LONG_TIMES times: then so does its first piece."""
    times = Counter(piece.strip(MARKS) for piece in PIECE.split(text))
    del times[""]
    return any(n >= LONG_TIMES for n in times.values())


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a text that have words, without the marks of lists, outside code."""
    prose = FENCE.sub(lambda block: re.sub(r"[^\n]", " ", block[0]), text)
    place = 0
    for line in prose.splitlines(keepends=True):
        start, place = place, place + len(line)
        if CODE.search(line.rstrip("\n")):
            continue
        marker = MARKER.match(line)
        first = marker.end() if marker else 0
        for low, high in _bounds(line, first):
            words = line[low:high].strip()
            size = sum(len(word.encode()) for word in WORD.findall(words))
            if size:
                yield Sentence(words, start + low + line[low:high].index(words[0]), size)


def _bounds(line: str, first: int) -> Iterator[tuple[int, int]]:
    """Where the sentences of a line begin and end; a row of a table is one."""
    if line.count("|") < 2 and "\t" not in line.strip():
        for end in END.finditer(line, first):
            yield first, end.start()
            first = end.end()
    yield first, len(line)


def said_again(text: str) -> float:
    """The share of a text's words that stand in sentences which it has said before."""
    if not may_repeat(text):
        return 0.0
    said = list(sentences(text))
    return _said_again(said, Counter(s.text for s in said))


def _said_again(said: list[Sentence], times: Counter[str]) -> float:
    size, total = {s.text: s.size for s in said}, sum(s.size for s in said)
    return sum((n - 1) * size[text] for text, n in times.items()) / max(total, 1)


def _repeated(said: list[Sentence]) -> Finding | None:
    """The sentence that is said too often."""
    if len(said) < LONG_TIMES:
        return None
    size, total = {s.text: s.size for s in said}, sum(s.size for s in said)
    times = Counter(s.text for s in said)
    again = _said_again(said, times)
    for text, n in times.most_common():
        if n < LONG_TIMES:
            return None
        share = n * size[text] / total
        often = (
            size[text] >= SHORTEST
            and share >= SHARE
            and (n >= OFTEN or (n >= TIMES and again >= AGAIN))
        )
        long = size[text] >= LONG and share >= LONG_SHARE
        if often or long:
            start = next(s.start for s in said if s.text == text)
            return Finding("repeats a sentence", start, start + len(text))
    return None


def _cycle(said: list[Sentence]) -> Finding | None:
    """A few sentences that come again and again without a break."""
    total = sum(s.size for s in said)
    for period in range(1, min(LONGEST_CYCLE, len(said) // LONG_TIMES) + 1):
        run = size = 0
        for place in range(period, len(said)):
            same = said[place].text == said[place - period].text
            run, size = (run + 1, size + said[place].size) if same else (0, 0)
            if run % period == 0 and _loops(1 + run // period, size, total):
                first, last = said[place - run - period + 1], said[place]
                return Finding("repeats a sentence", first.start, last.start + len(last.text))
    return None


def _loops(cycles: int, size: int, total: int) -> bool:
    """Whether so many cycles, whose repeats have `size` bytes of words, are a loop."""
    if cycles < LONG_TIMES:
        return False
    one = size / (cycles - 1)
    short = cycles >= CYCLES and one >= SHORTEST and size >= CYCLED * total
    return short or (one >= LONG and size >= LONG_SHARE * total)


def _loop(text: str) -> Finding | None:
    """A text that is nearly all one unit over and over, whatever the unit."""
    if len(text.encode()) < LOOP_BYTES:
        return None
    words = WORD.findall(text)
    long = [word for word in words if len(word) > 1]
    letters = [word for word in words if not word.isdigit()] if 2 * len(long) < len(words) else []
    if shrinks(long, LOOP_RATIO) or shrinks(letters, LETTERS_RATIO):
        return Finding("loops", 0, len(text))
    return None


def shrinks(words: list[str], ratio: float) -> bool:
    """Whether words enough compress by this much."""
    joined = " ".join(words).encode()
    return len(joined) >= LOOP_BYTES and len(joined) / len(zlib.compress(joined, 6)) >= ratio
