"""A batch of texts through the kernels: what matched, and how well."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from decontam.batches import Batch
from decontam.decide import (
    BY_WORD,
    CUT_NATS,
    CUT_SHARE,
    EVIDENCE,
    NEAR,
    NEEDED,
    PASSAGE_THERE,
    QUESTION_EDITED,
)
from decontam.index import CHOICES, PASSAGE, SHARED, Index
from decontam.room import Room
from decontam.search import (
    COPY,
    LETTERS,
    LONGEST_ALIGNED,
    MOST_COPIES,
    MOST_HITS,
    NO_COPY,
    Hits,
    Leads,
    ask_of_passages,
    find_candidates,
    measure,
    support,
    trace,
)
from decontam.tokens import Offsets, text_at, tokenise
from decontam.verbatim import Copies, wordless_copies
from decontam.words import split_words, words_of

# A question asked by more items than this is looked at for the first of them only.
MOST_ITEMS = 64
CANDIDATES = 1 << 15
WIDEST = 4 * LONGEST_ALIGNED


@cache
def letters() -> NDArray[np.uint32]:
    """The letters of the alphabet as words: what stands between operators in a formula."""
    return words_of(list("abcdefghijklmnopqrstuvwxyz")).words.astype(np.uint32)


@cache
def numerals() -> NDArray[np.uint32]:
    """Numbers that are words all the same: another one makes another problem."""
    english = "hundred thousand million half twice double triple third quarter"
    return words_of([f"{english} 一二三四五六七八九十百千万两半"]).words.astype(np.uint32)


@dataclass(frozen=True)
class BatchWords:
    """A batch's words; `text_words` and `row_words` are each text's and each row's bounds."""

    words: NDArray[np.uint64]
    glue: NDArray[np.uint8]
    text_words: Offsets
    row_words: Offsets
    squashed: NDArray[np.uint64]
    operators: NDArray[np.uint64]


