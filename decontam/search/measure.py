"""Measurement of candidates: how much of a reference is aligned, and how the rest differs."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataengine.kernels.jit import inlined, kernel, part
from decontam.index.weights import NAT
from decontam.search.alignment import (
    LONGEST_ALIGNED,
    aligned_or_covered,
    in_nats,
    narrowed,
    present,
    trim,
)
from decontam.search.columns import (
    AFTER,
    ALIGNED,
    BEFORE,
    COPY,
    END,
    FIRST,
    HIGH,
    KIND,
    LETTERS,
    LOW,
    MEASURED_COLUMNS,
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
from decontam.search.differences import changes, foreign, numbers_lost, renamed, same_words
from decontam.search.wordset import MARKS

# A text that says less is a question's only word by word: `43` is no `-4 + (-3) =`.
LETTERS_NATS = 8.0
# Where so much of a reference is there, the wording does not matter yet: half a passage, or half a
# question that is cut off.
HALF = 0.5
# A window goes on beyond its seeds by what is left of the reference, a quarter of that, and this.
MARGIN = 8


class References(NamedTuple):
    """The arrays of an index that describe its references, as kernels read them; see `Index`.

    least_share: what share of a reference's weight must be aligned for any rule to accept it.
    letters, numerals: the words that are single letters, and those that are numbers all the same.
    """

    offsets: NDArray[np.int64]
    words: NDArray[np.uint32]
    operator_codes: NDArray[np.uint8]
    weights: NDArray[np.uint8]
    totals: NDArray[np.float32]
    stock: NDArray[np.bool_]
    own: NDArray[np.float32]
    operators: NDArray[np.uint64]
    part: NDArray[np.uint8]
    least_share: NDArray[np.float32]
    letters: NDArray[np.uint32]
    numerals: NDArray[np.uint32]


class Items(NamedTuple):
    """The arrays of an index that say which item has which references; see `Index`."""

    owners: NDArray[np.int32]
    owner_offsets: NDArray[np.int64]
    parts: NDArray[np.int32]


class Measured(NamedTuple):
    """What `measure` says of each candidate.

    numbers: columns FIRST to SPAN of `columns`.
    shares: the aligned share of the reference's weight; own: of that of the words that are no
        stem's.
    """

    numbers: NDArray[np.int64]
    shares: NDArray[np.float32]
    own: NDArray[np.float32]

    @classmethod
    def of(cls, candidates: int) -> "Measured":
        """For so many candidates."""
        return cls(
            np.empty((candidates, MEASURED_COLUMNS), np.int64),
            np.empty(candidates, np.float32),
            np.empty(candidates, np.float32),
        )

    def only(self, chosen: NDArray[np.int64]) -> "Measured":
        """Of these candidates."""
        return Measured(self.numbers[chosen], self.shares[chosen], self.own[chosen])


@kernel
def measure(candidates, batch, references, work, measured):
    """Measure the first candidates, as many as `measured` has space for.

    `batch`: a `BatchWords`; `work`: a `Workspace`. A candidate of which less than `least_share` is
    aligned is let go: 0 in every column. So is one of less than half whose wording, at its best,
    leaves it short of the score behind `least_share`. A text that is the reference letter by
    letter, and whose operators are the same or gone, is one by definition.
    """
    words, row_words = batch.words, batch.row_words
    offsets, ref_words, weights = references.offsets, references.words, references.weights
    totals, least_share = references.totals, references.least_share
    shares, own, numbers = measured.shares, measured.own, measured.numbers
    bits = np.empty(MARKS, np.uint64)
    for c in range(len(shares)):
        reference, kind = candidates[c, REFERENCE], candidates[c, KIND]
        start, end = offsets[reference], offsets[reference + 1]
        shares[c] = 0.0
        own[c] = 1.0
        numbers[c, :] = 0
        if kind == NO_COPY:
            continue
        if kind == COPY:
            copied(candidates, c, end - start, numbers)
            shares[c] = 1.0
            continue
        if kind == LETTERS and spelled(candidates, c, batch, references, numbers):
            shares[c] = 1.0
            continue
        widest = work.scores.shape[1] - 1
        widest = widest if end - start <= LONGEST_ALIGNED else len(work.table) // 2
        low, high = window_of(candidates, c, row_words, widest)
        least = least_share[reference] * totals[reference]
        if present(ref_words, weights, start, end, words, low, high, bits) < least:
            continue
        shares[c], own[c] = compared(reference, low, high, batch, references, work, numbers[c])


@part
def copied(candidates, c, length, numbers):
    """Measure a copy word for word."""
    numbers[c, FIRST], numbers[c, END] = candidates[c, LOW], candidates[c, HIGH]
    numbers[c, ALIGNED] = numbers[c, RUN] = numbers[c, SPAN] = length


@part
def spelled(candidates, c, batch, references, numbers):
    """Measure a text that is a question letter by letter, alone or after its passage; returns
    whether it is one."""
    reference = candidates[c, REFERENCE]
    start, end = references.offsets[reference], references.offsets[reference + 1]
    length = end - start
    first, last = candidates[c, LOW], candidates[c, HIGH]
    theirs = batch.operators[candidates[c, TEXT]]
    after_passage = last - first > 2 * length
    there = after_passage or theirs == 0 or theirs == references.operators[reference]
    if not after_passage and references.totals[reference] < LETTERS_NATS:
        there &= same_words(batch.words, first, last, references.words, start, end)
    if there:
        numbers[c, FIRST] = last - length if after_passage else first
        numbers[c, END] = last
        numbers[c, ALIGNED] = (last - numbers[c, FIRST] + length + 1) // 2
        numbers[c, SPAN] = last - numbers[c, FIRST]
    return there


@inlined
def window_of(candidates, c, row_words, widest):
    """(first word, one past the last) of the row that a candidate may match."""
    before, after = candidates[c, BEFORE], candidates[c, AFTER]
    row = candidates[c, ROW]
    low = max(candidates[c, LOW] - before - before // 4 - MARGIN, row_words[row])
    high = min(candidates[c, HIGH] + after + after // 4 + MARGIN, row_words[row + 1])
    return low, min(high, low + widest)


@inlined
def compared(reference, low, high, batch, references, work, numbers):
    """Align a reference with the words from `low` to `high` of a batch, and measure the match into
    `numbers`; returns (share, own share), or (0, 1) where it is let go."""
    start, end = references.offsets[reference], references.offsets[reference + 1]
    length = end - start
    total, least_share = references.totals[reference], references.least_share[reference]
    least, match = least_share * total, work.match
    none = np.float32(0.0), np.float32(1.0)
    here = references.words[start:end]
    window = narrowed(batch.words, low, high, work.windows)
    nats = in_nats(references.weights, start, end, work.nats)
    weight, in_order = aligned_or_covered(here, nats, window, least, total, work, match)
    if weight < least:
        return none
    if in_order:
        weight = trim(match, nats, length)
    renamed_weight, renamed_words = renamed(here, nats, window, match)
    weight += renamed_weight
    share = weight / max(total, np.float32(NAT))
    first, last, aligned, longest, missing = shape_of(match, length, high - low)
    # Half a passage, or half a question that is cut off, counts whatever its wording.
    wording = 2 * (aligned + renamed_words) / (aligned + length)
    if share < HALF and share + wording < 1 + least_share:
        return none
    codes, theirs = references.operator_codes[start:end], batch.operator_codes[low:high]
    letters, numerals = references.letters, references.numerals
    replaced, all_numbers, operators = changes(
        here, codes, window, theirs, match, letters, numerals
    )
    if not in_order:  # what stands between two sentences is another one
        replaced = numbers_lost(here, window, match, first, last, numerals)
        operators = 0
    span = foreign(window, match, length, first, last, work.kept, work.table, work.table_at)
    numbers[FIRST] = low + first
    numbers[END] = low + last + 1
    numbers[ALIGNED] = aligned + renamed_words
    numbers[RUN] = longest
    numbers[NUMBERS_REPLACED] = replaced
    numbers[NUMBERS] = all_numbers
    numbers[OPERATORS_REPLACED] = operators
    numbers[MISSING] = missing
    numbers[SPAN] = aligned + span
    return share, own_share(match, nats, references.stock[start:end], references.own[reference])


@inlined
def shape_of(match, length, window):
    """(first word matched, last, how many, the longest run word by word, how many words of the
    reference come before the first two in a row); a window of so many words."""
    first, last, aligned, run, longest, missing = window, -1, 0, 0, 0, 0
    for i in range(length):
        if match[i] < 0:
            run = 0
            continue
        run = run + 1 if i and match[i - 1] == match[i] - 1 else 1
        if run == 2 and longest == 1:  # a single word may be there for any reason
            missing = i - 1
        longest = max(longest, run)
        aligned += 1
        first, last = min(first, match[i]), max(last, match[i])
    return first, last, aligned, longest, missing


@inlined
def own_share(match, nats, stock, total):
    """The aligned share of the weight of the words that are no stem's; 1 where all are."""
    if total <= 0:
        return np.float32(1.0)
    own = np.float32(0.0)
    for i in range(len(nats)):
        if match[i] >= 0 and not stock[i]:
            own += nats[i]
    return min(own / total, np.float32(1.0))
