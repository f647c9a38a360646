"""Leak generators that keep an item's words and change letters, marks, markup, turns."""

import html
import json
import random
import re
import unicodedata
from typing import Any

from dataengine.kernels.folding import SIMPLIFIED
from decontam.selftest.generators.text import (
    CODE,
    SENTENCE,
    UNSPACED,
    WORD,
    Filler,
    Item,
    split_words,
)

TEMPLATES = (
    "### Instruction:\n{}\n\n### Response:",
    "Question: {}\nAnswer:",
    "You are an expert tutor. A student asks:\n\n{}\n\nExplain the solution.",
    "请认真回答下面的问题。\n\n{}\n\n谢谢！",
)
MARKS = ("> ", "- ", "* ", ">>> ", "// ")
TRADITIONAL = {new: old for old, new in SIMPLIFIED.items()}


def bare(text: str, *_: Any) -> list[str]:
    """Without punctuation, in lower case."""
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


def marked(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str]:
    """A mark at the beginning of every line: quotation, list, prompt or comment."""
    mark = rng.choice(MARKS)
    return ["\n".join(f"{mark}{line}" for line in text.split("\n"))]


def escaped(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """JSON in the content, with what is not ASCII as \\uXXXX."""
    return None if text.isascii() else [json.dumps({"input": text})]


def traditional(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """Simplified Chinese in traditional characters."""
    other = text.translate(TRADITIONAL)
    return None if other == text else [other]


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


def shuffled(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """The choices in another order and style."""
    choices = [str(choice) for choice in item.get("choices") or []]
    if len(choices) < 2:
        return None
    rng.shuffle(choices)
    style = rng.choice(["{n}) {c}", "{l}. {c}", "({l}) {c}", "- {c}"])
    lines = [style.format(n=n + 1, l=chr(65 + n % 26), c=c) for n, c in enumerate(choices)]
    return ["\n".join([text, *lines])]


def short_lines(text: str, *_: Any) -> list[str]:
    """Broken into lines of some 30 characters."""
    pieces, line, lines = WORD.findall(text), "", []
    for piece in pieces:
        line += " " if piece.isspace() else piece
        if len(line) > 30 and (piece.isspace() or UNSPACED.match(piece)):
            lines.append(line.strip())
            line = ""
    return ["\n".join([*lines, line])]


def two_turns(text: str, item: Item, rng: random.Random, filler: Filler) -> list[str] | None:
    """Cut after a sentence, into two turns."""
    cut = next((m.end() for m in SENTENCE.finditer(text) if m.end() > len(text) // 3), 0)
    return [text[:cut], "I see.", text[cut:]] if cut and len(text) >= 120 else None
