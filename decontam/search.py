"""From rows to candidates to measured matches: the hot path.

`find_candidates` slides over a batch of rows, looks up every trigram, and keeps the references of
which one window of a row holds enough seeds. `align` measures such a window exactly: the heaviest
common subsequence of reference and window, so that an insertion, deletion or replacement costs the
words that it touches and a template around the match costs nothing. References too long for that
are measured by the trigrams that they share with the window, in the same units.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from decontam.index import CHOICES, NAT, PASSAGE, REFERENCE, VALUE, VERBATIM, WHOLE, look_up
from decontam.jit import inlined, kernel, part
from decontam.tokens import NUMBER, ONE
from decontam.words import START, clear, mix, slot_of, trigram

# Aligning takes length x window steps; longer references are compared by their trigrams.
LONGEST_ALIGNED = 384
# The same trigram again within so many words of a row adds nothing: a row of one repeated word
# costs no more than any other.
REPEAT = 32
# Nats that a word of the row costs a match that goes on after it; see `trim`.
SKIPPED = 0.5
RECENT = 4096
# Trigrams that are looked up in the filter before any is looked up in the table.
FILTERED = 2048
MOST_HITS = 1 << 14
MOST_IN_WINDOW = 512
# Room for the copies of a row's last text.
MOST_COPIES = 1 << 12
# A text that says less is a question's only word by word: `43` is no `-4 + (-3) =`.
LETTERS_NATS = 8.0
# A set of words as bits: 64 times so many.
MARKS = 64
# A number and what it counts: where more is missing at either end, the row was cut, and what stands
# there instead is another text.
LONGEST_END = 3
# A question whose sentences stand in another order has nearly all of its words; aligned in order it
# has much less. Its breaks are at most one in so many words: puzzles of one kind say the same words
# in other order too, but in bits of three or four.
ALL_THERE, IN_ORDER, WORDS_A_BREAK = 0.9, 0.85, 8
# A name is at most so many words; so many different gaps of a match are looked at.
LONGEST_NAME, MOST_GAPS = 10, 64
# Beside a passage that is there by half, its questions are looked for within so many words.
HALF = 0.5
BESIDE = 24
MOST_ASKED = 64
# A span of the evidence goes on over so many unmatched words.
BRIDGED = 2


# What a candidate is, in its last column: words in common, a text letter by letter, a copy word for
# word that stands in other text, and one that looked so and is none. Below: -1 - item.
IN_COMMON, LETTERS, COPY, NO_COPY = range(4)


class Leads(NamedTuple):
    """What of an index leads to candidates; see `Index`."""

    slots: NDArray[np.uint64]
    postings: NDArray[np.int64]
    filter: NDArray[np.uint64]
    offsets: NDArray[np.int64]
    seeds_needed: NDArray[np.float32]
    words: NDArray[np.uint32]
    copy_anchor: NDArray[np.int32]
    copy_bounds: NDArray[np.int64]
    copy_members: NDArray[np.int32]


class Hits(NamedTuple):
    """One thread's room for the hits of a row.

    key, word: the posting of each, and the word of the batch at which it was met.
    chains: three columns: the first hit of each reference met, the hit that follows each one, a
        reference's hits in order.
    weight: for each reference the nats met and the last hit; zero between rows.
    seen: for each place in a reference, in which window it was met last; zero between references.
    recent_key, recent_at: the trigrams met of late, and where.
    places, keys: what `filtered` lets through.
    """

    key: NDArray[np.int64]
    word: NDArray[np.int64]
    chains: NDArray[np.int64]
    weight: NDArray[np.int32]
    seen: NDArray[np.int64]
    recent_key: NDArray[np.uint64]
    recent_at: NDArray[np.int64]
    places: NDArray[np.int64]
    keys: NDArray[np.uint64]

    @classmethod
    def of(cls, references: int, longest: int) -> "Hits":
        """For an index of so many references, of which the longest has so many words."""
        return cls(
            key=np.empty(MOST_HITS, np.int64),
            word=np.empty(MOST_HITS, np.int64),
            chains=np.empty((MOST_HITS, 3), np.int64),
            weight=np.zeros((references, 2), np.int32),
            seen=np.zeros(longest + 1, np.int64),
            recent_key=np.zeros(RECENT, np.uint64),
            recent_at=np.empty(RECENT, np.int64),
            places=np.empty(FILTERED, np.int64),
            keys=np.empty(FILTERED, np.uint64),
        )


@kernel
def find_candidates(words, text_offsets, row_texts, squashed, row, leads, hits, out):
    """Fill `out` (reference, row, first word, last word + 1, word before, words after, what it is).

    Begins at `row`, stops when `out` might overflow; returns the next row and the rows of `out`.
    "Word before": how many words of the reference come before the first seed; after, likewise;
    of a match of LETTERS or a COPY, the text.
    """
    found = 0
    room = len(out) - len(hits.key) - MOST_COPIES
    hits.recent_at[:] = -1
    while row < len(row_texts) - 1 and found < room:
        met = 0
        before = text_offsets[row_texts[row]] - 1
        for text in range(row_texts[row], row_texts[row + 1]):
            start, end = text_offsets[text], text_offsets[text + 1]
            start_of = start
            if squashed[text]:
                found = whole_texts(squashed[text], text, row, start, end, leads, room, out, found)
            while start < end - 2:
                stop = min(start + len(hits.places), end - 2)
                for n in range(filtered(words, start, stop, leads.filter, hits.places, hits.keys)):
                    low, high, again = postings_of(n, before, leads, hits)
                    for p in range(low, high):
                        place = leads.postings[p] & WHOLE
                        if place == VERBATIM:
                            at = hits.places[n]
                            found = copies(
                                words, text, row, p, at, start_of, end, leads, room, out, found
                            )
                        if place >= VERBATIM or again:
                            continue
                        hits.key[met] = leads.postings[p]
                        hits.word[met] = hits.places[n]
                        met += 1
                        if met == len(hits.key):
                            found = group_hits(hits, met, row, leads, out, found)
                            met = 0
                start = stop
        if met:
            found = group_hits(hits, met, row, leads, out, found)
        row += 1
    return row, found


@part
def whole_texts(squashed, text, row, start, end, leads, room, out, found):
    """Candidates for the questions that a text is letter by letter."""
    low, high = look_up(squashed, leads.slots)
    for p in range(low, high):
        if leads.postings[p] & WHOLE == WHOLE and found < room:
            out[found, 0] = leads.postings[p] >> 24 & REFERENCE
            out[found, 1] = row
            out[found, 2] = start
            out[found, 3] = end
            out[found, 4] = text
            out[found, 5] = 0
            out[found, 6] = LETTERS
            found += 1
    return found


@part
def copies(words, text, row, p, at, start, end, leads, room, out, found):
    """Candidates for the items whose words, all of them, stand around the anchor at `at`."""
    group = leads.postings[p] >> 24 & REFERENCE
    low, high = leads.copy_bounds[group], leads.copy_bounds[group + 1]
    first = leads.copy_members[low]
    length = leads.offsets[first + 1] - leads.offsets[first]
    begin = at - leads.copy_anchor[group]
    if begin < start or begin + length > end:
        return found
    for i in range(length):
        if np.uint32(words[begin + i]) != leads.words[leads.offsets[first] + i]:
            return found
    for member in range(low, min(high, low + room + MOST_COPIES - found)):
        out[found, 0] = leads.copy_members[member]
        out[found, 1] = row
        out[found, 2] = begin
        out[found, 3] = begin + length
        out[found, 4] = text
        out[found, 5] = 0
        out[found, 6] = COPY
        found += 1
    return found


@inlined
def postings_of(n, before, leads, hits):
    """(first, one past the last) of what the n-th trigram leads to, and whether the row, whose
    words come after `before`, had the same one just before."""
    i, key = hits.places[n], hits.keys[n]
    low, high = look_up(key, leads.slots)
    place = key & np.uint64(RECENT - 1)
    again = hits.recent_key[place] == key and hits.recent_at[place] > max(i - REPEAT, before)
    if low < high and not again:
        hits.recent_key[place] = key
        hits.recent_at[place] = i
    return low, high, again


@inlined
def filtered(words, start, stop, filter_bits, places, keys):
    """Where from `start` to `stop` a trigram begins that the filter lets through; returns how many.

    Nothing in this loop waits for memory to decide where it goes on, so many look-ups are under
    way at once.
    """
    mask = np.uint64(len(filter_bits) * 64 - 1)
    found = np.uint64(0)
    for i in range(np.uint64(start), np.uint64(stop)):
        key = trigram(words[i], words[i + ONE], words[i + np.uint64(2)])
        bit = key >> np.uint64(20) & mask
        places[found] = i
        keys[found] = key
        found += filter_bits[bit >> np.uint64(6)] >> (bit & np.uint64(63)) & ONE
    return np.int64(found)


@part
def group_hits(hits, count, row, leads, out, found):
    """Candidates among the hits of one row: for each reference that may have enough of them, its
    window heaviest in seeds."""
    hit_key, hit_word, chains = hits.key, hits.word, hits.chains
    weight, seen = hits.weight, hits.seen
    offsets, seeds_needed = leads.offsets, leads.seeds_needed
    met = 0
    for i in range(count):
        reference = hit_key[i] >> 24 & REFERENCE
        if weight[reference, 0] == 0:
            chains[met, 0] = i
            met += 1
        else:
            chains[weight[reference, 1], 1] = i
        chains[i, 1] = -1
        weight[reference, 0] += max(hit_key[i] >> VALUE, 1)
        weight[reference, 1] = i
    for m in range(met):
        hit = chains[m, 0]
        reference = hit_key[hit] >> 24 & REFERENCE
        enough = weight[reference, 0] >= seeds_needed[reference]
        weight[reference, 0] = weight[reference, 1] = 0
        if not enough:
            continue
        end = 0
        while hit >= 0:
            chains[end, 2] = hit
            hit = chains[hit, 1]
            end += 1
        length = offsets[reference + 1] - offsets[reference]
        reach = length + length // 2 + 16
        best = low = high = 0
        for left in range(min(end, MOST_IN_WINDOW)):
            first = hit_word[chains[left, 2]]
            if left > 0 and first - hit_word[chains[low, 2]] < reach // 4:
                continue
            heavy = 0
            right = left
            while right < end and right - left < MOST_IN_WINDOW:
                hit = chains[right, 2]
                if hit_word[hit] - first > reach:
                    break
                place = hit_key[hit] & WHOLE
                if place < len(seen) and seen[place] != left + 1:
                    seen[place] = left + 1
                    heavy += hit_key[hit] >> VALUE
                right += 1
            if heavy > best:
                best = heavy
                low, high = left, right - 1
        for z in range(end):
            place = hit_key[chains[z, 2]] & WHOLE
            if place < len(seen):
                seen[place] = 0
        if best >= seeds_needed[reference] and found < len(out):
            low, high = chains[low, 2], chains[high, 2]
            out[found, 0] = reference
            out[found, 1] = row
            out[found, 2] = hit_word[low]
            out[found, 3] = hit_word[high] + 3
            out[found, 4] = hit_key[low] & WHOLE
            out[found, 5] = length - (hit_key[high] & WHOLE) - 3
            out[found, 6] = IN_COMMON
            found += 1
    return found


@inlined
def mark(words, start, end, bits):
    """Set a bit for each word; two words may have the same."""
    bits[:] = 0
    for i in range(np.uint64(start), np.uint64(end)):
        bit = np.uint64(words[i]) >> np.uint64(4) & np.uint64(64 * MARKS - 1)
        bits[bit >> np.uint64(6)] |= ONE << (bit & np.uint64(63))


@inlined
def is_marked(word, bits):
    bit = np.uint64(word) >> np.uint64(4) & np.uint64(64 * MARKS - 1)
    return bits[bit >> np.uint64(6)] >> (bit & np.uint64(63)) & ONE


@inlined
def present(ref_words, weights, start, end, words, low, high, bits):
    """The nats of a reference's words that a stretch of words has too, in any order, and a little
    more. No more can be aligned, and for most candidates it is too little."""
    mark(words, low, high, bits)
    found = np.int64(0)
    for i in range(np.uint64(start), np.uint64(end)):
        found += np.int64(weights[i]) * np.int64(is_marked(ref_words[i], bits))
    return np.float32(found) * np.float32(NAT)


@part
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


@inlined
def slot_of_word(word, mask, table, table_at):
    """`slot_of` a word; its lowest bits are its class."""
    return slot_of(word, np.uint64(word) >> np.uint64(4), mask, table, table_at)


@part
def short_trigram(words, i):
    return trigram(np.uint64(words[i]), np.uint64(words[i + 1]), np.uint64(words[i + 2]))


@part
def same_trigram(reference, i, window, k):
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
def aligned_or_covered(
    reference, weights, window, least, total, scores, kept, table, table_at, match
):
    """`align`, or `cover` where the reference is too long for that, or where its words are there in
    long pieces in another order. Returns the weight matched, and whether the order is kept."""
    if len(reference) > LONGEST_ALIGNED:
        return cover(reference, weights, window, table, table_at, match), True
    weight, most = align(reference, weights, window, least, scores, kept, match)
    in_place = 0
    for i in range(len(reference)):
        in_place += match[i] >= 0
    if most < ALL_THERE * total or in_place >= IN_ORDER * len(reference):
        return weight, True
    covered = cover(reference, weights, window, table, table_at, match)
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
    return align(reference, weights, window, least, scores, kept, match)[0], True


@part
def held(reference, weights, window, table, table_at):
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


@inlined
def is_number(word):
    return word & np.uint32(3) == np.uint32(NUMBER)


@inlined
def is_symbol(word, letters):
    """A number or a single Latin letter: what stands between operators in a formula."""
    symbol = is_number(word)
    for i in range(len(letters)):
        symbol |= word == letters[i]
    return symbol


@part
def renamed(reference, weights, window, match):
    """What a match misses only because a name was replaced, each time by the same other name.

    The first time is a difference; where the words of another gap and what stands for them are the
    same again, they agree after all; and where its words weigh nothing. Returns (weight, words) of
    these. Numbers are no names.
    """
    gaps = 0
    ours, theirs = np.empty(MOST_GAPS, np.uint64), np.empty(MOST_GAPS, np.uint64)
    weight = np.float32(0.0)
    words = 0
    before = -1
    for i in range(len(reference)):
        if match[i] < 0:
            continue
        left, right = before + 1, match[before] + 1 if before >= 0 else 0
        before_here, before = before, i
        if before_here < 0 or left == i or right >= match[i] or gaps == MOST_GAPS:
            continue
        if i - left > LONGEST_NAME or match[i] - right > LONGEST_NAME:
            continue
        mine = their = START
        number = False
        nats = np.float32(0.0)
        for z in range(left, i):
            nats += weights[z]
            mine = mix(mine, np.uint64(reference[z]))
            number |= is_number(reference[z])
        for z in range(right, match[i]):
            their = mix(their, np.uint64(window[z]))
        if number:
            continue
        again = nats <= np.float32(NAT) * (i - left)
        for g in range(gaps):
            again |= ours[g] == mine and theirs[g] == their
        if again:
            for z in range(left, i):
                weight += weights[z]
            words += (i - left + match[i] - right) // 2
        else:
            ours[gaps], theirs[gaps] = mine, their
            gaps += 1
    return weight, words


@inlined
def is_quantity(word, numerals, bits):
    """A number in digits or in words; `bits` are the numerals' marks."""
    quantity = is_number(word)
    if is_marked(word, bits):
        for i in range(len(numerals)):
            quantity |= word == numerals[i]
    return quantity


