"""Where a decided line agrees, in characters of both texts."""

from typing import Any

import numpy as np
import polars as pl

from decontam.batches import Batch
from decontam.index import PARTS, Index
from decontam.jit import kernel
from decontam.simd import WIDTH
from decontam.tokens import (
    BYTE_CLASS,
    CLASS_BITS,
    FOLDED,
    FOLDED_LENGTH,
    LOWER,
    OPERATOR,
    fold,
    read_only,
    tokenise_folded,
)

SPAN = pl.Struct({"start": pl.Int64, "end": pl.Int64})
TURN_SPAN = pl.Struct({"turn": pl.Int64, "start": pl.Int64, "end": pl.Int64})
EVIDENCE = pl.Schema(
    {  # type: ignore[arg-type]
        "row_id": pl.String,
        "source": pl.String,
        "suite": pl.String,
        "eval_id": pl.String,
        "decision": pl.String,
        "rule": pl.String,
        "reason": pl.String,
        "part": pl.String,
        "score": pl.Float32,
        "coverage": pl.Float32,
        "wording": pl.Float32,
        "nats": pl.Float32,
        "rarest_nats": pl.Float32,
        "needed": pl.Float32,
        "passage": pl.Float32,
        "choices": pl.Float32,
        "answer": pl.Float32,
        "numbers_replaced": pl.Int64,
        "operators_replaced": pl.Int64,
        "turn": pl.Int64,
        "role": pl.String,
        "row_spans": pl.List(TURN_SPAN),
        "item_spans": pl.List(SPAN),
        "row_text": pl.String,
        "row_text_start": pl.Int64,
        "item_text": pl.String,
    }
)
# The texts kept beside the spans: the item's, and the row's around the match.
ITEM_CHARACTERS = 4000
AROUND = 300
ROW_CHARACTERS = 6000
# What may stand before and after a sentence; the empty string is the turn's own bound.
SENTENCE_STARTS = {"", *"\n.:;!?\"'`([{<>*#|-。！？：；“‘「『（》"}
SENTENCE_ENDS = {"", *"\n.:;!?\"'`)]}<>*#|-_。！？：；”’」』）《…("}


@kernel
def word_places(data, start, end, packed, lengths, classes, lower, scratch, origin, hashes, spans):
    """Character spans of a text's words into the first rows of `spans`; returns how many."""
    size = fold(data, start, end, packed, lengths, scratch, origin)
    count = tokenise_folded(scratch, 0, size, classes, lower, hashes, 0, spans)
    words = 0
    for i in range(count):
        if hashes[i] & CLASS_BITS != np.uint64(OPERATOR):
            first, last = spans[i, 0], spans[i, 1] - 1
            spans[words, 0] = origin[first]
            spans[words, 1] = origin[last] + 1
            words += 1
    return words


class Places:
    """Word spans of texts, one text remembered."""

    def __init__(self) -> None:
        self._size = 0
        self._last: tuple[int, int, int] | None = None
        self._spans = np.empty((0, 2), np.int64)

    def of(self, data: np.ndarray, start: int, end: int) -> np.ndarray:
        """Spans of `data[start:end]`'s words, shape (words, 2), in characters."""
        asked = (id(data), start, end)
        if asked != self._last:
            if end - start > self._size:
                self._size = 2 * (end - start)
                self._scratch = np.empty(3 * self._size + WIDTH, np.uint8)
                self._origin = np.empty(3 * self._size + WIDTH, np.int32)
                self._hashes = np.empty(3 * self._size + WIDTH, np.uint64)
                self._buffer = np.empty((3 * self._size + WIDTH, 2), np.int64)
            count = word_places(
                read_only(data),
                start,
                end,
                FOLDED,
                FOLDED_LENGTH,
                BYTE_CLASS,
                LOWER,
                self._scratch,
                self._origin,
                self._hashes,
                self._buffer,
            )
            self._spans = self._buffer[:count].copy()
            self._last = asked
        return self._spans


def text_at(data: np.ndarray, start: int, end: int) -> str:
    return data[start:end].tobytes().decode("utf-8", "replace")


