"""Background frequencies: self-information of words and trigrams in ordinary chat data.

The table is part of the package, so that a verdict never depends on the rows that happen to be
checked: a file that consists of leaks only would otherwise make its leaks look like boilerplate.
`python -m decontam.text.background FILE...` builds it anew.
"""

import sys
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dataengine.kernels.hashing import CHARACTER, CLASS_BITS, NUMBER
from dataengine.kernels.jit import kernel
from decontam.text.words import bucket_bounds, fill_trigrams, place_among, words_of

TABLE = Path(__file__).with_name("background.npz")
# Surprise in nats, stored in sixteenths.
UNIT = 16.0
ROWS_PER_FILE = 6000
FEWEST_ROWS = 4
# Of three words in a row only what is too common to lead to anything need be known: 8 nats.
FEWEST_TRIGRAM_ROWS = 16
# What an unseen word may weigh, by its class. A number or a single character that the table lacks
# says less than a word that it lacks: there are fewer of them.
UNSEEN = np.full(4, 9.0, np.float32)
UNSEEN[[NUMBER, CHARACTER]] = 5.0


def surprise(words: NDArray[np.uint64]) -> NDArray[np.float32]:
    """-ln of the share of rows that hold each word, in nats; float32, the shape of `words`."""
    table = np.load(TABLE)
    return np.minimum(nats_of(words, table["words"], table["level"]), UNSEEN[words & CLASS_BITS])


def trigram_surprise(trigrams: NDArray[np.uint64]) -> NDArray[np.float32]:
    """The same of three words in a row; infinite where it is rare enough not to be known."""
    table = np.load(TABLE)
    return nats_of(trigrams, table["trigrams"], table["trigram_level"])


def nats_of(
    keys: NDArray[np.uint64], known: NDArray[np.uint64], level: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """What a table says of each key; infinite where it lacks it. `known` are hashes, ascending."""
    nats = np.full(len(keys), np.inf, np.float32)
    return fill_nats(keys, known, level, bucket_bounds(known), nats)


@kernel
def fill_nats(keys, known, level, bounds, nats):
    """The nats of each trigram that the background table knows."""
    for i in range(len(keys)):
        place = place_among(keys[i], known, bounds)
        if place >= 0:
            nats[i] = np.float32(level[place]) / np.float32(UNIT)
    return nats


def build(paths: list[Path]) -> None:
    """Count in how many rows each word and trigram occurs, over an equal share of each file."""
    from dataengine.rows.formats import records
    from dataengine.rows.texts import texts

    words: list[NDArray[np.uint64]] = []
    trigrams: list[NDArray[np.uint64]] = []
    for path in paths:
        for record in islice(records(str(path)), ROWS_PER_FILE):
            read = words_of([text.text for text in texts(record.value)])
            words.append(np.unique(read.words))
            trigrams.append(np.unique(all_trigrams(read.words, read.offsets)))
    common, level = frequent(words, FEWEST_ROWS)
    trigrams_known, trigram_level = frequent(trigrams, FEWEST_TRIGRAM_ROWS)
    np.savez_compressed(
        TABLE, words=common, level=level, trigrams=trigrams_known, trigram_level=trigram_level
    )
    sizes = f"{len(common)} words, {len(trigrams_known)} trigrams"
    print(f"{len(words)} rows, {sizes}, {TABLE.stat().st_size} bytes")


def frequent(
    seen: list[NDArray[np.uint64]], fewest: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """What so many rows hold, ascending, and its surprise in the table's unit; `seen`: by row."""
    hashes, rows = np.unique(np.concatenate(seen), return_counts=True)
    known = rows >= fewest
    return hashes[known], np.round(-np.log(rows[known] / len(seen)) * UNIT).astype(np.uint8)


def all_trigrams(words: NDArray[np.uint64], offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    """The different trigrams of some texts."""
    grams, values = np.zeros(len(words), np.uint64), np.zeros(len(words), np.float32)
    every = np.ones(len(offsets) - 1, np.bool_)
    fill_trigrams(words, np.ones(len(words), np.float32), offsets, every, grams, values)
    return grams[values > 0]


if __name__ == "__main__":
    build([Path(argument) for argument in sys.argv[1:]])
