"""Word weights: self-information in nats, in ordinary data and within a suite.

A word of a reference weighs

* its surprise in ordinary data (`background`), and no more than
* its surprise after the two words before it among the other items of its suite, where five or more
  of them share these three words: what a suite repeats (a stem, a header, LaTeX or Asymptote
  idioms) tells no item from another;
* a word that the reference says n times weighs 1 + ln n in all, not n times as much: a renamed
  function is one change, however often it is called.
"""

import re

import numpy as np
from numpy.typing import NDArray

from dataengine.kernels.jit import kernel
from decontam.index.items import SHARED
from decontam.text import background
from decontam.text.words import START, clear, mix, word_spans

NAT = 1 / 16  # the unit of stored weights
COUNTERS = 1 << 24

DEFINITION = re.compile(r"\b(?:def|function|func)\s+(\w+)\s*\(")
CALL = re.compile(r"\b(\w+)(?=\s*\()")


def word_weights(
    words: NDArray[np.uint64], offsets: NDArray[np.int64], group: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Nats for each word of each reference; `group` is each reference's suite and part."""
    context, continued = contexts(words, offsets, group)
    holder = np.repeat(np.arange(len(offsets) - 1, dtype=np.int32), np.diff(offsets))
    with_word, with_context = holders(continued, holder), holders(context, holder)
    del context, continued, holder
    expected = np.log(with_context.astype(np.float32)) - np.log(with_word.astype(np.float32))
    surprise = background.surprise(words)
    weights = np.where(with_word >= SHARED, np.minimum(surprise, expected), surprise)
    longest = int(np.diff(offsets).max(initial=32))
    first = np.empty(1 << (2 * longest - 1).bit_length(), np.int64)
    place = np.empty(longest, np.int64)
    times = repetitions(words, offsets, first, place, np.empty(len(words), np.float32))
    weights *= (1 + np.log(times)) / times
    return np.maximum(weights, NAT).astype(np.float32)


def sums(weights: NDArray[np.float32], offsets: NDArray[np.int64]) -> NDArray[np.float32]:
    """The sum of the weights of each text, shape (texts,)."""
    cumulative = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])
    return (cumulative[offsets[1:]] - cumulative[offsets[:-1]]).astype(np.float32)


def called_names(text: str) -> list[int]:
    """Which words of a text are the name of a function that it defines, where it is called or
    defined: any other name would do."""
    if "(" not in text:
        return []
    names = set(DEFINITION.findall(text))
    if not names:
        return []
    inside = [call.span(1) for call in CALL.finditer(text) if call[1] in names]
    return [
        word
        for word, (start, end) in enumerate(word_spans(text).tolist())
        if any(first <= start and end <= last for first, last in inside)
    ]


def contexts(words, offsets, group):  # type: ignore[no-untyped-def]
    """For each word, hashes of the two words before it and of those with it, apart by group."""
    context, continued = np.empty_like(words), np.empty_like(words)
    fill_contexts(words, offsets, group, context, continued)
    return context, continued


@kernel
def fill_contexts(words, offsets, group, context, continued):
    """For each word a hash of its group and the two before it, and whether it goes on."""
    for text in range(len(offsets) - 1):
        salt = mix(START, np.uint64(group[text]))
        before, last = salt, START
        for i in range(offsets[text], offsets[text + 1]):
            context[i] = mix(mix(before, last), salt)
            continued[i] = mix(context[i], words[i])
            before, last = last, words[i]


def holders(keys: NDArray[np.uint64], holder: NDArray[np.int32]) -> NDArray[np.int32]:
    """For each key, how many holders have it where SHARED or more do, and 1 elsewhere; `holder`
    ascends. Most keys are rare, and a table of small counters tells them without a sort."""
    may_be = mark_frequent(keys, np.zeros(COUNTERS, np.uint8), np.empty(len(keys), np.bool_))
    often = np.flatnonzero(may_be)
    keys = keys[often]
    order = np.argsort(keys, kind="stable")
    counts = np.ones(len(may_be), np.int32)
    counts[often] = count_holders(keys, holder[often], order, np.empty(len(often), np.int32))
    return counts


@kernel
def mark_frequent(keys, counters, frequent):
    """Which keys may occur SHARED times: those that do, and few that share a counter."""
    mask = np.uint64(len(counters) - 1)
    for key in keys:
        counters[key & mask] += counters[key & mask] < SHARED
    for i in range(len(keys)):
        frequent[i] = counters[keys[i] & mask] >= SHARED
    return frequent


@kernel
def count_holders(keys, holder, order, counts):
    """How many different holders each key has, where `order` sorts the keys."""
    start = 0
    while start < len(order):
        key = keys[order[start]]
        end = start
        distinct = 0
        last = -1
        while end < len(order) and keys[order[end]] == key:
            if holder[order[end]] != last:
                distinct += 1
                last = holder[order[end]]
            end += 1
        for i in range(start, end):
            counts[order[i]] = distinct if distinct >= SHARED else 1
        start = end
    return counts


@kernel
def repetitions(words, offsets, first, place, times):
    """How often each word occurs in its own reference. `first`, twice as long as the longest and a
    power of two, is a table of where words occur first; `place` holds that for each word."""
    for text in range(len(offsets) - 1):
        start, end = offsets[text], offsets[text + 1]
        mask = np.uint64(clear(first, end - start) - 1)
        for i in range(start, end):
            slot = words[i] >> np.uint64(4) & mask
            while first[slot] >= 0 and words[first[slot]] != words[i]:
                slot = (slot + np.uint64(1)) & mask
            if first[slot] < 0:
                first[slot] = i
                times[i] = 0
            place[i - start] = first[slot]
            times[first[slot]] += 1
        for i in range(start, end):
            times[i] = times[place[i - start]]
    return times