class Evidence:
    """Turns decided lines with their segments into evidence rows."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.items: dict[int, tuple[str, np.ndarray]] = {}
        self.item_places, self.row_places = Places(), Places()

    def item(self, reference: int) -> tuple[str, np.ndarray]:
        if reference not in self.items:
            if len(self.items) > 20_000:
                self.items.clear()
            data, bounds = self.index.text_bytes, self.index.text_offsets
            start, end = int(bounds[reference]), int(bounds[reference + 1])
            text = text_at(data, start, end)[:ITEM_CHARACTERS]
            self.items[reference] = text, self.item_places.of(data, start, end)
        return self.items[reference]

    def stands_alone(self, batch: Batch, text_words: np.ndarray, line: dict[str, Any]) -> bool:
        """Whether a match begins and ends where its turn, a line or a sentence does."""
        text = line["text"]
        start, end = int(batch.offsets[text]), int(batch.offsets[text + 1])
        places = self.row_places.of(batch.data, start, end)
        first = line["first"] - int(text_words[text])
        last = min(line["end"] - int(text_words[text]), len(places)) - 1
        whole = text_at(batch.data, start, end)
        before = whole[: places[first, 0]].rstrip(" \t$")
        after = whole[places[last, 1] :].lstrip(" \t$")
        return before[-1:] in SENTENCE_STARTS and after[:1] in SENTENCE_ENDS

    def rows(
        self,
        decided: pl.DataFrame,
        batch: Batch,
        text_words: np.ndarray,
        segments: np.ndarray,
        bounds: np.ndarray,
    ) -> list[dict[str, Any]]:
        index, found = self.index, []
        for number, line in enumerate(decided.iter_rows(named=True)):
            item_text, item_places = self.item(line["reference"])
            first_text = int(batch.row_texts[line["row"]])
            row_spans = []
            item_spans = []
            for low, high, first, last in segments[bounds[number] : bounds[number + 1]].tolist():
                item_spans.append(
                    {"start": int(item_places[low, 0]), "end": int(item_places[high, 1])}
                )
                row_spans += self._row_spans(batch, text_words, first, last, first_text)
            text = line["text"]
            start, end = int(batch.offsets[text]), int(batch.offsets[text + 1])
            here = [s for s in row_spans if s["turn"] == text - first_text]
            low = here[0]["start"] if here else 0
            high = here[-1]["end"] if here else 0
            cut = max(0, low - AROUND)
            stop = min(high + AROUND, cut + ROW_CHARACTERS)
            row_id, source = batch.name(line["row"])
            start_word = int(index.offsets[line["reference"]])
            weights = index.weights[start_word : start_word + line["length"]]
            found.append(
                {
                    "row_id": row_id,
                    "source": source,
                    "suite": index.suites[index.item_suite[line["item"]]]["name"],
                    "eval_id": index.item_ids[line["item"]],
                    "decision": line["decision"],
                    "rule": line["rule"],
                    "reason": "",
                    "part": PARTS[line["part"]],
                    "score": line["score"],
                    "coverage": line["share"],
                    "wording": line["wording"],
                    "nats": line["evidence"],
                    "rarest_nats": float(weights.max()) / 16 if len(weights) else 0.0,
                    "needed": line["needed"],
                    "passage": line["passage"] if line["passage"] >= 0 else None,
                    "choices": line["choices"] if line["choices"] >= 0 else None,
                    "answer": line["answer"] if line["answer"] >= 0 else None,
                    "numbers_replaced": line["numbers_replaced"],
                    "operators_replaced": line["operators_replaced"],
                    "turn": text - first_text,
                    "role": self._role(batch, line["row"], text - first_text),
                    "row_spans": row_spans,
                    "item_spans": item_spans,
                    "row_text": text_at(batch.data, start, end)[cut:stop],
                    "row_text_start": cut,
                    "item_text": item_text,
                }
            )
        return found

    @staticmethod
    def _role(batch: Batch, row: int, turn: int) -> str:
        messages = batch.row(row).get("messages")
        turns = int(batch.row_texts[row + 1] - batch.row_texts[row])
        if isinstance(messages, list) and len(messages) == turns:
            return str(messages[turn].get("role"))  # what nearly every row is
        texts = batch.texts(row)
        return texts[turn].role if turn < len(texts) else ""

    def _row_spans(
        self, batch: Batch, text_words: np.ndarray, first: int, last: int, first_text: int
    ) -> list[dict[str, int]]:
        """The words `first` to `last` of the batch as spans; more than one where turns end."""
        spans = []
        text = int(np.searchsorted(text_words, first, side="right")) - 1
        while first <= last:
            begin, stop = int(text_words[text]), int(text_words[text + 1])
            if stop > first:
                places = self.row_places.of(
                    batch.data, int(batch.offsets[text]), int(batch.offsets[text + 1])
                )
                end = min(last, stop - 1)
                spans.append(
                    {
                        "turn": text - first_text,
                        "start": int(places[first - begin, 0]),
                        "end": int(places[end - begin, 1]),
                    }
                )
                first = end + 1
            text += 1
        return spans
