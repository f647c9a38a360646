"""Kinds of leaks, and of rows that only look like leaks: what `selftest` plants.

A planter takes an item's text, the item, a random generator and the user's own turns, and gives the
turns to plant, or None where the kind does not apply to the item. Each says what is right: dropped,
not dropped, or only reported.
"""

import html
import random
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from decontam.words import NUMERALS

Item = Mapping[str, Any]
Planter = Callable[[str, Item, random.Random, "Filler"], list[str] | None]
CJK = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
WORD = re.compile(rf"[{CJK}]|[^\W{CJK}]+|\s+|.")
UNSPACED = re.compile(rf"[{CJK}]")
# What an editor takes for a word: what stands between spaces, or one character of such a script.
EDITED = re.compile(rf"[{CJK}]|[^\s{CJK}]+|\s+")
SENTENCE = re.compile(r"(?<=[.?!])\s+(?=\S)|(?<=[。？！；])")
CODE = re.compile(r"^\s*(def|class|for|if|return|import) .*", re.MULTILINE)
TEMPLATES = (
    "### Instruction:\n{}\n\n### Response:",
    "Question: {}\nAnswer:",
    "You are an expert tutor. A student asks:\n\n{}\n\nExplain the solution.",
    "请认真回答下面的问题。\n\n{}\n\n谢谢！",
)
IN_WORDS = {number: word for word, number in NUMERALS.items()}
IN_WORDS |= {
    tens + ones: f"{IN_WORDS[tens]}-{IN_WORDS[ones]}"
    for tens in range(20, 100, 10)
    for ones in range(1, 10)
}
OTHER_FORM = {str(number): word for number, word in IN_WORDS.items()}
OTHER_FORM |= {word: digits for digits, word in OTHER_FORM.items()}
# Fewer words than this leave nothing that an edit of 5 % could change.
EDITABLE = 12


@dataclass(frozen=True)
class Filler:
    """Ordinary texts of the user's own rows, for what stands around a leak."""

    turns: list[str]

    def turn(self, rng: random.Random) -> str:
        return rng.choice(self.turns)

    def word(self, rng: random.Random, like: str) -> str:
        if UNSPACED.match(like):
            return rng.choice("的人们来自上海国学生中大年工作时间可能因为所以问题方法")
        words = self.turn(rng).split()
        return rng.choice(words) if words else "thing"


@dataclass(frozen=True)
class Kind:
    """`expected`: True dropped, False kept, None only reported."""

    name: str
    expected: bool | None
    make: Planter
    roles: tuple[str, ...] = ("user", "assistant")


def split_words(text: str) -> tuple[list[str], list[int]]:
    """Pieces of a text, and which of them are words (in Chinese, characters)."""
    pieces = WORD.findall(text)
    return pieces, [i for i, piece in enumerate(pieces) if piece.isalnum()]


def edited(share: float) -> Planter:
    """Words deleted, replaced and inserted, in equal parts, `share` of all."""

    def make(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
        pieces = EDITED.findall(text)
        if len(split_words(text)[1]) < EDITABLE:
            return None
        for place, piece in enumerate(pieces):
            if not piece.isspace() and rng.random() < share:
                other = filler.word(rng, piece)
                space = "" if UNSPACED.match(piece) else " "
                pieces[place] = rng.choice(["", other, f"{piece}{space}{other}"])
        return ["".join(pieces)]

    return make


def mistyped(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """Three letters in a hundred dropped, doubled or put the wrong way round."""
    if UNSPACED.search(text) or len(split_words(text)[1]) < EDITABLE:
        return None
    out = list(text)
    for i in range(len(out) - 1):
        if out[i].isalpha() and out[i + 1].isalpha() and rng.random() < 0.03:
            swapped = out[i + 1] + out[i]
            out[i], out[i + 1] = rng.choice([("", out[i + 1]), (out[i] * 2, out[i + 1]), swapped])
    return ["".join(out)]


def bare(text: str, *_: Any) -> list[str]:
    kept = "".join(c for c in text if c.isalnum() or c.isspace() or UNSPACED.match(c))
    return [kept.lower()]


def shouted(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str]:
    """Upper case, spaces doubled, sentences ended by something else."""
    return [re.sub(r" ", "  ", re.sub(r"[.?!](\s|$)", r" ...\1", text.upper()))]


def odd_unicode(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str]:
    """One of: full-width capitals and zero-width spaces, bold letters of mathematics, decomposed
    accents and soft hyphens, ligatures and no-break spaces, Cyrillic look-alikes."""
    dressed = text.replace("'", "’").replace("-", "‐")
    match rng.randrange(5):
        case 0:
            wide = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x41, 0x5B)})
            return [re.sub(r"([^\W\d_]{4})(\w)", "\\1\u200b\\2", dressed.translate(wide))]
        case 1:
            letters = [chr(c) for c in (*range(0x41, 0x5B), *range(0x61, 0x7B))]
            bold = "".join(chr(0x1D400 + n) for n in range(52))
            return [text.translate(str.maketrans("".join(letters), bold))]
        case 2:
            return [
                re.sub(r"([a-z]{3})(?=[a-z]{3})", "\\1\u00ad", unicodedata.normalize("NFD", text))
            ]
        case 3:
            return [
                text.replace("fi", "ﬁ").replace("fl", "ﬂ").replace("ff", "ﬀ").replace(" ", "\u00a0")
            ]
        case _:
            return [text.translate(str.maketrans("aeopcxAEOPCXTHBM", "аеорсхАЕОРСХТНВМ"))]