@part
def changes(reference, reference_glue, window, window_glue, match, letters, numerals):
    """How a match differs where it should not: (numbers replaced, numbers, operators replaced).

    A number counts as replaced where the row has another number in the same gap; one that is only
    gone is an edit. An operator counts where its two neighbours are symbols, aligned and adjacent.
    """
    bits = np.empty(MARKS, np.uint64)
    mark(numerals, 0, len(numerals), bits)
    replaced = numbers = operators = 0
    before = -1
    for i in range(len(reference) + 1):
        at_end = i == len(reference)
        if not at_end:
            numbers += is_quantity(reference[i], numerals, bits)
            if match[i] < 0:
                continue
        skipped = i - before - 1
        at_an_end = at_end or before < 0
        if at_an_end and skipped > LONGEST_END:
            before = i
            continue
        if before >= 0:
            low = match[before] + 1
            high = min(low + skipped, len(window)) if at_end else match[i]
        else:
            high = 0 if at_end else match[i]
            low = max(0, high - skipped)
        lost = other = 0
        for z in range(before + 1, i):
            lost += is_quantity(reference[z], numerals, bits)
        for z in range(low, high):
            other += is_quantity(window[z], numerals, bits)
        # Half as many numbers as before are numbers that lost what separated them, or an edit.
        if 0 < lost < 2 * other:
            replaced += min(lost, other)
        if not at_end and before >= 0 and i == before + 1 and high == low:
            ours, theirs = reference_glue[i], window_glue[high]
            if ours != theirs and ours != 0 and theirs != 0:
                symbols = is_symbol(reference[i], letters) and is_symbol(reference[before], letters)
                operators += symbols
        before = i
    return replaced, numbers, operators


