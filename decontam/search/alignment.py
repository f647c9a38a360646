"""Alignment of a reference with a window of a row: weighted longest common subsequence.

`align` measures a window exactly: the heaviest common subsequence of reference and window, so that
an insertion, deletion or replacement costs the words that it touches and a template around the
match costs nothing (`trim`). References too long for that, and those whose sentences stand in
another order, are measured by the trigrams that they share with the window (`cover`), in the same
units.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataengine.kernels.hashing import ONE
from dataengine.kernels.jit import allocating, inlined, part
from decontam.index.weights import NAT
from decontam.search.wordset import MARKS, is_marked, mark, slot_of_word
from decontam.text.words import clear, slot_of, trigram

# Aligning takes length x window steps; longer references are compared by their trigrams.
LONGEST_ALIGNED = 384
WIDEST = 4 * LONGEST_ALIGNED
# Gap penalty: nats that an unmatched word of the row costs inside an alignment; see `trim`.
SKIPPED = 0.5
# A question whose sentences stand in another order has nearly all of its words; aligned in order it
# has much less. Its breaks are at most one in so many words: puzzles of one kind say the same words
# in other order too, but in bits of three or four.
ALL_THERE, IN_ORDER, WORDS_A_BREAK = 0.9, 0.85, 8


class Workspace(NamedTuple):
    """Scratch buffers of one thread for aligning one candidate at a time.

    scores, kept: the dynamic programme's table, and which words of a window are in it.
    table, table_at: an open-addressing hash table of words or trigrams, and where each occurs.
    match: for each word of a reference the word of the window that it is aligned with, or -1.
    windows, nats: a window's words and a reference's weights as `align` reads them.
    """

    scores: NDArray[np.float32]
    kept: NDArray[np.int64]
    table: NDArray[np.uint64]
    table_at: NDArray[np.int32]
    match: NDArray[np.int64]
    windows: NDArray[np.uint32]
    nats: NDArray[np.float32]

    @classmethod
    def of(cls, longest: int) -> "Workspace":
        """For references of at most so many words."""
        table = 1 << int(np.ceil(np.log2(8 * longest + 4096)))
        return cls(
            scores=np.empty((LONGEST_ALIGNED + 1, WIDEST + 1), np.float32),
            kept=np.empty(table, np.int64),
            table=np.empty(table, np.uint64),
            table_at=np.empty(table, np.int32),
            match=np.empty(longest + 1, np.int64),
            windows=np.empty(max(table, WIDEST), np.uint32),
            nats=np.empty(longest + 1, np.float32),
        )


@inlined
def present(ref_words, weights, start, end, words, low, high, bits):
    """The nats of a reference's words that a stretch of words has too, in any order, and a little
    more. No more can be aligned, and for most candidates it is too little."""
    mark(words, low, high, bits)
    found = np.int64(0)
    for i in range(np.uint64(start), np.uint64(end)):
        found += np.int64(weights[i]) * np.int64(is_marked(ref_words[i], bits))
    return np.float32(found) * np.float32(NAT)


@allocating
def align(reference, weights, window, least, scores, kept, match):
    """The heaviest common subsequence of two word sequences.

    `match` receives for each word of the reference the word of the window that it is aligned with,
    or -1. Returns the weight aligned, 0 and no match where it must be under `least`, and the most
    that the words which the window has might weigh. `scores` is scratch of (reference + 1) x
    (window + 1), `kept` of the window's length.
    """
    match[: len(reference)] = -1
    bits = np.empty(MARKS, np.uint64)
    mark(window, 0, len(window), bits)
    # Words that are nowhere in the window cannot be aligned, in whatever order.
    most = np.float32(0.0)
    for i in range(len(reference)):
        if is_marked(reference[i], bits):
            most += weights[i]
    if most < least:
        return np.float32(0.0), most
    mark(reference, 0, len(reference), bits)
    found = np.uint64(0)
    for k in range(np.uint64(len(window))):
        kept[found] = k
        found += is_marked(window[k], bits)
    columns = np.int64(found)
    for k in range(columns + 1):
        scores[0, k] = 0.0
    # What is aligned of the reference so far, and what might be of the rest.
    left = np.float32(0.0)
    for i in range(len(reference)):
        left += weights[i]
    for i in range(np.uint64(len(reference))):
        before = corner = np.float32(0.0)
        scores[i + ONE, 0] = 0.0
        word, gain = reference[i], weights[i]
        for k in range(found):
            above = scores[i, k + ONE]
            best = max(above, before)
            if word == window[np.uint64(kept[k])]:
                best = max(best, corner + gain)
            scores[i + ONE, k + ONE] = best
            before, corner = best, above
        left -= weights[i]
        if before + left < least - np.float32(NAT):
            return np.float32(0.0), most
    total = scores[len(reference), columns]
    if total < least:
        return np.float32(0.0), most
    at = columns
    for i in range(len(reference) - 1, -1, -1):
        while at > 0 and scores[i + 1, at] == scores[i + 1, at - 1]:
            at -= 1
        if at > 0 and scores[i + 1, at] != scores[i, at]:
            match[i] = kept[at - 1]
            at -= 1
    gather(reference, window, match)
    return total, most


@part
def gather(reference, window, match):
    """Move each word of an alignment beside the one after it, where it stands there too.

    Of equally heavy alignments `align` takes the leftmost, in which a question's first words may be
    those of the text before it. A word stays where more words before it follow one another.
    """
    after = 0  # words that follow one another from here on
    for i in range(len(reference) - 1, -1, -1):
        if match[i] < 0:
            after = 0
            continue
        beside = match[i + 1] - 1 if after > 0 else match[i]
        if beside != match[i] and reference[i] == window[beside]:
            before, most = 0, min(i, after, match[i])
            while before < most and match[i - before - 1] == match[i] - before - 1:
                before += 1
            if before < after:
                match[i] = beside
        after = after + 1 if beside == match[i] else 1


@part
def short_trigram(words, i):
    """The trigram at a word of a reference, whose words have 32 bits."""
    return trigram(np.uint64(words[i]), np.uint64(words[i + 1]), np.uint64(words[i + 2]))


@part
def same_trigram(reference, i, window, k):
    """Whether three words of a reference and three of a window are the same."""
    if k + 2 >= len(window):
        return False
    same = reference[i] == window[k] and reference[i + 1] == window[k + 1]
    return same and reference[i + 2] == window[k + 2]


@part
def cover(reference, weights, window, table, table_at, match):
    """As `align`, for long references: their words inside a trigram that the window has too."""
    mask = np.uint64(clear(table_at, len(window)) - 1)
    for k in range(len(window) - 2):
        key = short_trigram(window, k)
        slot = slot_of(key, key, mask, table, table_at)
        if table_at[slot] < 0:
            table[slot] = key
            table_at[slot] = k
    for i in range(len(reference)):
        match[i] = -1
    at = -1
    for i in range(len(reference) - 2):
        # Where a trigram is repeated, the match goes on from where it was.
        if at >= 0 and same_trigram(reference, i, window, at + 1):
            at += 1
        else:
            at = -1
            key = short_trigram(reference, i)
            at = table_at[slot_of(key, key, mask, table, table_at)]
        if at >= 0:
            for z in range(3):
                match[i + z] = at + z
    # Beside an edit no trigram survives: go on word by word from what matched, both ways.
    for i in range(1, len(reference)):
        k = match[i - 1] + 1
        if match[i] < 0 and 0 < k < len(window) and reference[i] == window[k]:
            match[i] = k
    for i in range(len(reference) - 2, -1, -1):
        k = match[i + 1] - 1
        if match[i] < 0 and k >= 0 and reference[i] == window[k]:
            match[i] = k
    total = np.float32(0.0)
    for i in range(len(reference)):
        if match[i] >= 0:
            total += weights[i]
    return total


@part
def aligned_or_covered(reference, weights, window, least, total, work, match):
    """`align`, or `cover` where the reference is too long for that, or where its words are there in
    long pieces in another order. Returns the weight matched, and whether the order is kept.

    `work`: a `Workspace`; `match`: as `align` fills it.
    """
    if len(reference) > LONGEST_ALIGNED:
        return cover(reference, weights, window, work.table, work.table_at, match), True
    weight, most = align(reference, weights, window, least, work.scores, work.kept, match)
    in_place = 0
    for i in range(len(reference)):
        in_place += match[i] >= 0
    if most < ALL_THERE * total or in_place >= IN_ORDER * len(reference):
        return weight, True
    covered = cover(reference, weights, window, work.table, work.table_at, match)
    words = breaks = 0
    before = -1
    for i in range(len(reference)):
        if match[i] >= 0:
            words += 1
            breaks += before >= 0 and match[i] != before + 1
            before = match[i]
    long_pieces = breaks * WORDS_A_BREAK <= len(reference)
    if covered >= ALL_THERE * total and words > in_place and long_pieces:
        return covered, False
    return align(reference, weights, window, least, work.scores, work.kept, match)[0], True


@part
def present_share(reference, weights, window, table, table_at):
    """The share of a reference's weight whose words the window has, in any order."""
    mask = np.uint64(clear(table_at, len(window)) - 1)
    for k in range(len(window)):
        slot = slot_of_word(window[k], mask, table, table_at)
        table[slot] = window[k]
        table_at[slot] = k
    total = np.float32(0.0)
    inside = np.float32(0.0)
    for i in range(len(reference)):
        total += weights[i]
        slot = slot_of_word(reference[i], mask, table, table_at)
        if table_at[slot] >= 0:
            inside += weights[i]
    return inside / max(total, np.float32(NAT))


