"""Scan of a batch of texts: candidates, their measurements, and a table of matches."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataengine.kernels.packed import Offsets, text_at
from dataengine.kernels.scratch import ScratchBuffers
from dataengine.kernels.tokens import tokenise
from decontam.decide.rules import Seen, agreement, dice, least_share, promising
from decontam.index.index import Index
from decontam.index.items import CHOICES, PASSAGE, QUESTION, SHARED
from decontam.io.batches import Batch
from decontam.search.alignment import Workspace
from decontam.search.candidates import (
    MOST_COPIES,
    MOST_HITS,
    CandidateIndex,
    HitBuffers,
    ask_of_passages,
    find_candidates,
)
from decontam.search.columns import (
    ALIGNED,
    CANDIDATE_COLUMNS,
    COPY,
    END,
    FIRST,
    HIGH,
    ITEM,
    KIND,
    LETTERS,
    LOW,
    MISSING,
    NO_COPY,
    NUMBERS,
    NUMBERS_REPLACED,
    OPERATORS_REPLACED,
    REFERENCE,
    ROW,
    RUN,
    SPAN,
    TEXT,
)
from decontam.search.copies import Copies, wordless_copies
from decontam.search.measure import Items, Measured, References, measure
from decontam.search.segments import trace
from decontam.search.support import support
from decontam.text.words import split_words, words_of

# A question asked by more items than this is looked at for the first of them only.
MOST_ITEMS = 64
CANDIDATES = 1 << 15


@cache
def letters() -> NDArray[np.uint32]:
    """The letters of the alphabet as words: what stands between operators in a formula."""
    return words_of(list("abcdefghijklmnopqrstuvwxyz")).words.astype(np.uint32)


@cache
def numerals() -> NDArray[np.uint32]:
    """Numbers that are words all the same: another one makes another problem."""
    english = "hundred thousand million half twice double triple third quarter"
    return words_of([f"{english} 一二三四五六七八九十百千万两半"]).words.astype(np.uint32)


class BatchWords(NamedTuple):
    """A batch's words, as kernels read them; `text_words` and `row_words` are each text's and each
    row's bounds, `squashed` and `operators` a hash of each text's letters and of its operators."""

    words: NDArray[np.uint64]
    operator_codes: NDArray[np.uint8]
    text_words: Offsets
    row_words: Offsets
    squashed: NDArray[np.uint64]
    operators: NDArray[np.uint64]


class Scanner:
    """One thread's scratch buffers over one index; `scan` may be called for any batches."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.scratch = ScratchBuffers()
        self.lengths = np.diff(index.offsets)
        self.owned = np.diff(index.owner_offsets).clip(max=MOST_ITEMS)
        longest = int(self.lengths.max())
        self.seeds = CandidateIndex(
            index.slots, index.postings, index.filter, index.offsets, index.seeds_needed,
            index.words, index.copy_anchor, index.copy_bounds, index.copy_members,
        )  # fmt: skip
        self.with_passage, self.without = owners_with_passage(index)
        least = least_share(index.totals, index.part, self.with_passage, self.without)
        self.references = References(
            index.offsets, index.words, index.operator_codes, index.weights, index.totals,
            index.stock, index.own, index.operators, index.part, least.astype(np.float32),
            letters(), numerals(),
        )  # fmt: skip
        self.items = Items(index.owners, index.owner_offsets, index.item_parts)
        self.copies = Copies(index)
        self.hits = HitBuffers.of(len(index.part), longest)
        self.work = Workspace.of(longest)
        most = CANDIDATES + MOST_COPIES + MOST_HITS
        self.candidates = np.empty((most, CANDIDATE_COLUMNS), np.int64)
        self.asked = np.empty((CANDIDATES, CANDIDATE_COLUMNS), np.int64)
        self.segments = np.empty((max(CANDIDATES, longest), 4), np.int64)

    def words(self, batch: Batch) -> BatchWords:
        """The batch's words, in scratch buffers: good until the next batch's are asked for."""
        squashed = np.empty(len(batch.offsets) - 1, np.uint64)
        ends = self.index.ends
        tokens = tokenise(batch.data, batch.offsets, squashed, ends, buffers=self.scratch)
        read = split_words(*tokens, self.scratch)
        rows = read.offsets[batch.row_texts]
        codes, operators = read.operator_codes, read.operators
        return BatchWords(read.words, codes, read.offsets, rows, squashed, operators)

    def scan(self, batch: Batch, words: BatchWords) -> pl.DataFrame:
        """Matches of the batch: one line per row, reference and item, columns as in `MATCH`."""
        found: list[pl.DataFrame] = []
        row = 0
        while row < len(batch.row_texts) - 1:
            row, count = find_candidates(
                words, batch.row_texts, row, self.seeds, self.hits, self.candidates
            )
            copies = np.flatnonzero(self.candidates[:count, KIND] == COPY)
            if len(copies):
                there = self.copies.confirmed(self.candidates[copies], batch, words.text_words)
                self.candidates[copies[~there], KIND] = NO_COPY
            found += self.measured(self.candidates, count, words)
        wordless = self.wordless(batch, words)
        found += self.measured(wordless, len(wordless), words) if len(wordless) else []
        return pl.concat(found) if found else pl.DataFrame(schema=MATCH)

    def wordless(self, batch: Batch, words: BatchWords) -> NDArray[np.int64]:
        """Candidates for items without words, at the beginning of the texts that hold them."""
        index = self.index

        def item_text(reference: int) -> str:
            return text_at(index.text_bytes, index.text_offsets, reference)

        found = wordless_copies(index.wordless, item_text, batch.data, batch.offsets)
        out = np.zeros((len(found), CANDIDATE_COLUMNS), np.int64)
        out[:, KIND], out[:, ITEM] = COPY, -1
        for place, (reference, text) in enumerate(found):
            row = np.searchsorted(batch.row_texts, text, side="right") - 1
            first = words.text_words[text]
            out[place, [REFERENCE, ROW, LOW, HIGH, TEXT]] = reference, row, first, first, text
        return out

    def traced(
        self, decided: pl.DataFrame, words: BatchWords
    ) -> Iterator[tuple[pl.DataFrame, NDArray[np.int64], NDArray[np.int64]]]:
        """Decided lines with the segments in which they agree and each line's bounds among them."""
        lines = decided.select("reference", "first", "end").to_numpy(order="c")
        done = 0
        while done < len(lines):
            bounds = np.zeros(len(lines) - done + 1, np.int64)
            left = lines[done:]
            count = trace(left, words.words, self.references, self.work, self.segments, bounds)
            yield decided[done : done + count], self.segments, bounds
            done += count

    def measured(
        self, candidates: NDArray[np.int64], count: int, words: BatchWords
    ) -> list[pl.DataFrame]:
        """Matches among the first `count` candidates, and among those beside their passages."""
        measured = Measured.of(count)
        measure(candidates, words, self.references, self.work, measured)
        found = []
        good = np.flatnonzero(self._promising(candidates[:count], measured))
        if len(good):
            found.append(self.matches(candidates[good], measured.only(good), words))
        if candidates is self.candidates:
            done = 0
            while done < count:
                done, asked = ask_of_passages(
                    candidates, done, measured, self.references, self.items, self.asked
                )
                if asked:
                    found += self.measured(self.asked, asked, words)
        return found

    def _promising(self, candidates: NDArray[np.int64], measured: Measured) -> NDArray[np.bool_]:
        """What no rule could decide is let go before its item's other parts are looked for."""
        reference, (numbers, share, _) = candidates[:, REFERENCE], measured
        wording = dice(numbers[:, ALIGNED], numbers[:, SPAN], self.lengths[reference])
        seen = Seen(
            nats=share * self.index.totals[reference],
            share=share,
            score=agreement(share, wording),
            part=self.index.part[reference],
            run=numbers[:, RUN],
            aligned=numbers[:, ALIGNED],
            missing=numbers[:, MISSING],
        )
        may_be = promising(seen, self.with_passage[reference], self.without[reference])
        return may_be | (candidates[:, KIND] == COPY)

    def matches(
        self, candidates: NDArray[np.int64], measured: Measured, words: BatchWords
    ) -> pl.DataFrame:
        """Measured candidates as `MATCH`: one line for each item that has the reference."""
        index, text_words, numbers = self.index, words.text_words, measured.numbers
        reference = candidates[:, REFERENCE]
        known = candidates[:, ITEM]
        owned = self.owned[reference]
        owned[known >= 0] = 1
        # Line by line: the candidate, and which of the reference's items.
        of = np.repeat(np.arange(len(candidates)), owned)
        nth = np.arange(len(of)) - np.repeat(np.cumsum(owned) - owned, owned)
        item = index.owners[index.owner_offsets[reference[of]] + nth]
        item = np.where(known[of] >= 0, known[of], item)
        where = np.column_stack([candidates[of, ROW], item, numbers[of, FIRST], numbers[of, END]])
        parts = np.full((len(of), 3), -1.0, np.float32)
        support(np.ascontiguousarray(where), words, self.references, self.items, self.work, parts)
        options = index.item_parts[item, CHOICES]
        # What many items offer (Yes, No) is no item's.
        telling = (options >= 0) & (np.diff(index.owner_offsets)[options] < SHARED)
        choices_nats = np.where(telling, index.own[options], 0).astype(np.float32)
        text = np.searchsorted(text_words, numbers[:, FIRST], side="right") - 1
        copies = candidates[:, KIND] == COPY  # one of no words stands before the next text's first
        text[copies] = candidates[copies, TEXT]
        reference, text, numbers = reference[of], text[of], numbers[of]
        return pl.DataFrame(
            {
                "row": candidates[of, ROW],
                "item": item.astype(np.int64),
                "reference": reference,
                "part": index.part[reference],
                "share": measured.shares[of],
                "own": measured.own[of],
                "own_nats": index.own[reference],
                "nats": index.totals[reference],
                "length": self.lengths[reference],
                "whole": candidates[of, KIND] == LETTERS,
                "verbatim": candidates[of, KIND] == COPY,
                "shared": index.shared[reference],
                "stem": index.stem[reference],
                "marked": index.marked[reference],
                "first": numbers[:, FIRST],
                "end": numbers[:, END],
                "aligned": numbers[:, ALIGNED],
                "run": numbers[:, RUN],
                "numbers_replaced": numbers[:, NUMBERS_REPLACED],
                "numbers": numbers[:, NUMBERS],
                "operators_replaced": numbers[:, OPERATORS_REPLACED],
                "missing": numbers[:, MISSING],
                "span": numbers[:, SPAN],
                "text": text,
                "text_first": text_words[text],
                "text_end": text_words[text + 1],
                "passage": parts[:, 0],
                "choices": parts[:, 1],
                "answer": parts[:, 2],
                "choices_nats": choices_nats * parts[:, 1].clip(min=0),
            },
            schema=MATCH,
        )


