"""Word sequences and trigrams: tokens with the operators between them beside, not among them.

Alignment and n-grams run over words (numbers and single characters included), so that a copy that
lost its punctuation still agrees; the operators before each word are kept as one small code, so
that a copy whose operators *differ* is seen to be another problem.
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataengine.kernels.folding import FOLDING, fold, is_plain
from dataengine.kernels.hashing import CLASS_BITS, OPERATOR, Hashes, hash_operator
from dataengine.kernels.jit import inlined, kernel, part
from dataengine.kernels.packed import Bytes, Offsets, pack, read_only
from dataengine.kernels.scratch import ScratchBuffers
from dataengine.kernels.simd import WIDTH
from dataengine.kernels.tokens import tokenise, tokenise_folded

OperatorCodes = NDArray[np.uint8]

FIRST = np.uint64(0xFF51AFD7ED558CCD)
SECOND = np.uint64(0xC4CEB9FE1A85EC53)
THIRD = np.uint64(0x94D049BB133111EB)
STAR = ord("*")
BUCKET_BITS = 16
NUMERALS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
    "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20,
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
# So many bits of a hash tell these apart.
NUMERAL_BITS = 10
# Stands where a text has no word yet, so that its first words have a context too.
START = np.uint64(0x5851F42D4C957F2D)


@inlined
def mix(left, right):
    """An order-sensitive hash of two hashes."""
    state = (left ^ (left >> np.uint64(29))) * FIRST + right
    return (state ^ (state >> np.uint64(32))) * SECOND


@inlined
def trigram(first, second, third):
    """A hash of three words in a row: three products that wait for nothing, as every word of every
    row goes through here."""
    state = first * FIRST + second * SECOND + third * THIRD
    return state ^ (state >> np.uint64(31))


def bucket_bounds(known: Hashes) -> Offsets:
    """Where the hashes that begin with the same BUCKET_BITS start among `known`, which ascend."""
    firsts = np.arange(1 << BUCKET_BITS, dtype=np.uint64) << np.uint64(64 - BUCKET_BITS)
    return np.append(np.searchsorted(known, firsts), len(known))


@inlined
def place_among(key, known, bounds):
    """The place of a hash among `known`, ascending and each there once; -1 where it is not."""
    bucket = key >> np.uint64(64 - BUCKET_BITS)
    for place in range(bounds[bucket], bounds[bucket + np.uint64(1)]):
        if known[place] == key:
            return place
    return -1


@part
def clear(table_at, entries):
    """Empty as much of a hash table as `entries` need; returns its size, a power of two."""
    size = 64
    while size < 2 * entries:
        size *= 2
    for i in range(size):
        table_at[i] = -1
    return size


@inlined
def slot_of(key, start, mask, table, table_at):
    """Where a hash table has a key, or would have it: the first place from `start` that holds it or
    nothing."""
    slot = start & mask
    while table_at[slot] >= 0 and table[slot] != key:
        slot = (slot + np.uint64(1)) & mask
    return slot


@kernel
def fill_trigrams(words, weights, offsets, leading, grams, values):
    """The trigram that starts at each word of the texts that are `leading`, and its weight."""
    for text in range(len(offsets) - 1):
        if leading[text]:
            for i in range(offsets[text], offsets[text + 1] - 2):
                grams[i] = trigram(words[i], words[i + 1], words[i + 2])
                if min(weights[i], weights[i + 1], weights[i + 2]) > 0:
                    values[i] = weights[i] + weights[i + 1] + weights[i + 2]


@part
def whole(words, start, end):
    """The hash of a text as a whole; never that of a trigram."""
    state = START
    for i in range(start, end):
        state = mix(state, words[i])
    return state * THIRD


@inlined
def is_emphasis(hashes, i, start, end):
    """A star beside another one: `**5**` is a bold five, and what powers say is said by numbers."""
    star = hash_operator(STAR)
    if hashes[i] != star:
        return False
    return (i > start and hashes[i - 1] == star) or (i + 1 < end and hashes[i + 1] == star)


class NumberWords(NamedTuple):
    """English numbers in words, each at the place of its hash, and what each is worth."""

    names: Hashes
    worth: NDArray[np.int8]


@cache
def number_words() -> NumberWords:
    """The numbers that `NUMERALS` has, in words."""
    words, _ = tokenise(*pack([" ".join(NUMERALS)]))
    names, worth = np.zeros(1 << NUMERAL_BITS, np.uint64), np.zeros(1 << NUMERAL_BITS, np.int8)
    places = words >> np.uint64(64 - NUMERAL_BITS)
    names[places], worth[places] = words, list(NUMERALS.values())
    return NumberWords(names, worth)


@cache
def digits_of() -> Hashes:
    """The hashes of 0 to 99 in digits."""
    return tokenise(*pack([" ".join(map(str, range(100)))]))[0]


@inlined
def numeral(token, names, worth):
    """What a number in words is worth; -1 for any other token."""
    place = token >> np.uint64(64 - NUMERAL_BITS)
    return np.int64(worth[place]) if names[place] == token else np.int64(-1)


@inlined
def goes_on(before, value):
    """Whether `twenty` and `five` are one number."""
    return before >= 20 and 0 < value < 10


@kernel
def split_operators(hashes, offsets, names, worth, digits, operator_codes, operators, word_offsets):
    """Move the words to the front of `hashes`, the operators' codes beside them (`split_words`).

    Numbers in words become those in digits: a copy that writes its numbers out says the same.
    """
    at = 0
    word_offsets[0] = 0
    for text in range(len(offsets) - 1):
        pending = np.uint64(0)
        state = np.uint64(0)
        before = np.int64(-1)
        for i in range(np.uint64(offsets[text]), np.uint64(offsets[text + 1])):
            token = hashes[i]
            if token & CLASS_BITS == np.uint64(OPERATOR):
                before = np.int64(-1)
                if not is_emphasis(hashes, i, offsets[text], offsets[text + 1]):
                    pending = pending * np.uint64(31) + (token >> np.uint64(40))
                    state = mix(state, token)
                continue
            tens, before = before, numeral(token, names, worth)
            if before >= 0:
                if goes_on(tens, before):
                    hashes[np.uint64(at - 1)] = digits[tens + before]
                    continue
                token = digits[before]
            hashes[np.uint64(at)] = token
            code = pending & np.uint64(255)
            operator_codes[np.uint64(at)] = code if code or not pending else np.uint64(1)
            pending = np.uint64(0)
            at += 1
        operators[text] = state
        word_offsets[text + 1] = at
    return at


@dataclass(frozen=True)
class Words:
    """A batch's words: text t has `words[offsets[t]:offsets[t + 1]]`.

    `operator_codes`: for each word the operators before it as one number, 0 where there are none.
    `operators`: for each text a hash of its operators in order; 0 where it has none.
    """

    words: Hashes
    operator_codes: OperatorCodes
    offsets: Offsets
    operators: Hashes


def split_words(hashes: Hashes, offsets: Offsets, buffers: ScratchBuffers | None = None) -> Words:
    """The words among a batch's tokens; they take the tokens' place in `hashes`."""
    operator_codes = (buffers or ScratchBuffers()).array("operator_codes", len(hashes), np.uint8)
    operators = np.empty(max(len(offsets) - 1, 0), np.uint64)
    word_offsets = np.empty_like(offsets)
    numerals = (*number_words(), digits_of())
    count = split_operators(hashes, offsets, *numerals, operator_codes, operators, word_offsets)
    return Words(hashes[:count], operator_codes[:count], word_offsets, operators)


def words_of(texts: list[str]) -> Words:
    """Texts as words."""
    return split_words(*tokenise(*pack(texts)))


class PlaceBuffers(NamedTuple):
    """Scratch buffers for `word_places`: three entries for each byte of the longest text, and WIDTH
    more."""

    folded: Bytes
    origin: NDArray[np.int32]
    hashes: Hashes


@part
def word_places(data, start, end, folding, numbers, buffers, spans):
    """Character spans of a text's words into the first rows of `spans`; returns how many."""
    folded, base = data, start
    origin, hashes = buffers.origin, buffers.hashes
    plain = is_plain(data, start, end)
    if not plain:
        end = fold(data, start, end, folding.packed, folding.lengths, buffers.folded, origin)
        folded, base = buffers.folded, 0
    count = tokenise_folded(folded, base, end, hashes, 0, spans)
    words = 0
    before = np.int64(-1)
    for i in range(count):
        if hashes[i] & CLASS_BITS == np.uint64(OPERATOR):
            before = np.int64(-1)
            continue
        tens, before = before, numeral(hashes[i], numbers.names, numbers.worth)
        first, last = spans[i, 0] - base, spans[i, 1] - base - 1
        if not goes_on(tens, before):
            spans[words, 0] = first if plain else origin[first]
            words += 1
        spans[words - 1, 1] = last + 1 if plain else origin[last] + 1
    return words


@kernel
def places_of(data, folding, numbers, buffers, spans):
    """`word_places` of one text, to be called from Python."""
    return word_places(data, 0, len(data), folding, numbers, buffers, spans)


def word_spans(text: str) -> NDArray[np.int64]:
    """The character spans of a text's words, shape (words, 2), end exclusive."""
    data, offsets = pack([text])
    size = 3 * int(offsets[-1]) + WIDTH
    spans, hashes = np.empty((size, 2), np.int64), np.empty(size, np.uint64)
    buffers = PlaceBuffers(np.empty(size, np.uint8), np.empty(size, np.int32), hashes)
    said = read_only(data[: offsets[-1]])
    return spans[: places_of(said, FOLDING, number_words(), buffers, spans)]
