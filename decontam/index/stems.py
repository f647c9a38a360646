"""Stems: wording that many questions have in common, and questions that are nobody's alone."""

import numpy as np
from numpy.typing import NDArray

from dataengine.kernels.jit import kernel
from decontam.index.items import CHOICES, QUESTION, SHARED
from decontam.text.words import START, THIRD, bucket_bounds, mix, place_among, whole

# So many words in a row that so many questions have, each of other words, are a stem.
STOCKS = ((8, SHARED), (16, 3))
# A question of at most so many words may be the stem of others as a whole.
LONGEST_STEM = 8


def stock(
    words: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    part: NDArray[np.uint8],
    hashes: NDArray[np.uint64],
) -> NDArray[np.bool_]:
    """Which words of questions and choices stand in a run that many others have, as STOCKS has it.

    References of the same words (`hashes`) are one: what two suites ask is no stem.
    """
    wanted = np.isin(part, (QUESTION, CHOICES))
    _, alike = np.unique(hashes, return_inverse=True)
    holder = np.repeat(alike.astype(np.int32), np.diff(offsets))
    covered = np.zeros(len(words), np.bool_)
    for size, least in STOCKS:
        runs = fill_runs(words, offsets, wanted, size, np.zeros_like(words))
        places = np.flatnonzero(runs)
        order = places[np.lexsort((holder[places], runs[places]))]
        begins = np.zeros(len(words), np.bool_)
        begins[order] = count_distinct(runs[order], holder[order], np.empty(len(order))) >= least
        cover_runs(begins, size, covered)
    return covered


@kernel
def fill_runs(words, offsets, wanted, size, runs):
    """The hash of the `size` words that begin at each word; 0 where fewer are left of its text."""
    for text in range(len(offsets) - 1):
        if wanted[text]:
            for i in range(offsets[text], offsets[text + 1] - size + 1):
                state = START
                for z in range(size):
                    state = mix(state, words[i + z])
                runs[i] = state
    return runs


@kernel
def count_distinct(keys, holder, counts):
    """How many holders each key has; both are in ascending order, by key and then by holder."""
    start = 0
    while start < len(keys):
        end, distinct = start, 0
        while end < len(keys) and keys[end] == keys[start]:
            distinct += end == start or holder[end] != holder[end - 1]
            end += 1
        counts[start:end] = distinct
        start = end
    return counts


@kernel
def cover_runs(begins, size, covered):
    """Mark the words of the runs of `size` words that begin where `begins` says."""
    left = 0
    for i in range(len(begins)):
        left = size if begins[i] else left - 1
        covered[i] |= left > 0


def shared_questions(
    words: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    part: NDArray[np.uint8],
    item_parts: NDArray[np.int32],
    answers: list[str],
) -> NDArray[np.bool_]:
    """Which references are questions that items with different answers or passages ask."""
    hashes = whole_hashes(words, offsets, np.empty(len(part), np.uint64))
    asked: dict[int, set[tuple[int, str]]] = {}
    for (question, passage, *_), answer in zip(item_parts.tolist(), answers, strict=True):
        known = asked.setdefault(int(hashes[question]), set())
        if len(known) < 2:
            known.add((passage, answer.strip().casefold()))
    several = np.array([key for key, known in asked.items() if len(known) > 1], np.uint64)
    return np.isin(hashes, several) & (part == QUESTION)


def stems(
    words: NDArray[np.uint64], offsets: NDArray[np.int64], part: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Which questions of at most LONGEST_STEM words stand inside two others or more."""
    question = part == QUESTION
    lengths = np.diff(offsets)
    short = np.flatnonzero(question & (lengths > 0) & (lengths <= LONGEST_STEM))
    hashes = whole_hashes(words, offsets, np.empty(len(part), np.uint64))
    known, inverse = np.unique(hashes[short], return_inverse=True)
    inside = np.zeros(len(known), np.int64)
    count_inside(words, offsets, question, known, bucket_bounds(known), inside)
    found = np.zeros(len(part), np.bool_)
    found[short] = inside[inverse] >= 2
    return found


@kernel
def count_inside(words, offsets, question, known, bounds, inside):
    """Add to `inside` how many longer questions hold each of the `known` texts (`place_among`)."""
    last = np.full(len(known), -1, np.int64)
    for text in range(len(offsets) - 1):
        start, end = offsets[text], offsets[text + 1]
        if not question[text]:
            continue
        for i in range(start, end):
            state = START
            for j in range(i, min(i + LONGEST_STEM, end)):
                state = mix(state, words[j])
                place = place_among(state * THIRD, known, bounds)
                if place >= 0 and last[place] != text and j + 1 - i < end - start:
                    last[place] = text
                    inside[place] += 1


@kernel
def whole_hashes(words, offsets, out):
    """A hash of all words of each text, into `out`."""
    for text in range(len(offsets) - 1):
        out[text] = whole(words, offsets[text], offsets[text + 1])
    return out