def owners_with_passage(index: Index) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For each reference whether it has items with a passage, and items without one; of all that
    ask a question, and of the first that has a reference of another part."""
    first = index.owner_offsets[: len(index.part)]
    has = index.item_parts[index.owners, PASSAGE] >= 0
    question = index.part == QUESTION
    some, others = np.logical_or.reduceat(has, first), np.logical_or.reduceat(~has, first)
    return np.where(question, some, has[first]), np.where(question, others, ~has[first])


MATCH = pl.Schema(
    {
        "row": pl.Int64,
        "item": pl.Int64,
        "reference": pl.Int64,
        "part": pl.UInt8,
        "share": pl.Float32,
        "own": pl.Float32,
        "own_nats": pl.Float32,
        "nats": pl.Float32,
        "length": pl.Int64,
        "whole": pl.Boolean,
        "verbatim": pl.Boolean,
        "shared": pl.Boolean,
        "stem": pl.Boolean,
        "marked": pl.Boolean,
        "first": pl.Int64,
        "end": pl.Int64,
        "aligned": pl.Int64,
        "run": pl.Int64,
        "numbers_replaced": pl.Int64,
        "numbers": pl.Int64,
        "operators_replaced": pl.Int64,
        "missing": pl.Int64,
        "span": pl.Int64,
        "text": pl.Int64,
        "text_first": pl.Int64,
        "text_end": pl.Int64,
        "passage": pl.Float32,
        "choices": pl.Float32,
        "answer": pl.Float32,
        "choices_nats": pl.Float32,
    }
)
