"""Word-for-word copies of long items, wherever they stand in a row and whatever else it holds.

An item of LEAST words without a passage is led to by one trigram of its own, its *anchor*: the one
that fewest items have. Where the anchor stands in a row, all words around it must be the item's,
and the operators between them. Items of the same words (BBH's sequences of brackets) are told apart
by their brackets, and one of fewer words, long by its marks, by all of these. An item without words
(Morse code) is looked for in the text itself.
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from decontam import background
from decontam.batches import Batch
from decontam.columns import HIGH, LOW, REFERENCE, TEXT
from decontam.jit import kernel
from decontam.packed import Bytes, Offsets, pack, text_at
from decontam.tokens import tokenise
from decontam.words import fill_trigrams, word_spans

LEAST = 20
COUNTERS = 1 << 24
# The beginning of an item without words that is looked for first: so many characters of it.
NEEDLE = 24
WORD = re.compile(r"\w")
BRACKET, MARK = re.compile(r"[()\[\]{}<>]"), re.compile(r"[^\w\s]")
TEXTS = 512


class Groups(NamedTuple):
    """References of the same words: `members[bounds[g]:bounds[g + 1]]`, led to by the trigram
    `keys[g]`, which begins at their word `anchor[g]`."""

    members: NDArray[np.int64]
    bounds: NDArray[np.int64]
    anchor: NDArray[np.int64]
    keys: NDArray[np.uint64]


def is_long(text: str, words: int) -> bool:
    """Whether a question has LEAST words, or as many pieces between spaces."""
    return words >= LEAST or len(text.split()) >= LEAST


def groups_of(
    words: NDArray[np.uint64],
    offsets: Offsets,
    hashes: NDArray[np.uint64],
    chosen: NDArray[np.int64],
) -> Groups:
    """The references of `chosen`, of three words and more, by their words; `hashes` are those of
    all references' words."""
    members = chosen[np.argsort(hashes[chosen], kind="stable")]
    first = np.flatnonzero(np.append(True, np.diff(hashes[members]) != 0)[: len(members)])
    held = np.zeros(len(offsets) - 1, np.bool_)
    held[members[first]] = True
    grams, ones = np.zeros(len(words), np.uint64), np.ones(len(words), np.float32)
    fill_trigrams(words, ones, offsets, held, grams, np.zeros_like(ones))
    common = np.isfinite(background.trigram_surprise(grams))
    anchor = np.zeros(len(first), np.int64)
    pick_anchors(grams, common, offsets, members[first], np.zeros(COUNTERS, np.uint8), anchor)
    keys = grams[offsets[members[first]] + anchor]
    return Groups(members, np.append(first, len(members)), anchor, keys)


@kernel
def pick_anchors(grams, common, offsets, references, counters, anchor):
    """For each reference the place of the trigram that fewest of them have, one that ordinary data
    does not know where there is any."""
    mask = np.uint64(len(counters) - 1)
    for reference in references:
        for i in range(offsets[reference], offsets[reference + 1] - 2):
            counters[grams[i] & mask] += counters[grams[i] & mask] < 255
    for n in range(len(references)):
        start, best = offsets[references[n]], np.int64(1 << 30)
        for i in range(start, offsets[references[n] + 1] - 2):
            cost = np.int64(counters[grams[i] & mask]) + np.int64(256 if common[i] else 0)
            if cost < best:
                best = cost
                anchor[n] = i - start


def told_by_brackets(
    texts: list[str], hashes: NDArray[np.uint64], chosen: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of the references of `chosen` have the words of others, and other brackets."""
    told = np.zeros(len(texts), np.bool_)
    order = chosen[np.argsort(hashes[chosen], kind="stable")]
    bounds = np.flatnonzero(np.diff(hashes[order], prepend=0, append=0) != 0)
    for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        if high - low > 1:
            same = order[low:high]
            told[same] = len({"".join(BRACKET.findall(texts[r])) for r in same.tolist()}) > 1
    return told


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
