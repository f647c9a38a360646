"""Evidence table: character spans in which a row and an item agree, with both texts."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from dataengine.kernels.folding import FOLDING
from dataengine.kernels.jit import kernel
from dataengine.kernels.packed import Bytes, Offsets, read_only, text_at
from dataengine.kernels.scratch import ScratchBuffers
from dataengine.kernels.simd import WIDTH
from decontam.index.index import NAT, PARTS, Index
from decontam.io.batches import Batch
from decontam.search.segments import ITEM_FIRST, ITEM_LAST, ROW_FIRST, ROW_LAST
from decontam.text.words import PlaceBuffers, number_words, word_places

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
        "own": pl.Float32,
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
        "input": pl.Int32,
        "row": pl.Int64,
    }
)
# The texts kept beside the spans: the item's, and the row's around the match.
ITEM_CHARACTERS = 4000
AROUND = 300
ROW_CHARACTERS = 6000
# What is looked up line by line.
KEPT = ("row_id", "source", "role", "turn", "rarest_nats", "row_text", "row_text_start",
        "item_text", "input", "row")  # fmt: skip
# What may stand before and after a sentence; the empty string is the turn's own bound.
SENTENCE_STARTS = {"", *"\n.:;!?\"'`([{<>*#|-。！？：；“‘「『（》"}
SENTENCE_ENDS = {"", *"\n.:;!?\"'`)]}<>*#|-_。！？：；”’」』）《…("}
# What may follow the last word of a text cut off.
CUT_MARKS = " \t.,:;?!…。？！，"


class Texts(NamedTuple):
    """Packed texts, and the bounds of their words (of a batch; empty for items)."""

    data: Bytes
    offsets: Offsets
    words: Offsets


class LocateBuffers(NamedTuple):
    """Scratch buffers: what `word_places` takes, and where a row's and an item's words stand."""

    words: PlaceBuffers
    row: NDArray[np.int64]
    item: NDArray[np.int64]


class Spans(NamedTuple):
    """What `locate` fills: rows of (turn, start, end), one that goes on into the next turn as two,
    with each line's first and end among them; (start, end) in the item for each segment; where the
    match starts and ends in the line's own text."""

    row: NDArray[np.int64]
    bounds: NDArray[np.int64]
    item: NDArray[np.int64]
    extents: NDArray[np.int64]


# Columns of the lines that are located: the text of a match, its row's first text, the reference.
TEXT, FIRST_TEXT, REFERENCE = range(3)


@kernel
def locate(lines, matched, rows, items, folding, numbers, buffers, spans):
    """The segments in which lines agree, as characters of both texts, into `spans` (`Spans`).

    `matched`: segments, and each line's first and end among them; `rows`, `items`: `Texts`;
    `buffers`: `LocateBuffers`. Returns how many spans of rows there are.
    """
    segments, bounds = matched
    places, extents = buffers.row, spans.extents
    at = 0
    spans.bounds[0] = 0
    known = known_reference = -1
    for n in range(len(lines)):
        own, reference = lines[n, TEXT], lines[n, REFERENCE]
        if reference != known_reference:
            start, end = items.offsets[reference], items.offsets[reference + 1]
            word_places(items.data, start, end, folding, numbers, buffers.words, buffers.item)
            known_reference = reference
        text = own
        extents[n, 0] = extents[n, 1] = -1
        for z in range(bounds[n], bounds[n + 1]):
            spans.item[z, 0] = buffers.item[segments[z, ITEM_FIRST], 0]
            spans.item[z, 1] = buffers.item[segments[z, ITEM_LAST], 1]
            first, last = segments[z, ROW_FIRST], segments[z, ROW_LAST]
            # Sentences may stand in another order than in the item: in an earlier turn.
            while rows.words[text] > first:
                text -= 1
            while first <= last:
                while rows.words[text + 1] <= first:
                    text += 1
                if text != known:
                    start, end = rows.offsets[text], rows.offsets[text + 1]
                    word_places(rows.data, start, end, folding, numbers, buffers.words, places)
                    known = text
                stop = min(last, rows.words[text + 1] - 1)
                spans.row[at, 0] = text - lines[n, FIRST_TEXT]
                spans.row[at, 1] = places[first - rows.words[text], 0]
                spans.row[at, 2] = places[stop - rows.words[text], 1]
                if text == own:
                    if extents[n, 0] < 0 or spans.row[at, 1] < extents[n, 0]:
                        extents[n, 0] = spans.row[at, 1]
                    extents[n, 1] = max(extents[n, 1], spans.row[at, 2])
                at += 1
                first = stop + 1
        spans.bounds[n + 1] = at
    return at


