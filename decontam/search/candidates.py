"""Candidate generation: seeds of a row looked up in the index, and the references that have enough.

`find_candidates` slides over a batch of rows, looks up every trigram, and keeps the references of
which one window of a row holds enough seeds. `ask_of_passages` adds the questions of every passage
that was found.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataengine.kernels.jit import inlined, kernel, part
from decontam.index.items import CHOICES, PASSAGE, QUESTION
from decontam.index.postings import (
    VERBATIM,
    WHOLE,
    filtered,
    look_up,
    place_of,
    reference_of,
    weight_of,
)
from decontam.search.columns import (
    AFTER,
    ASKED,
    BEFORE,
    COPY,
    END,
    FIRST,
    HIGH,
    IN_COMMON,
    ITEM,
    KIND,
    LETTERS,
    LOW,
    REFERENCE,
    ROW,
    TEXT,
)

# The same trigram again within so many words of a row adds nothing: a row of one repeated word
# costs no more than any other.
REPEAT = 32
RECENT = 4096
# Trigrams that are looked up in the filter before any is looked up in the table.
FILTERED = 2048
MOST_HITS = 1 << 14
MOST_IN_WINDOW = 512
# Space for the copies of a row's last text.
MOST_COPIES = 1 << 12
# Beside a passage that is there by half, its questions are looked for within so many words.
HALF = 0.5
BESIDE = 24
MOST_ASKED = 64


class CandidateIndex(NamedTuple):
    """The arrays of an index that candidate generation reads; see `Index`."""

    slots: NDArray[np.uint64]
    postings: NDArray[np.int64]
    filter: NDArray[np.uint64]
    offsets: NDArray[np.int64]
    seeds_needed: NDArray[np.float32]
    words: NDArray[np.uint32]
    copy_anchor: NDArray[np.int32]
    copy_bounds: NDArray[np.int64]
    copy_members: NDArray[np.int32]


class HitBuffers(NamedTuple):
    """Scratch buffers of one thread for the hits of a row.

    posting, word: what each hit leads to, and the word of the batch at which it was met.
    heads: the first hit of each reference met; following: the hit of the same reference that
        follows each one; chain: a reference's hits in order.
    weight: for each reference the nats met and the last hit; zero between rows.
    seen: for each place in a reference, in which window it was met last; zero between references.
    recent_key, recent_at: the trigrams met of late, and where.
    places, keys: what `filtered` lets through.
    """

    posting: NDArray[np.int64]
    word: NDArray[np.int64]
    heads: NDArray[np.int64]
    following: NDArray[np.int64]
    chain: NDArray[np.int64]
    weight: NDArray[np.int32]
    seen: NDArray[np.int64]
    recent_key: NDArray[np.uint64]
    recent_at: NDArray[np.int64]
    places: NDArray[np.int64]
    keys: NDArray[np.uint64]

    @classmethod
    def of(cls, references: int, longest: int) -> "HitBuffers":
        """For an index of so many references, of which the longest has so many words."""
        return cls(
            posting=np.empty(MOST_HITS, np.int64),
            word=np.empty(MOST_HITS, np.int64),
            heads=np.empty(MOST_HITS, np.int64),
            following=np.empty(MOST_HITS, np.int64),
            chain=np.empty(MOST_HITS, np.int64),
            weight=np.zeros((references, 2), np.int32),
            seen=np.zeros(longest + 1, np.int64),
            recent_key=np.zeros(RECENT, np.uint64),
            recent_at=np.empty(RECENT, np.int64),
            places=np.empty(FILTERED, np.int64),
            keys=np.empty(FILTERED, np.uint64),
        )


# Columns of `HitBuffers.weight`.
MET, LAST = range(2)


@kernel
def find_candidates(batch, row_texts, row, index, hits, out):
    """Candidates of a batch's rows into `out` (columns of `columns`), from `row` on.

    `batch`: a `BatchWords`; `index`: a `CandidateIndex`. Stops when `out` might overflow; returns
    the next row and how many lines of `out` are filled. BEFORE: how many words of the reference
    come before the first seed; AFTER, behind the last one.
    """
    words, text_words, squashed = batch.words, batch.text_words, batch.squashed
    found = 0
    space = len(out) - len(hits.posting) - MOST_COPIES
    hits.recent_at[:] = -1
    while row < len(row_texts) - 1 and found < space:
        met = 0
        before = text_words[row_texts[row]] - 1
        for text in range(row_texts[row], row_texts[row + 1]):
            start, end = text_words[text], text_words[text + 1]
            if squashed[text]:
                found = whole_texts(batch, text, row, index, space, out, found)
            while start < end - 2:
                stop = min(start + len(hits.places), end - 2)
                for n in range(filtered(words, start, stop, index.filter, hits.places, hits.keys)):
                    low, high, again = postings_of(n, before, index, hits)
                    for p in range(low, high):
                        place = place_of(index.postings[p])
                        if place == VERBATIM:
                            group = reference_of(index.postings[p])
                            anchor = hits.places[n]
                            found = copies(batch, text, row, group, anchor, index, out, found)
                        if place >= VERBATIM or again:
                            continue
                        hits.posting[met] = index.postings[p]
                        hits.word[met] = hits.places[n]
                        met += 1
                        if met == len(hits.posting):
                            found = group_hits(hits, met, row, index, out, found)
                            met = 0
                start = stop
        if met:
            found = group_hits(hits, met, row, index, out, found)
        row += 1
    return row, found


@part
def whole_texts(batch, text, row, index, space, out, found):
    """Candidates for the questions that a text is letter by letter."""
    low, high = look_up(batch.squashed[text], index.slots)
    for p in range(low, high):
        if place_of(index.postings[p]) == WHOLE and found < space:
            put(out, found, reference_of(index.postings[p]), row, LETTERS, text)
            out[found, LOW], out[found, HIGH] = batch.text_words[text], batch.text_words[text + 1]
            found += 1
    return found


@part
def copies(batch, text, row, group, anchor, index, out, found):
    """Candidates for the items of a group whose words, all of them, stand around an anchor."""
    words, start, end = batch.words, batch.text_words[text], batch.text_words[text + 1]
    low, high = index.copy_bounds[group], index.copy_bounds[group + 1]
    first = index.copy_members[low]
    length = index.offsets[first + 1] - index.offsets[first]
    begin = anchor - index.copy_anchor[group]
    if begin < start or begin + length > end:
        return found
    for i in range(length):
        if np.uint32(words[begin + i]) != index.words[index.offsets[first] + i]:
            return found
    for member in range(low, min(high, low + len(out) - MOST_HITS - found)):
        put(out, found, index.copy_members[member], row, COPY, text)
        out[found, LOW], out[found, HIGH] = begin, begin + length
        found += 1
    return found


@inlined
def put(out, found, reference, row, kind, text):
    """Begin a candidate, of no words yet."""
    out[found, REFERENCE] = reference
    out[found, ROW] = row
    out[found, BEFORE] = 0
    out[found, AFTER] = 0
    out[found, KIND] = kind
    out[found, TEXT] = text
    out[found, ITEM] = -1


@inlined
def postings_of(n, before, index, hits):
    """(first, one past the last) of what the n-th trigram leads to, and whether the row, whose
    words come after `before`, had the same one just before."""
    i, key = hits.places[n], hits.keys[n]
    low, high = look_up(key, index.slots)
    place = key & np.uint64(RECENT - 1)
    again = hits.recent_key[place] == key and hits.recent_at[place] > max(i - REPEAT, before)
    if low < high and not again:
        hits.recent_key[place] = key
        hits.recent_at[place] = i
    return low, high, again


@part
def group_hits(hits, count, row, index, out, found):
    """Candidates among the hits of one row: for each reference that may have enough of them, its
    window heaviest in seeds."""
    weight, chain = hits.weight, hits.chain
    offsets, seeds_needed = index.offsets, index.seeds_needed
    for m in range(chain_hits(hits, count)):
        hit = hits.heads[m]
        reference = reference_of(hits.posting[hit])
        enough = weight[reference, MET] >= seeds_needed[reference]
        weight[reference, MET] = weight[reference, LAST] = 0
        if not enough:
            continue
        end = 0
        while hit >= 0:
            chain[end] = hit
            hit = hits.following[hit]
            end += 1
        length = offsets[reference + 1] - offsets[reference]
        best, low, high = heaviest_window(hits, end, length + length // 2 + 16)
        if best >= seeds_needed[reference] and found < len(out):
            low, high = chain[low], chain[high]
            put(out, found, reference, row, IN_COMMON, -1)
            out[found, LOW] = hits.word[low]
            out[found, HIGH] = hits.word[high] + 3
            out[found, BEFORE] = place_of(hits.posting[low])
            out[found, AFTER] = length - place_of(hits.posting[high]) - 3
            found += 1
    return found


@inlined
def chain_hits(hits, count):
    """Link the hits of each reference; returns how many references there are."""
    posting, weight = hits.posting, hits.weight
    met = 0
    for i in range(count):
        reference = reference_of(posting[i])
        if weight[reference, MET] == 0:
            hits.heads[met] = i
            met += 1
        else:
            hits.following[weight[reference, LAST]] = i
        hits.following[i] = -1
        weight[reference, MET] += max(weight_of(posting[i]), 1)
        weight[reference, LAST] = i
    return met


@inlined
def heaviest_window(hits, end, reach):
    """Of a reference's hits, the stretch of at most `reach` words that is heaviest in different
    seeds: (its weight, its first hit, its last) by their places in the chain."""
    posting, word, chain, seen = hits.posting, hits.word, hits.chain, hits.seen
    best = low = high = 0
    for left in range(min(end, MOST_IN_WINDOW)):
        first = word[chain[left]]
        if left > 0 and first - word[chain[low]] < reach // 4:
            continue
        heavy = 0
        right = left
        while right < end and right - left < MOST_IN_WINDOW:
            hit = chain[right]
            if word[hit] - first > reach:
                break
            place = place_of(posting[hit])
            if place < len(seen) and seen[place] != left + 1:
                seen[place] = left + 1
                heavy += weight_of(posting[hit])
            right += 1
        if heavy > best:
            best = heavy
            low, high = left, right - 1
    for z in range(end):
        place = place_of(posting[chain[z]])
        if place < len(seen):
            seen[place] = 0
    return best, low, high


@kernel
def ask_of_passages(candidates, c, measured, references, items, out):
    """Candidates for the questions of every passage that was found, and of the choices of a vague
    one: before it, and after it.

    An edited question of eight words may hold no seed any more; beside its passage it needs none.
    ITEM: whose question it would be, of all that ask it. Begins at candidate `c`, stops when `out`
    might overflow; returns the next one and how many lines of `out` are filled.
    """
    part, offsets = references.part, references.offsets
    found = 0
    while c < len(measured.shares) and found + 2 * MOST_ASKED <= len(out):
        reference = candidates[c, REFERENCE]
        leads = part[reference] == PASSAGE or part[reference] == CHOICES
        if not leads or measured.shares[c] < HALF:
            c += 1
            continue
        first = items.owner_offsets[reference]
        stop = min(items.owner_offsets[reference + 1], first + MOST_ASKED)
        for o in range(first, stop):
            item = items.owners[o]
            question = items.parts[item, QUESTION]
            length = offsets[question + 1] - offsets[question]
            for before in range(2):
                put(out, found, question, candidates[c, ROW], ASKED, -1)
                edge = measured.numbers[c, FIRST] if before else measured.numbers[c, END]
                out[found, LOW] = out[found, HIGH] = edge
                # The passage's last matched words may be the question's own.
                out[found, BEFORE] = 2 * length + BESIDE if before else length
                out[found, AFTER] = length if before else 2 * length + BESIDE
                out[found, ITEM] = item
                found += 1
        c += 1
    return c, found