@part
def numbers_lost(reference, window, match, first, last, numerals):
    """How many numbers of a reference have others in their place, where no order says which: those
    not matched, as far as the row's stretch has others that are not."""
    bits = np.empty(MARKS, np.uint64)
    mark(numerals, 0, len(numerals), bits)
    lost = other = 0
    for i in range(len(reference)):
        if is_quantity(reference[i], numerals, bits):
            lost += match[i] < 0
            other -= match[i] >= 0
    for k in range(first, last + 1):
        other += is_quantity(window[k], numerals, bits)
    return max(0, min(lost, other))


@part
def same_words(words, first, last, ref_words, start, end):
    """Whether a stretch of a row has the words of a reference."""
    if last - first != end - start:
        return False
    same = True
    for i in range(end - start):
        same &= np.uint32(words[first + i]) == ref_words[start + i]
    return same


@inlined
def narrowed(words, low, high, windows):
    """The low halves of the words from `low` to `high`, as references hold theirs."""
    for i in range(high - low):
        windows[i] = words[low + i]
    return windows[: high - low]


@inlined
def in_nats(weights, start, end, nats):
    for i in range(end - start):
        nats[i] = weights[start + i] * np.float32(NAT)
    return nats[: end - start]


@part
def foreign(window, match, length, first, last, mark, table, table_at):
    """How many words of a matched stretch are not the reference's; one said n times is 1 + ln n, as
    in a reference: a tag on every line is not a word more in every line."""
    for k in range(first, last + 1):
        mark[k] = 0
    for i in range(length):
        if match[i] >= 0:
            mark[match[i]] = 1
    mask = np.uint64(clear(table_at, last + 1 - first) - 1)
    count = np.float32(0.0)
    for k in range(first, last + 1):
        if mark[k]:
            continue
        slot = slot_of_word(window[k], mask, table, table_at)
        table[slot] = window[k]
        times = max(table_at[slot], 0) + 1
        table_at[slot] = times
        count += np.float32(1.0) if times == 1 else np.float32(np.log(times / (times - 1)))
    return np.int64(count + np.float32(0.5))


