"""Differences inside an alignment: names, numbers and operators replaced, words put in."""

import numpy as np

from dataengine.kernels.hashing import NUMBER
from dataengine.kernels.jit import allocating, inlined, part
from decontam.index.weights import NAT
from decontam.search.wordset import MARKS, is_marked, mark, slot_of_word
from decontam.text.words import START, clear, mix

# A number and what it counts: where more is missing at either end, the row was cut, and what stands
# there instead is another text.
LONGEST_END = 3
# A name is at most so many words; so many different gaps of a match are looked at.
LONGEST_NAME, MOST_GAPS = 10, 64


@inlined
def is_number(word):
    """Whether a word is a number in digits."""
    return word & np.uint32(3) == np.uint32(NUMBER)


@inlined
def is_symbol(word, letters):
    """A number or a single Latin letter: what stands between operators in a formula."""
    symbol = is_number(word)
    for i in range(len(letters)):
        symbol |= word == letters[i]
    return symbol


@allocating
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


@allocating
def changes(reference, reference_codes, window, window_codes, match, letters, numerals):
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
            ours, theirs = reference_codes[i], window_codes[high]
            if ours != theirs and ours != 0 and theirs != 0:
                symbols = is_symbol(reference[i], letters) and is_symbol(reference[before], letters)
                operators += symbols
        before = i
    return replaced, numbers, operators


@allocating
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