def markup(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str]:
    """One of: HTML with entities, Markdown emphasis, a quotation, a list, LaTeX text."""
    pieces, words = split_words(text)
    match rng.randrange(5):
        case 0:
            lines = html.escape(text).split("\n")
            return ['<div class="q"><p>' + "</p>\n<p>".join(lines) + "</p></div>"]
        case 1:
            for place in rng.sample(words, (len(words) + 5) // 6):
                pieces[place] = f"**{pieces[place]}**"
            return ["".join(pieces)]
        case 2:
            return ["\n".join(f"> {line}" for line in text.split("\n"))]
        case 3:
            return ["\n".join(f"- {sentence}" for sentence in SENTENCE.split(text))]
        case _:
            return ["\\begin{problem}\n\\text{" + text + "}\n\\end{problem}"]


def formula(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """The same formulas in another dress: delimiters, sizes, display style."""
    if text.count("$") < 2:
        return None
    dressed = re.sub(r"\$\$?([^$]+)\$\$?", r"\\( \1 \\)", text)
    dressed = dressed.replace("\\frac", "\\dfrac").replace("\\left", "").replace("\\right", "")
    return [dressed.replace("\\le ", "\\leq ").replace("\\ge ", "\\geq ").replace("\\,", "")]


def code_in_fence(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """Code inside a fence, indented with tabs."""
    if not CODE.search(text):
        return None
    return [f"Complete this:\n\n```python\n{text.replace('    ', chr(9))}\n```"]


def code_renamed(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """The functions that the code defines, and their parameters, under other names."""
    names = re.findall(r"\bdef (\w+)", text)
    for parameters in re.findall(r"\bdef \w+\(([^)]*)\)", text):
        names += re.findall(r"(?:^|,)\s*(\w+)\s*(?=[:,=]|$)", parameters)
    if not names:
        return None
    others = ["solution", *rng.sample(["value", "data", "items", "given", "foo", "bar", "v"], 7)]
    new = dict(zip(dict.fromkeys(names), others, strict=False))
    return [re.sub(r"\b\w+\b", lambda m: new.get(m[0], m[0]), text)]


def shuffled(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    choices = [str(choice) for choice in item.get("choices") or []]
    if len(choices) < 2:
        return None
    rng.shuffle(choices)
    style = rng.choice(["{n}) {c}", "{l}. {c}", "({l}) {c}", "- {c}"])
    lines = [style.format(n=n + 1, l=chr(65 + n % 26), c=c) for n, c in enumerate(choices)]
    return ["\n".join([text, *lines])]


def short_lines(text: str, *_: Any) -> list[str]:
    pieces, line, lines = WORD.findall(text), "", []
    for piece in pieces:
        line += " " if piece.isspace() else piece
        if len(line) > 30 and (piece.isspace() or UNSPACED.match(piece)):
            lines.append(line.strip())
            line = ""
    return ["\n".join([*lines, line])]


def two_turns(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    cut = next((m.end() for m in SENTENCE.finditer(text) if m.end() > len(text) // 3), 0)
    return [text[:cut], "I see.", text[cut:]] if cut and len(text) >= 120 else None


def reordered(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """The sentences of a question in another order."""
    sentences = SENTENCE.split(text)
    if len(sentences) < 3 or item.get("passage") or CODE.search(text):
        return None
    rng.shuffle(sentences)
    return [" ".join(sentences)]


def beginning(share: float) -> Planter:
    """The first words of a question, `share` of them."""

    def make(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
        pieces, words = split_words(str(item["prompt"]))
        if len(words) < 2 * EDITABLE or item.get("passage"):
            return None
        return ["".join(pieces[: words[round(share * len(words)) - 1] + 1])]

    return make


def numbers_in_words(text: str, *_: Any) -> list[str] | None:
    """Numbers under a hundred in English words, and the other way round."""

    def other(found: re.Match[str]) -> str:
        return OTHER_FORM.get(found.group().lower(), found.group())

    spelled = re.sub(r"\w+(?:[.,-]\w+)*", other, text)
    return None if spelled == text or UNSPACED.search(text) else [spelled]


def numbers_written(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """Thousands with their commas where they had none, and without where they had."""
    if not re.search(
        r"(?<![\d.,])[1-9]\d{0,2}(,\d{3})+(?!\d)|(?<![\d.,])[1-9]\d{3,}(?![\d.,])", text
    ):
        return None
    if "," in (re.search(r"\d[\d,]{3,}", text) or [""])[0]:
        return [re.sub(r"(?<=\d),(?=\d{3})", "", text)]
    return [re.sub(r"(?<![\d.,])[1-9]\d{3,14}(?![\d.,])", lambda m: f"{int(m[0]):,}", text)]


def renamed(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """A person's name replaced throughout: the problem, and its answer, are the same."""
    names = re.findall(r"(?<=[a-z,;] )([A-Z][a-z]{2,})(?: |'s)", text)
    name = max(dict.fromkeys(names), key=names.count, default=None)
    if name is None or text.count(name) < 2 or len(split_words(text)[1]) < 2 * EDITABLE:
        return None
    return [re.sub(rf"\b{name}\b", rng.choice(["Oluwaseun", "Brynhild", "Casimir"]), text)]


def other_numbers(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    if item.get("passage") or len(re.findall(r"\d+", text)) < 2:
        return None
    return [re.sub(r"\d+", lambda m: str(int(m[0][:9]) + rng.randint(3, 89)), text)]


def solution(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """The answer in the assistant's turn, to another question."""
    answer = str(item.get("answer") or "")
    if item.get("choices") or len(split_words(answer)[1]) < 40:
        return None
    return [filler.turn(rng), answer]


def passage_alone(text: str, item: Item, *_: Any) -> list[str] | None:
    return [f"Summarise this text.\n\n{item['passage']}"] if item.get("passage") else None


def question_alone(text: str, item: Item, *_: Any) -> list[str] | None:
    return [str(item["prompt"])] if item.get("passage") else None


def passage_and_other(
    text: str, item: Item, rng: random.Random, filler: Filler
) -> list[str] | None:
    if not item.get("passage"):
        return None
    return [f"{item['passage']}\n\nWhat would be a good title for this text, and why?"]


def eight_words(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    pieces, words = split_words(str(item["prompt"]))
    if len(words) < 24:
        return None
    first = rng.randrange(len(words) - 8)
    eight = "".join(pieces[words[first] : words[first + 7] + 1])
    return [f"{eight}. {filler.turn(rng)}"]


def one_sentence(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """A sentence of four or more, none of them the question itself, in another text."""
    sentences = SENTENCE.split(str(item["prompt"]))
    if len(sentences) < 4 or CODE.search(text):
        return None
    sentence = rng.choice(sentences[:-1])
    return (
        [f"{filler.turn(rng)} {sentence} {filler.turn(rng)}"]
        if 3 * len(sentence) < len(text)
        else None
    )


def other_subject(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    pieces, words = split_words(str(item["prompt"]))
    if not 6 <= len(words) <= 14:
        return None
    subject = " ".join(filler.turn(rng).split()[:3])
    return [f"{''.join(pieces[: words[len(words) // 2]])} {subject}?"]


def in_passing(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """A conversation that names what the question is about: its last three words."""
    pieces, words = split_words(str(item["prompt"]))
    if len(words) < 6:
        return None
    subject = "".join(pieces[words[-3] : words[-1] + 1])
    return [f"I read something about {subject} yesterday. {filler.turn(rng)}"]


KINDS = (
    Kind("verbatim", True, lambda t, *_: [t]),
    Kind("template", True, lambda t, i, rng, _: [rng.choice(TEMPLATES).format(t)]),
    Kind("embedded", True, lambda t, i, rng, f: [f"{f.turn(rng)}\n\n{t} {f.turn(rng)}"]),
    Kind("in the answer", True, lambda t, i, rng, f: [f.turn(rng), f"Here is one:\n\n{t}"]),
    Kind("later turn", True, lambda t, i, rng, f: [f.turn(rng), f.turn(rng), t]),
    Kind("system turn", True, lambda t, *_: [t], ("system", "user", "assistant")),
    Kind(
        "tool turn",
        True,
        lambda t, i, rng, f: [f.turn(rng), "Let me look.", t],
        ("user", "assistant", "tool", "assistant"),
    ),
    Kind("two turns", True, two_turns),
    Kind("bare words", True, bare),
    Kind("upper case", True, shouted),
    Kind("odd unicode", True, odd_unicode),
    Kind("markup", True, markup),
    Kind("formulas dressed", True, formula),
    Kind("code in a fence", True, code_in_fence),
    Kind("code renamed", True, code_renamed),
    Kind("numbers written", True, numbers_written),
    Kind("numbers in words", True, numbers_in_words),
    Kind("short lines", True, short_lines),
    Kind("choices shuffled", True, shuffled),
    Kind("sentences reordered", True, reordered),
    Kind("first 80 %", True, beginning(0.8)),
    Kind("first 60 %", True, beginning(0.6)),
    Kind("5 % edited", True, edited(0.05)),
    Kind("15 % edited", True, edited(0.15)),
    Kind("30 % edited", True, edited(0.30)),
    Kind("mistyped", True, mistyped),
    Kind("name replaced", True, renamed),
    Kind("solution alone", True, solution),
    Kind("numbers changed", None, other_numbers),
    Kind("passage alone", None, passage_alone),
    Kind("question alone", None, question_alone),
    Kind("passage, other task", False, passage_and_other),
    Kind("eight of its words", False, eight_words),
    Kind("one sentence of it", False, one_sentence),
    Kind("other subject", False, other_subject),
    Kind("named in passing", False, in_passing),
)