@kernel
def measure(
    candidates,
    count,
    words,
    glue,
    row_words,
    offsets,
    ref_words,
    ref_glue,
    weights,
    totals,
    stock,
    own_totals,
    least_share,
    letters,
    numerals,
    text_operators,
    ref_operators,
    scores,
    kept,
    table,
    table_at,
    match,
    windows,
    ref_nats,
    numbers,
    shares,
    own_shares,
):
    """Measure each candidate; a text that is the reference letter by letter, and whose operators
    are the same or gone, is one by definition.

    A candidate of which less than `least_share` is aligned is let go: 0 in every column. So is one
    of less than half whose wording, at its best, leaves it short of the score behind `least_share`.
    `shares`: aligned share of the weight, `own_shares` of that of the words that are no stem's.
    `numbers`: nine columns, (first word, last word + 1,
    words aligned, longest run of the reference aligned word by word, numbers replaced, numbers,
    operators replaced, words before its first two aligned in a row, words of the stretch as
    `foreign` counts them); words count from the start of the batch.
    """
    bits = np.empty(MARKS, np.uint64)
    for c in range(count):
        reference, row = candidates[c, 0], candidates[c, 1]
        start, end = offsets[reference], offsets[reference + 1]
        length = end - start
        shares[c] = 0.0
        own_shares[c] = 1.0
        numbers[c, :] = 0
        if candidates[c, 6] == NO_COPY:
            continue
        if candidates[c, 6] == COPY:
            shares[c] = 1.0
            numbers[c, 0], numbers[c, 1] = candidates[c, 2], candidates[c, 3]
            numbers[c, 2] = numbers[c, 3] = numbers[c, 8] = length
            continue
        if candidates[c, 6] == LETTERS:
            theirs = text_operators[candidates[c, 4]]
            first, last = candidates[c, 2], candidates[c, 3]
            after_passage = last - first > 2 * length
            there = after_passage or theirs == 0 or theirs == ref_operators[reference]
            if not after_passage and totals[reference] < LETTERS_NATS:
                there &= same_words(words, first, last, ref_words, start, end)
            if there:
                shares[c] = 1.0
                numbers[c, 0] = last - length if after_passage else first
                numbers[c, 1] = last
                numbers[c, 2] = (last - numbers[c, 0] + length + 1) // 2
                numbers[c, 8] = last - numbers[c, 0]
                continue
            candidates[c, 4] = 0
        low = candidates[c, 2] - candidates[c, 4] - candidates[c, 4] // 4 - 8
        high = candidates[c, 3] + candidates[c, 5] + candidates[c, 5] // 4 + 8
        low, high = max(low, row_words[row]), min(high, row_words[row + 1])
        widest = scores.shape[1] - 1 if length <= LONGEST_ALIGNED else len(table) // 2
        high = min(high, low + widest)
        least = least_share[reference] * totals[reference]
        if present(ref_words, weights, start, end, words, low, high, bits) < least:
            continue
        here = ref_words[start:end]
        window = narrowed(words, low, high, windows)
        nats = in_nats(weights, start, end, ref_nats)
        weight, in_order = aligned_or_covered(
            here, nats, window, least, totals[reference], scores, kept, table, table_at, match
        )
        if weight < least:
            continue
        if in_order:
            weight = trim(match, nats, length)
        renamed_weight, renamed_words = renamed(here, nats, window, match)
        weight += renamed_weight
        share = weight / max(totals[reference], np.float32(NAT))
        first, last, aligned, run, longest, missing = high - low, -1, 0, 0, 0, 0
        own = np.float32(0.0)
        for i in range(length):
            if match[i] < 0:
                run = 0
                continue
            if not stock[start + i]:
                own += nats[i]
            run = run + 1 if i and match[i - 1] == match[i] - 1 else 1
            if run == 2 and longest == 1:  # a single word may be there for any reason
                missing = i - 1
            longest = max(longest, run)
            aligned += 1
            first, last = min(first, match[i]), max(last, match[i])
        # Half a passage, or half a question that is cut off, counts whatever its wording.
        wording = 2 * (aligned + renamed_words) / (aligned + length)
        if share < HALF and share + wording < 1 + least_share[reference]:
            continue
        replaced, total, operators = changes(
            here, ref_glue[start:end], window, glue[low:high], match, letters, numerals
        )
        if not in_order:  # what stands between two sentences is another one
            replaced = numbers_lost(here, window, match, first, last, numerals)
            operators = 0
        shares[c] = share
        if own_totals[reference] > 0:
            own_shares[c] = min(own / own_totals[reference], np.float32(1.0))
        numbers[c, 0] = low + first
        numbers[c, 1] = low + last + 1
        numbers[c, 2] = aligned + renamed_words
        numbers[c, 3] = longest
        numbers[c, 4] = replaced
        numbers[c, 5] = total
        numbers[c, 6] = operators
        numbers[c, 7] = missing
        numbers[c, 8] = aligned + foreign(window, match, length, first, last, kept, table, table_at)


