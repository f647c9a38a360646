"""Word-for-word copies of long items, wherever they stand in a row and whatever else it holds.

An item of LEAST words without a passage is led to by one trigram of its own, its *anchor*: the one
that fewest items have. Where the anchor stands in a row, all words around it must be the item's, and
the operators between them. Items of the same words (BBH's sequences of brackets) are told apart by
their brackets. An item without words (Morse code) is looked for in the text itself.
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from decontam import background
from decontam.batches import Batch
from decontam.jit import kernel
from decontam.tokens import Bytes, Offsets, pack, text_at, tokenise
from decontam.words import fill_trigrams, word_spans

LEAST = 20
COUNTERS = 1 << 24
# The beginning of an item without words that is looked for first: so many characters of it.
NEEDLE = 24
BRACKET = re.compile(r"[()\[\]{}<>]")
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
    """The references of `chosen`, of three words and more, by their words; `hashes` are those of all
    references' words."""
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
        start, best = offsets[references[n]], 1 << 30
        for i in range(start, offsets[references[n] + 1] - 2):
            cost = np.int64(counters[grams[i] & mask]) + (256 if common[i] else 0)
            if cost < best:
                best = cost
                anchor[n] = i - start


class Shape(NamedTuple):
    """A text whose words are known, as it is compared: the tokens from its first word to its last,
    and the brackets before, among and after its words."""

    tokens: bytes
    brackets: tuple[str, str, str]
    after: str


def shape_of(text: str, start: int, end: int) -> Shape:
    """`start` and `end`: the characters of `text` in which its words stand."""
    tokens, _ = tokenise(*pack([text[start:end]]))
    after = text[end:]
    found = ("".join(BRACKET.findall(piece)) for piece in (text[:start], text[start:end], after))
    return Shape(tokens.tobytes(), tuple(found), after)  # type: ignore[arg-type]


class Copies:
    """Which candidates are copies of their items, mark by mark where marks tell items apart."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.item = lru_cache(TEXTS)(self._item)
        self.told_apart = lru_cache(TEXTS)(self._told_apart)

    def confirmed(
        self, candidates: NDArray[np.int64], batch: Batch, text_words: Offsets
    ) -> NDArray[np.bool_]:
        """For candidates of the kind COPY (as `search.find_candidates` gives them)."""
        spans = lru_cache(8)(lambda text: word_spans(text_at(batch.data, batch.offsets, text)))
        shapes: dict[tuple[int, int], Shape] = {}
        found = np.zeros(len(candidates), np.bool_)
        for place, (reference, _, first, end, text, group, _) in enumerate(candidates.tolist()):
            if (text, first) not in shapes:
                words = spans(text)[first - text_words[text] : end - text_words[text]]
                said = text_at(batch.data, batch.offsets, text)
                shapes[text, first] = shape_of(said, int(words[0, 0]), int(words[-1, 1]))
            here, item = shapes[text, first], self.item(reference)
            found[place] = here.tokens == item.tokens and (
                not self.told_apart(group) or same_brackets(here, item)
            )
        return found

    def _item(self, reference: int) -> Shape:
        text = text_at(self.index.text_bytes, self.index.text_offsets, reference)
        spans = word_spans(text)
        return shape_of(text, int(spans[0, 0]), int(spans[-1, 1]))

    def _told_apart(self, group: int) -> bool:
        """Whether a group's items differ in their brackets."""
        low, high = self.index.copy_bounds[group : group + 2].tolist()
        members = self.index.copy_members[low:high].tolist()
        return len({self._item(reference).brackets for reference in members}) > 1


def same_brackets(row: Shape, item: Shape) -> bool:
    """Whether an item's brackets stand in a row as they do in the item, and after its last word no
    other follows them in the line."""
    before, among, after = item.brackets
    if row.brackets[1] != among or not row.brackets[0].endswith(before):
        return False
    line, left = row.after, len(after)
    place = next((m.end() for m in BRACKET.finditer(line) if not (left := left - 1)), 0)
    if left > 0 or not row.brackets[2].startswith(after):
        return False
    rest = line[place:].split("\n", 1)[0].lstrip()
    return not BRACKET.match(rest)


def wordless_copies(
    references: NDArray[np.int32], item_text: Any, data: Bytes, offsets: Offsets
) -> list[tuple[int, int]]:
    """(reference, text) of the items without words that texts hold, spaces and line ends aside."""
    found: list[tuple[int, int]] = []
    if not len(references):
        return found
    whole = data[: offsets[-1]].tobytes()
    for reference in references.tolist():
        item = item_text(reference)
        needle, said = item.split("\n")[0].strip()[:NEEDLE].encode(), " ".join(item.split())
        place = whole.find(needle)
        while place >= 0:
            text = int(np.searchsorted(offsets, place, side="right")) - 1
            if said in " ".join(text_at(data, offsets, text).split()):
                found.append((reference, text))
            place = whole.find(needle, int(offsets[text + 1]))
    return found
