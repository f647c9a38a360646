"""Matching segments of a decided line: which words of the reference are which words of the row."""

import numpy as np

from dataengine.kernels.jit import inlined, kernel
from decontam.search.alignment import aligned_or_covered, in_nats, narrowed

# A span of the evidence goes on over so many unmatched words.
BRIDGED = 2
# Columns of the lines that are traced: a reference, the first word of the match, one past its last.
REFERENCE, FIRST, END = range(3)
# Columns of a segment, all inclusive: words of the reference, words of the batch.
ITEM_FIRST, ITEM_LAST, ROW_FIRST, ROW_LAST = range(4)


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
def trace(lines, batch_words, references, work, segments, bounds):
    """Where each decided line agrees.

    `segments` receives a new line where either side skips more than BRIDGED words; `bounds` each
    line's first and end among them. `work`: a `Workspace`. Returns how many lines were done before
    `segments` was full.
    """
    offsets, match = references.offsets, work.match
    at = 0
    bounds[0] = 0
    for c in range(len(lines)):
        start, end = offsets[lines[c, REFERENCE]], offsets[lines[c, REFERENCE] + 1]
        length = end - start
        if at + length > len(segments):
            return c
        low = lines[c, FIRST]
        here = references.words[start:end]
        window = narrowed(batch_words, low, lines[c, END], work.windows)
        nats = in_nats(references.weights, start, end, work.nats)
        match_with_ends(here, nats, window, work, match)
        before = -1
        for i in range(length):
            if match[i] < 0:
                continue
            step = match[i] - match[before] if before >= 0 else 0
            if before >= 0 and i - before <= BRIDGED + 1 and 0 < step <= BRIDGED + 1:
                segments[at - 1, ITEM_LAST] = i
                segments[at - 1, ROW_LAST] = low + match[i]
            else:
                segments[at, ITEM_FIRST] = segments[at, ITEM_LAST] = i
                segments[at, ROW_FIRST] = segments[at, ROW_LAST] = low + match[i]
                at += 1
            before = i
        bounds[c + 1] = at
    return len(lines)


@inlined
def match_with_ends(here, nats, window, work, match):
    """Align a reference with its match, into `match`: their equal ends first, then the rest."""
    length = len(here)
    head, tail = same_ends(here, window)
    rest, none = nats[head : length - tail], np.float32(0.0)
    inside = window[head : len(window) - tail]
    aligned_or_covered(
        here[head : length - tail], rest, inside, none, rest.sum(), work, match[head:]
    )
    for i in range(length):
        if i < head or i >= length - tail:
            match[i] = i if i < head else len(window) - length + i
        elif match[i] >= 0:
            match[i] += head