@kernel
def ask_of_passages(
    candidates, numbers, shares, c, count, part, offsets, owners, owner_offsets, item_parts, out
):
    """Candidates for the questions of every passage that was found, and of the choices of a vague
    one: before it, and after it.

    An edited question of eight words may hold no seed any more; beside its passage it needs none.
    The last column is -1 - item: whose question it would be, of all that ask it. Begins at
    candidate `c`, stops when `out` might overflow; returns the next one and the rows of `out`.
    """
    found = 0
    while c < count and found + 2 * MOST_ASKED <= len(out):
        reference = candidates[c, 0]
        if (part[reference] != PASSAGE and part[reference] != CHOICES) or shares[c] < HALF:
            c += 1
            continue
        stop = min(owner_offsets[reference + 1], owner_offsets[reference] + MOST_ASKED)
        for o in range(owner_offsets[reference], stop):
            question = item_parts[owners[o], 0]
            length = offsets[question + 1] - offsets[question]
            for before in range(2):
                edge = numbers[c, 0] if before else numbers[c, 1]
                out[found, 0] = question
                out[found, 1] = candidates[c, 1]
                out[found, 2] = edge
                out[found, 3] = edge
                # The passage's last matched words may be the question's own.
                out[found, 4] = 2 * length + BESIDE if before else length
                out[found, 5] = length if before else 2 * length + BESIDE
                out[found, 6] = -1 - owners[o]
                found += 1
        c += 1
    return c, found