@part
def trim(match, weights, length):
    """Unmatch what lies so far from the rest of a match that the words between outweigh it.

    A word of the window between two matched ones costs SKIPPED nats; what stays is the stretch
    with the greatest weight after that cost. Returns the weight of what stays.
    """
    best = total = np.float32(0.0)
    low = first = 0
    high = before = -1
    for i in range(length):
        if match[i] < 0:
            continue
        if before >= 0:
            total -= np.float32(SKIPPED) * abs(match[i] - match[before] - 1)
        if total <= 0:
            total = np.float32(0.0)
            first = i
        total += weights[i]
        before = i
        if total > best:
            best, low, high = total, first, i
    kept = np.float32(0.0)
    for i in range(length):
        if i < low or i > high:
            match[i] = -1
        elif match[i] >= 0:
            kept += weights[i]
    return kept


@allocating
def narrowed(words, low, high, windows):
    """The low halves of the words from `low` to `high`, as references hold theirs."""
    for i in range(high - low):
        windows[i] = words[low + i]
    return windows[: high - low]


@allocating
def in_nats(weights, start, end, nats):
    """The weights of a reference's words in nats, in the scratch buffer `nats`."""
    for i in range(end - start):
        nats[i] = weights[start + i] * np.float32(NAT)
    return nats[: end - start]
