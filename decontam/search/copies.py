"""Copies word for word: candidates confirmed operator by operator, and mark by mark where needed.

Items of the same words (BBH's sequences of brackets) are told apart by their brackets, and one of
fewer words, long by its marks, by all of these. An item without words (Morse code) is looked for in
the text itself.
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataengine.kernels.packed import Bytes, Offsets, pack, text_at
from dataengine.kernels.tokens import tokenise
from decontam.index.verbatim import BRACKET, LEAST
from decontam.io.batches import Batch
from decontam.search.columns import HIGH, LOW, REFERENCE, TEXT
from decontam.text.words import word_spans

# The beginning of an item without words that is looked for first: so many characters of it.
NEEDLE = 24
WORD, MARK = re.compile(r"\w"), re.compile(r"[^\w\s]")
TEXTS = 512


class Shape(NamedTuple):
    """A text whose words are known, as it is compared: the tokens from its first word to its last,
    and what stands before, from the one to the other, and after."""

    tokens: bytes
    before: str
    among: str
    after: str

    @classmethod
    def of(cls, text: str, spans: NDArray[np.int64]) -> "Shape":
        """`spans`: the characters of `text` in which its words stand."""
        start, end = int(spans[0, 0]), int(spans[-1, 1])
        tokens, _ = tokenise(*pack([text[start:end]]))
        return cls(tokens.tobytes(), text[:start], text[start:end], text[end:])

    def marks(self, kind: re.Pattern[str]) -> tuple[str, str, str]:
        """The marks of a kind before, among and after the words."""
        before, among, after = ("".join(kind.findall(piece)) for piece in self[1:])
        return before, among, after


class Copies:
    """Which candidates are copies of their items, mark by mark where marks tell items apart."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.item = lru_cache(TEXTS)(self._item)

    def confirmed(
        self, candidates: NDArray[np.int64], batch: Batch, text_words: Offsets
    ) -> NDArray[np.bool_]:
        """For candidates of the kind COPY (as `find_candidates` gives them)."""
        spans = lru_cache(8)(lambda text: word_spans(text_at(batch.data, batch.offsets, text)))
        shapes: dict[tuple[int, int], Shape] = {}
        found = np.zeros(len(candidates), np.bool_)
        wanted = candidates[:, [REFERENCE, LOW, HIGH, TEXT]].tolist()
        for place, (reference, first, end, text) in enumerate(wanted):
            if (text, first) not in shapes:
                words = spans(text)[first - text_words[text] : end - text_words[text]]
                said = text_at(batch.data, batch.offsets, text)
                shapes[text, first] = Shape.of(said, words)
            here, item = shapes[text, first], self.item(reference)
            few = end - first < LEAST
            kind = MARK if few else BRACKET if self.index.marked[reference] else None
            found[place] = here.tokens == item.tokens and (
                kind is None or same_marks(here, item, kind)
            )
        return found

    def _item(self, reference: int) -> Shape:
        text = text_at(self.index.text_bytes, self.index.text_offsets, reference)
        return Shape.of(text, word_spans(text))


def same_marks(row: Shape, item: Shape, kind: re.Pattern[str]) -> bool:
    """Whether an item's marks of a kind stand in a row as they do in the item, and behind its last
    one no bracket follows in the line."""
    before, among, after = item.marks(kind)
    there, inside, _ = row.marks(kind)
    if not there.endswith(before) or inside != among:
        return False
    place = 0
    for mark in after:
        found = kind.search(row.after, place)
        if found is None or found[0] != mark or WORD.search(row.after, place, found.start()):
            return False
        place = found.end()
    return not BRACKET.match(row.after[place:].split("\n", 1)[0].lstrip())


def wordless_copies(
    references: NDArray[np.int32], item_text: Any, data: Bytes, offsets: Offsets
) -> list[tuple[int, int]]:
    """(reference, text) of the items without words that texts hold, spaces and line ends aside."""
    found: list[tuple[int, int]] = []
    if not len(references) or not len(offsets):
        return found
    whole = data[: offsets[-1]].tobytes()
    for reference in references.tolist():
        item = item_text(reference)
        said = " ".join(item.split())
        needle = item.split("\n")[0].strip()[:NEEDLE].encode()
        place = whole.find(needle)
        while place >= 0:
            text = int(np.searchsorted(offsets, place, side="right")) - 1
            if said in " ".join(text_at(data, offsets, text).split()):
                found.append((reference, text))
            place = whole.find(needle, int(offsets[text + 1]))
    return found