@inlined
def same_ends(reference, window):
    """How many words two texts begin with alike, and how many more they end with alike: an
    alignment of the most words has them all."""
    most = min(len(reference), len(window))
    head = tail = 0
    while head < most and reference[head] == window[head]:
        head += 1
    while head + tail < most and reference[-1 - tail] == window[-1 - tail]:
        tail += 1
    return head, tail


@kernel
def trace(
    lines,
    count,
    words,
    offsets,
    ref_words,
    weights,
    scores,
    kept,
    table,
    table_at,
    match,
    windows,
    ref_nats,
    segments,
    bounds,
):
    """Where each decided line agrees: `lines` holds (reference, first word, last word + 1).

    `segments` receives (first and last word of the reference, first and last of the batch), all
    inclusive, a new one where either side skips more than BRIDGED words; `bounds` each line's
    first and end among them. Returns how many lines were done before `segments` was full.
    """
    at = 0
    bounds[0] = 0
    for c in range(count):
        start, end = offsets[lines[c, 0]], offsets[lines[c, 0] + 1]
        length = end - start
        if at + length > len(segments):
            return c
        low = lines[c, 1]
        here = ref_words[start:end]
        window = narrowed(words, low, lines[c, 2], windows)
        nats = in_nats(weights, start, end, ref_nats)
        head, tail = same_ends(here, window)
        rest, none = nats[head : length - tail], np.float32(0.0)
        aligned_or_covered(
            here[head : length - tail], rest, window[head : len(window) - tail], none, rest.sum(),
            scores, kept, table, table_at, match[head:],
        )  # fmt: skip
        for i in range(length):
            if i < head or i >= length - tail:
                match[i] = i if i < head else len(window) - length + i
            elif match[i] >= 0:
                match[i] += head
        before = -1
        for i in range(length):
            if match[i] < 0:
                continue
            step = match[i] - match[before] if before >= 0 else 0
            if before >= 0 and i - before <= BRIDGED + 1 and 0 < step <= BRIDGED + 1:
                segments[at - 1, 1] = i
                segments[at - 1, 3] = low + match[i]
            else:
                segments[at, 0] = segments[at, 1] = i
                segments[at, 2] = segments[at, 3] = low + match[i]
                at += 1
            before = i
        bounds[c + 1] = at
    return count


@kernel
def support(
    matches,
    count,
    words,
    row_words,
    offsets,
    ref_words,
    weights,
    item_parts,
    table,
    table_at,
    shares,
):
    """For (row, item, first word, last word + 1): the share held near the match of the item's
    passage, choices and answer, three columns; -1 where the item has no such part.
    """
    for m in range(count):
        row, item = matches[m, 0], matches[m, 1]
        for which in range(1, 4):
            reference = item_parts[item, which]
            shares[m, which - 1] = -1.0
            if reference < 0:
                continue
            start, end = offsets[reference], offsets[reference + 1]
            length = end - start
            reach = length + length // 2 + 40
            low = matches[m, 2] - reach
            high = matches[m, 3] + reach + (360 if which == 3 else 0)
            low, high = max(low, row_words[row]), min(high, row_words[row + 1])
            high = min(high, low + len(table) // 2)
            shares[m, which - 1] = held(
                ref_words[start:end],
                weights[start:end],
                words[low:high].astype(np.uint32),
                table,
                table_at,
            )
