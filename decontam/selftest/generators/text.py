"""Text pieces for leak generators: words and sentences, and ordinary text to put around them."""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Item = Mapping[str, Any]
Planter = Callable[[str, Item, random.Random, "Filler"], list[str] | None]
CJK = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
WORD = re.compile(rf"[{CJK}]|[^\W{CJK}]+|\s+|.")
UNSPACED = re.compile(rf"[{CJK}]")
SENTENCE = re.compile(r"(?<=[.?!])\s+(?=\S)|(?<=[。？！；])")
CODE = re.compile(r"^\s*(def|class|for|if|return|import) .*", re.MULTILINE)
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


def split_words(text: str) -> tuple[list[str], list[int]]:
    """Pieces of a text, and which of them are words (in Chinese, characters)."""
    pieces = WORD.findall(text)
    return pieces, [i for i, piece in enumerate(pieces) if piece.isalnum()]