class Evidence:
    """Turns decided lines with their segments into evidence rows."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.scratch = ScratchBuffers()
        self.items: dict[int, tuple[str, float]] = {}

    def item(self, reference: int) -> tuple[str, float]:
        """A reference's text, and the nats of its rarest word."""
        if reference not in self.items:
            if len(self.items) > 20_000:
                self.items.clear()
            index = self.index
            text = text_at(index.text_bytes, index.text_offsets, reference)
            start, end = index.offsets[reference : reference + 2].tolist()
            rarest = float(index.weights[start:end].max(initial=0)) * NAT
            self.items[reference] = text[:ITEM_CHARACTERS], rarest
        return self.items[reference]

    def table(
        self,
        decided: pl.DataFrame,
        batch: Batch,
        text_words: np.ndarray,
        segments: np.ndarray,
        bounds: np.ndarray,
    ) -> pl.DataFrame:
        """Decided lines as `EVIDENCE`; `segments` and `bounds` are `Scanner.traced`'s."""
        kept: dict[str, Any] = {name: [] for name in KEPT}
        rows, items = decided["row"].to_numpy(), decided["item"].to_list()
        lines = np.column_stack(
            [decided["text"].to_numpy(), batch.row_texts[rows], decided["reference"].to_numpy()]
        )
        row_spans, item_spans, extents = self.located(lines, batch, text_words, segments, bounds)
        for row, (text, first_text, reference), (low, high) in zip(
            rows.tolist(), lines.tolist(), extents.tolist(), strict=True
        ):
            cut = max(0, low - AROUND)
            stop = min(high, cut + ROW_CHARACTERS - AROUND) + AROUND
            whole = text_at(batch.data, batch.offsets, text)
            turn = text - first_text
            item, rarest = self.item(reference)
            identity, role = batch.name(row), batch.role(row, turn)
            place = (batch.input, int(batch.numbers[row]))
            values = (*identity, role, turn, rarest, whole[cut:stop], cut, item, *place)
            for name, value in zip(KEPT, values, strict=True):
                kept[name].append(value)
        kept |= {"row_spans": row_spans, "item_spans": item_spans}
        return self._columns(decided, items, kept)

    def located(
        self,
        lines: np.ndarray,
        batch: Batch,
        text_words: np.ndarray,
        segments: np.ndarray,
        bounds: np.ndarray,
    ) -> tuple[pl.Series, pl.Series, np.ndarray]:
        """`locate`'s spans of rows and of items as columns, and its extents."""
        segments, bounds = segments[: bounds[len(lines)]], bounds[: len(lines) + 1]
        words = int((segments[:, ROW_LAST] - segments[:, ROW_FIRST] + 1).sum())
        spans = Spans(
            np.empty((words, 3), np.int64),
            np.empty(len(lines) + 1, np.int64),
            np.empty((len(segments), 2), np.int64),
            np.empty((len(lines), 2), np.int64),
        )
        index = self.index
        count = locate(
            lines,
            (segments, bounds),
            Texts(read_only(batch.data), batch.offsets, text_words),
            Texts(read_only(index.text_bytes), index.text_offsets, text_words[:0]),
            FOLDING,
            number_words(),
            self._buffers(lines, batch),
            spans,
        )
        return (
            listed(spans.row[:count], spans.bounds, TURN_SPAN).alias("row_spans"),
            listed(spans.item, bounds, SPAN).alias("item_spans"),
            spans.extents,
        )

    def _buffers(self, lines: np.ndarray, batch: Batch) -> LocateBuffers:
        """Buffers for `word_places` of any of these rows' texts and of these references."""
        rows = int(np.diff(batch.offsets).max(initial=0))
        bounds, reference = self.index.text_offsets, lines[:, 2]
        items = int((bounds[reference + 1] - bounds[reference]).max(initial=0))
        size = 3 * max(rows, items) + WIDTH
        array = self.scratch.array
        return LocateBuffers(
            PlaceBuffers(
                array("folded", size, np.uint8),
                array("origin", size, np.int32),
                array("hashes", size, np.uint64),
            ),
            array("row", 2 * size, np.int64).reshape(-1, 2),
            array("item", 6 * items + 2 * WIDTH, np.int64).reshape(-1, 2),
        )

    def around(
        self, decided: pl.DataFrame, batch: Batch, text_words: np.ndarray
    ) -> list[tuple[str, str]]:
        """What stands before and after each line's match in its turn."""
        text, reference = decided["text"].to_numpy(), decided["reference"].to_numpy()
        last = np.minimum(decided["end"].to_numpy(), text_words[text + 1]) - 1
        none = np.zeros_like(last)
        whole = np.column_stack([none, none, decided["first"].to_numpy(), last])
        lines = np.column_stack([text, text, reference])
        *_, extents = self.located(lines, batch, text_words, whole, np.arange(len(whole) + 1))
        found = []
        for t, (low, high) in zip(text.tolist(), extents.tolist(), strict=True):
            said = text_at(batch.data, batch.offsets, t)
            found.append((said[:low], said[high:]))
        return found

    def _columns(
        self, decided: pl.DataFrame, items: list[int], kept: dict[str, Any]
    ) -> pl.DataFrame:
        """`EVIDENCE` from what was decided and what was looked up line by line."""
        index = self.index
        kept["suite"] = [index.suites[index.item_suite[item]]["name"] for item in items]
        kept["eval_id"] = [index.item_ids[item] for item in items]
        known = {
            "reason": pl.lit(""),
            "coverage": pl.col("share"),
            "nats": pl.col("evidence"),
            "part": pl.col("part").replace_strict(dict(enumerate(PARTS)), return_dtype=pl.String),
            **{part: null_below_zero(part) for part in ("passage", "choices", "answer")},
            **{name: pl.lit(pl.Series(name, values)) for name, values in kept.items()},
        }
        return decided.select(
            known.get(name, pl.col(name)).cast(kind).alias(name) for name, kind in EVIDENCE.items()
        )


def null_below_zero(name: str) -> pl.Expr:
    """A column without what is below zero, which stands for nothing."""
    return pl.when(pl.col(name) >= 0).then(pl.col(name))


def stands_alone(before: str, after: str) -> bool:
    """Whether a match begins and ends where its turn, a line or a sentence does."""
    before, after = before.rstrip(" \t$"), after.lstrip(" \t$")
    ends = after[:1] in SENTENCE_ENDS or breaks_off(after)
    return ends and before[-1:] in SENTENCE_STARTS


def breaks_off(after: str) -> bool:
    """Whether nothing more follows a match in its line: a question cut off, not one that ends in
    other words."""
    return after.lstrip(CUT_MARKS)[:1] in ("", "\n")


def listed(spans: np.ndarray, bounds: np.ndarray, kind: pl.Struct) -> pl.Series:
    """Each line's spans as one list of structs."""
    bounds, *columns = (pl.Series(numbers).to_arrow() for numbers in (bounds, *spans.T))
    structs = pa.StructArray.from_arrays(columns, [field.name for field in kind.fields])
    return pl.Series(pa.LargeListArray.from_arrays(bounds, structs))