class Scanner:
    """One thread's buffers over one index; `scan` may be called for any number of batches."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.room = Room()
        self.lengths = np.diff(index.offsets)
        self.owned = np.diff(index.owner_offsets).clip(max=MOST_ITEMS)
        longest = int(self.lengths.max())
        table = 1 << int(np.ceil(np.log2(8 * longest + 4096)))
        self.leads = Leads(
            index.slots, index.postings, index.filter, index.offsets, index.seeds_needed,
            index.words, index.copy_anchor, index.copy_bounds, index.copy_members,
        )  # fmt: skip
        self.copies = Copies(index)
        self.hits = Hits.of(len(index.part), longest)
        self.least_score = self._least_score(index.totals, np.arange(len(index.part)))
        # The score is the mean of two shares, neither above 1.
        self.least_share = (2 * self.least_score - 1).astype(np.float32)
        self.candidates = np.empty((CANDIDATES + MOST_COPIES + MOST_HITS, 7), np.int64)
        self.segments = np.empty((max(CANDIDATES, longest), 4), np.int64)
        self.asked = np.empty((CANDIDATES, 7), np.int64)
        self.scores = np.empty((LONGEST_ALIGNED + 1, WIDEST + 1), np.float32)
        self.kept = np.empty(table, np.int64)
        self.table = np.empty(table, np.uint64)
        self.table_at = np.empty(table, np.int32)
        self.match = np.empty(longest + 1, np.int64)
        self.windows = np.empty(max(table, WIDEST), np.uint32)
        self.nats = np.empty(longest + 1, np.float32)

    def words(self, batch: Batch) -> BatchWords:
        """The batch's words, in this thread's room: good until the next batch's are asked for."""
        squashed = np.empty(len(batch.offsets) - 1, np.uint64)
        tokens = tokenise(batch.data, batch.offsets, squashed, self.index.ends, room=self.room)
        read = split_words(*tokens, self.room)
        row_words = read.offsets[batch.row_texts]
        return BatchWords(read.words, read.glue, read.offsets, row_words, squashed, read.operators)

    def scan(self, batch: Batch, of: BatchWords) -> pl.DataFrame:
        """Matches of the batch: one line per row, reference and item, columns as in `MATCH`."""
        found: list[pl.DataFrame] = []
        row = 0
        while row < len(batch.row_texts) - 1:
            row, count = find_candidates(
                of.words,
                of.text_words,
                batch.row_texts,
                of.squashed,
                row,
                self.leads,
                self.hits,
                self.candidates,
            )
            copies = np.flatnonzero(self.candidates[:count, 6] == COPY)
            if len(copies):
                there = self.copies.confirmed(self.candidates[copies], batch, of.text_words)
                self.candidates[copies[~there], 6] = NO_COPY
            found += self.measured(self.candidates, count, of)
        wordless = self.wordless(batch, of)
        found += self.measured(wordless, len(wordless), of) if len(wordless) else []
        return pl.concat(found) if found else pl.DataFrame(schema=MATCH)

    def wordless(self, batch: Batch, of: BatchWords) -> NDArray[np.int64]:
        """Candidates for items without words, at the beginning of the texts that hold them."""
        index = self.index

        def item_text(reference: int) -> str:
            return text_at(index.text_bytes, index.text_offsets, reference)

        found = wordless_copies(index.wordless, item_text, batch.data, batch.offsets)
        out = np.zeros((len(found), 7), np.int64)
        for place, (reference, text) in enumerate(found):
            row = np.searchsorted(batch.row_texts, text, side="right") - 1
            first = of.text_words[text]
            out[place] = reference, row, first, first, text, 0, COPY
        return out

    def traced(
        self, decided: pl.DataFrame, of: BatchWords
    ) -> Iterator[tuple[pl.DataFrame, NDArray[np.int64], NDArray[np.int64]]]:
        """Decided lines with the segments in which they agree and each line's bounds among them."""
        index = self.index
        lines = decided.select("reference", "first", "end").to_numpy(order="c")
        done = 0
        while done < len(lines):
            bounds = np.zeros(len(lines) - done + 1, np.int64)
            count = trace(
                lines[done:],
                len(lines) - done,
                of.words,
                index.offsets,
                index.words,
                index.weights,
                self.scores,
                self.kept,
                self.table,
                self.table_at,
                self.match,
                self.windows,
                self.nats,
                self.segments,
                bounds,
            )
            yield decided[done : done + count], self.segments, bounds
            done += count

    def measured(
        self,
        candidates: NDArray[np.int64],
        count: int,
        of: BatchWords,
    ) -> list[pl.DataFrame]:
        index = self.index
        shares, own = np.empty(count, np.float32), np.empty(count, np.float32)
        numbers = np.empty((count, 9), np.int64)
        measure(
            candidates,
            count,
            of.words,
            of.glue,
            of.row_words,
            index.offsets,
            index.words,
            index.glue,
            index.weights,
            index.totals,
            index.stock,
            index.own,
            self.least_share,
            letters(),
            numerals(),
            of.operators,
            index.operators,
            self.scores,
            self.kept,
            self.table,
            self.table_at,
            self.match,
            self.windows,
            self.nats,
            numbers,
            shares,
            own,
        )
        found = []
        good = np.flatnonzero(self._promising(candidates[:count], shares, numbers))
        if len(good):
            found.append(self.matches(candidates[good], shares[good], own[good], numbers[good], of))
        if candidates is self.candidates:
            done = 0
            while done < count:
                done, asked = ask_of_passages(
                    candidates,
                    numbers,
                    shares,
                    done,
                    count,
                    index.part,
                    index.offsets,
                    index.owners,
                    index.owner_offsets,
                    index.item_parts,
                    self.asked,
                )
                if asked:
                    found += self.measured(self.asked, asked, of)
        return found

    def _promising(
        self,
        candidates: NDArray[np.int64],
        shares: NDArray[np.float32],
        numbers: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """What no rule could decide is let go before its item's other parts are looked for."""
        index, reference = self.index, candidates[:, 0]
        both = numbers[:, 8] + self.lengths[reference]
        scores = (shares + 2 * numbers[:, 2] / np.maximum(both, 1)) / 2
        passage = index.part[reference] == PASSAGE
        nats = shares * index.totals[reference]
        enough = scores >= self._least_score(nats, reference)
        by_word = numbers[:, 3] >= BY_WORD * numbers[:, 2]
        cut_off = by_word & (numbers[:, 7] == 0) & (shares >= CUT_SHARE) & (nats >= CUT_NATS)
        copy = candidates[:, 6] == COPY
        return copy | np.where(passage, shares >= PASSAGE_THERE, enough | cut_off)

    def _least_score(
        self, nats: NDArray[np.float32], reference: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """The least agreement of so many nats that some rule might ask of each reference."""
        index = self.index
        owner = index.owners[index.owner_offsets[reference]]
        has_passage = index.item_parts[owner, PASSAGE] >= 0
        least = np.where(has_passage, QUESTION_EDITED, np.interp(nats, EVIDENCE, NEEDED) - NEAR)
        return np.where(index.part[reference] == PASSAGE, (1 + PASSAGE_THERE) / 2, least)

    def matches(
        self,
        candidates: NDArray[np.int64],
        shares: NDArray[np.float32],
        own: NDArray[np.float32],
        numbers: NDArray[np.int64],
        batch: BatchWords,
    ) -> pl.DataFrame:
        index, text_words = self.index, batch.text_words
        reference = candidates[:, 0]
        known = -1 - candidates[:, 6]
        owned = self.owned[reference]
        owned[known >= 0] = 1
        of = np.repeat(np.arange(len(candidates)), owned)
        nth = np.arange(len(of)) - np.repeat(np.cumsum(owned) - owned, owned)
        item = index.owners[index.owner_offsets[reference[of]] + nth]
        item = np.where(known[of] >= 0, known[of], item)
        where = np.empty((len(of), 4), np.int64)
        where[:, 0] = candidates[of, 1]
        where[:, 1] = item
        where[:, 2:] = numbers[of, :2]
        parts = np.full((len(of), 3), -1.0, np.float32)
        support(
            where,
            len(of),
            batch.words,
            batch.row_words,
            index.offsets,
            index.words,
            index.weights,
            index.item_parts,
            self.table,
            self.table_at,
            parts,
        )
        options = index.item_parts[item, CHOICES]
        # What many items offer (Yes, No) is no item's.
        telling = (options >= 0) & (np.diff(index.owner_offsets)[options] < SHARED)
        choices_nats = np.where(telling, index.own[options], 0).astype(np.float32)
        text = np.searchsorted(text_words, numbers[:, 0], side="right") - 1
        copies = candidates[:, 6] == COPY  # one of no words stands before the next text's first
        text[copies] = candidates[copies, 4]
        return pl.DataFrame(
            {
                "row": candidates[of, 1],
                "item": item.astype(np.int64),
                "reference": reference[of],
                "part": index.part[reference[of]],
                "share": shares[of],
                "own": own[of],
                "own_nats": index.own[reference[of]],
                "nats": index.totals[reference[of]],
                "length": self.lengths[reference[of]],
                "whole": candidates[of, 6] == LETTERS,
                "verbatim": candidates[of, 6] == COPY,
                "shared": index.shared[reference[of]],
                "stem": index.stem[reference[of]],
                "marked": index.marked[reference[of]],
                "first": numbers[of, 0],
                "end": numbers[of, 1],
                "aligned": numbers[of, 2],
                "run": numbers[of, 3],
                "numbers_replaced": numbers[of, 4],
                "numbers": numbers[of, 5],
                "operators_replaced": numbers[of, 6],
                "missing": numbers[of, 7],
                "span": numbers[of, 8],
                "text": text[of],
                "text_first": text_words[text][of],
                "text_end": text_words[text + 1][of],
                "passage": parts[:, 0],
                "choices": parts[:, 1],
                "answer": parts[:, 2],
                "choices_nats": choices_nats * parts[:, 1].clip(min=0),
            },
            schema=MATCH,
        )


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
