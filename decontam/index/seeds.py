"""Seeds: the rare trigrams that lead from a row to a reference."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataengine.kernels.jit import kernel
from decontam.index.items import ANSWER, CHOICES, PASSAGE, QUESTION
from decontam.index.postings import VERBATIM, WHOLE, hash_table, packed
from decontam.index.verbatim import Groups
from decontam.index.weights import NAT, holders, sums
from decontam.text import background
from decontam.text.words import fill_trigrams

# A window must hold this share of a reference's seeds, by weight, for so many nats; linear in
# between. Of trigrams, 0.85 ** 3 = 0.61 survive where 15 % of the words are edited and 0.34 where
# 30 % are; a short reference must be nearly a copy to count.
NATS, SEED_SHARE = (20.0, 40.0, 80.0), (0.3, 0.2, 0.12)
# A trigram that weighs less turns up by chance in every few thousand words; one in more references
# than MOST_OWNERS leads to nobody in particular.
SEED_NATS = 7.0
MOST_OWNERS = 64
MOST_SEEDS = 24
# A short reference needs more than three, or two edits leave it none: the next heaviest then, down
# to a weight that still is rare enough.
FEWEST_SEEDS, LIGHT_SEED_NATS = 8, 5.0
# A question that says less ("Which of these is true?") is found by its choices too.
VAGUE = 25.0
# Answers below both limits never produce a match themselves; they only support a match of their
# question.
SOLUTION_WORDS, SOLUTION_NATS = 20, 60.0


class Wholes(NamedTuple):
    """Texts that are a question as a whole: their `hashing.squash`, and its reference."""

    keys: NDArray[np.uint64]
    references: NDArray[np.int64]


def choose_seeds(
    words: NDArray[np.uint64],
    weights: NDArray[np.float32],
    offsets: NDArray[np.int64],
    part: NDArray[np.uint8],
    item_parts: NDArray[np.int32],
    wholes: Wholes,
    copies: Groups,
) -> dict[str, NDArray[Any]]:
    """The trigrams that lead to each reference, spread over it, as a hash table with a filter.

    In the same table the `wholes`, and the anchors of `copies`.
    """
    lengths = np.diff(offsets)
    leading = (part == QUESTION) | (part == PASSAGE)
    nats = sums(weights, offsets)
    leading |= (part == ANSWER) & (lengths >= SOLUTION_WORDS) & (nats >= SOLUTION_NATS)
    vague = (nats[item_parts[:, QUESTION]] < VAGUE) & (item_parts[:, CHOICES] >= 0)
    leading[item_parts[vague, CHOICES]] = True
    grams = np.zeros(len(words), np.uint64)
    values = np.zeros(len(words), np.float32)
    fill_trigrams(words, weights, offsets, leading, grams, values)
    np.minimum(values, background.trigram_surprise(grams), out=values)
    holder = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    has_gram = np.flatnonzero(values > 0)
    held = np.zeros(len(words), np.int32)
    held[has_gram] = holders(grams[has_gram], holder[has_gram])
    chosen = np.zeros(len(words), np.bool_)
    totals = np.zeros(len(lengths), np.float32)
    pick_seeds(offsets, values, held, chosen, totals)
    picked = np.flatnonzero(chosen)
    groups = np.arange(len(copies.keys))
    keys = np.concatenate([grams[picked], wholes.keys, copies.keys])
    places = picked - offsets[holder[picked]], np.full_like(wholes.references, WHOLE)
    place = np.concatenate([*places, np.full_like(groups, VERBATIM)])
    value = np.zeros(len(keys), np.int64)
    value[: len(picked)] = np.floor(values[picked] / NAT)
    leads_to = np.concatenate([holder[picked].astype(np.int64), wholes.references, groups])
    postings = packed(value, leads_to, place)
    return {
        "seeds_needed": (np.interp(nats, NATS, SEED_SHARE) * totals / NAT).astype(np.float32),
        **hash_table(keys, postings),
    }


@kernel
def pick_seeds(offsets, values, held, chosen, totals):
    """In each of at most MOST_SEEDS stretches of a reference, its heaviest trigram few others hold.

    Where these are fewer than FEWEST_SEEDS, the heaviest of the others.
    """
    for text in range(len(offsets) - 1):
        start, end = offsets[text], offsets[text + 1] - 2
        length = end - start
        if length <= 0:
            continue
        stretches = min(length, MOST_SEEDS)
        for stretch in range(stretches):
            best = -1
            first = start + stretch * length // stretches
            for i in range(first, start + (stretch + 1) * length // stretches):
                rare = values[i] >= SEED_NATS and held[i] <= MOST_OWNERS
                if rare and (best < 0 or values[i] > values[best]):
                    best = i
            if best >= 0:
                chosen[best] = True
                totals[text] += values[best]
        picked = 0
        for i in range(start, end):
            picked += chosen[i]
        while picked < FEWEST_SEEDS:
            best = -1
            for i in range(start, end):
                free = not chosen[i] and 0 < held[i] <= MOST_OWNERS
                free = free and (values[i] >= LIGHT_SEED_NATS or picked < 3)
                if free and (best < 0 or values[i] > values[best]):
                    best = i
            if best < 0:
                break
            chosen[best] = True
            totals[text] += values[best]
            picked += 1
