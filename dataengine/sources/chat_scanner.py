"""Chat scanner: a kernel that takes the plain lines of JSON Lines into flat columns.

A line is plain that holds a list of turns with the keys that a stored turn has, in an order that a
row may have, beside tools and keys that a row does not carry, whose values are skipped and checked
all the same. Texts are copied unescaped, and of values that are more than text (tool calls, tools)
the JSON as it stands.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dataengine.kernels.jit import inlined, kernel, part
from dataengine.kernels.simd import WIDTH
from dataengine.row import AFTER, ROLES
from dataengine.rows.shapes import BESIDE, Shape
from dataengine.rows.turns import CALLERS, FLAGS, MEDIA
from dataengine.rows.turns import ROLES as SPEAKERS
from dataengine.sources.json_scanner import (
    CLOSE_LIST,
    CLOSE_OBJECT,
    EMPTY,
    LONGEST_NUMBER,
    NOTHING,
    NULL,
    OPEN_LIST,
    OPEN_OBJECT,
    POINT,
    QUOTE,
    SAYS,
    UNUSUAL,
    ZERO,
    after_value,
    digits,
    hashed,
    is_word,
    says,
    skip_space,
    skip_string,
    skip_value,
    take_key,
    take_string,
)
from decontam.io.jsonl import key_hashes

PLAIN: dict[Shape, tuple[str, str, str]] = {
    "messages": ("messages", "role", "content"),
    "conversations": ("conversations", "from", "value"),
}
"""The shapes that have plain lines: the keys of the turns, of a turn's role and of its text."""
PLAIN_SPEAKERS = [speaker for speaker in SPEAKERS if speaker not in CALLERS]
"""The names of roles whose text is what they say."""
CODES = np.array([ROLES.index(SPEAKERS[speaker]) for speaker in PLAIN_SPEAKERS], np.uint8)
"""Their roles' places in ROLES."""
ASSISTANT, START = ROLES.index("assistant"), len(ROLES)
"""START stands before the first turn."""


def _may_follow() -> NDArray[np.bool_]:
    """`row.AFTER` by the places of roles; a system turn may open a conversation."""
    found = np.zeros((len(ROLES) + 1, len(ROLES)), np.bool_)
    for before, roles in AFTER.items():
        place = START if before is None else ROLES.index(before)
        found[place, [ROLES.index(role) for role in roles]] = True
    system = ROLES.index("system")
    found[system] = found[START]
    found[START, system] = True
    return found


MAY_FOLLOW = _may_follow()
"""Which role may speak after which."""
MOST_KEYS = 64
"""A line with more keys is not plain."""


TEXTS, VALUES = ("content", "reasoning_content", "name", "tool_call_id"), ("tool_calls", "weight")
"""The keys of a turn that hold text, and those that hold more, which Python reads."""
CONTENT, CALLS, FIELDS = 0, len(TEXTS), len(TEXTS) + len(VALUES)
"""Places among both."""
FOR_ALL = ("tools", "chat_template_kwargs")
"""Keys of a record that a row carries beside its turns; its id comes after them."""
ID = len(FOR_ALL)


class Names(NamedTuple):
    """Hashes of the keys and roles that mean something."""

    turns: np.uint64
    role: np.uint64
    fields: NDArray[np.uint64]
    """Of TEXTS, then of VALUES."""
    flags: NDArray[np.uint64]
    """Keys that mean something even where they say nothing."""
    beside: NDArray[np.uint64]
    """Of FOR_ALL, then of the id."""
    decisive: NDArray[np.uint64]
    """Keys that change a row where they say something."""
    speakers: NDArray[np.uint64]
    roles: NDArray[np.uint8]
    may_follow: NDArray[np.bool_]


def names(shape: Shape) -> Names:
    """The names of a shape's plain lines."""
    turns, role, content = PLAIN[shape]
    (turns, role), fields = key_hashes((turns, role)), key_hashes((content, *TEXTS[1:], *VALUES))
    decisive = key_hashes([key for key in (*BESIDE, *MEDIA) if key not in FOR_ALL])
    more = key_hashes((*FLAGS, "functions")), key_hashes((*FOR_ALL, "id"))
    return Names(
        turns, role, fields, *more, decisive, key_hashes(PLAIN_SPEAKERS), CODES, MAY_FOLLOW
    )


@inlined
def shows(out, at, end):
    """Whether a text holds a character that is no white space, as far as bytes alone tell."""
    for k in range(at, end):
        byte = out[k]
        if 32 < byte < 127 or 0xC3 <= byte <= 0xDF or byte >= 0xE4:
            return True
    return False


@inlined
def place_of(key, keys):
    """The place of a key among some, UNUSUAL where it is none of them."""
    found = UNUSUAL
    for k in range(len(keys)):
        if keys[k] == key:
            found = k
    return found


@inlined
def copy_value(data, i, end, texts, column, row):
    """Copy JSON as it stands to a column's text of a row."""
    at = texts.offsets[column, row]
    for k in range(i, end):
        texts.out[at + k - i] = data[k]
    texts.offsets[column, row + 1] = at + end - i


@part
def take_field(data, i, end, texts, field, turn):
    """A field of a turn, whose value starts at `i`, into its column; where the value ends."""
    if field < CALLS and data[i] == QUOTE:
        first = texts.offsets[field, turn]
        i, texts.offsets[field, turn + 1] = take_string(data, i + 1, end, texts.out, first)
        return i + 1 if i >= 0 else UNUSUAL
    value = i
    i = skip_value(data, i, end)
    if i < 0:
        return UNUSUAL
    told = says(data, value, i)
    if told == NULL or (field == CALLS and told == EMPTY and data[value] != OPEN_OBJECT):
        return i
    if field < CALLS:
        return UNUSUAL
    copy_value(data, value, i, texts, field, turn)
    return i


@part
def take_turn(data, i, end, names, texts, turn):
    """A turn that starts at `i`: its role, and where it ends."""
    role = UNUSUAL
    if data[i] != OPEN_OBJECT:
        return role, UNUSUAL
    for field in range(FIELDS):
        texts.offsets[field, turn + 1] = texts.offsets[field, turn]
    seen = 0
    i = skip_space(data, i + 1)
    while True:
        key, _, _, i = take_key(data, i, end)
        if i < 0:
            return role, UNUSUAL
        field = place_of(key, names.fields)
        if key == names.role:
            close = skip_string(data, i + 1, end) if data[i] == QUOTE else UNUSUAL
            if role >= 0 or close < 0:
                return role, UNUSUAL
            speaker = place_of(hashed(data, i + 1, close), names.speakers)
            if speaker >= 0:
                role = names.roles[speaker]
            i = close + 1
        elif field >= 0:
            i = UNUSUAL if seen >> field & 1 else take_field(data, i, end, texts, field, turn)
            seen |= 1 << field
        else:
            value = i
            i = skip_value(data, i, end)
            told = says(data, value, i) if i >= 0 else SAYS
            if told == SAYS or (told != NULL and place_of(key, names.flags) >= 0):
                return role, UNUSUAL
        if i < 0:
            return role, UNUSUAL
        ended, i = after_value(data, i, CLOSE_OBJECT)
        if ended:
            calls = texts.offsets[CALLS, turn] < texts.offsets[CALLS, turn + 1]
            first, last = texts.offsets[CONTENT, turn], texts.offsets[CONTENT, turn + 1]
            whole = role >= 0 and (calls or shows(texts.out, first, last))
            return role, (i if whole else UNUSUAL)


@part
def take_turns(data, i, end, names, found, turns):
    """The turns of a list that starts at `i`: where it ends, and how many turns there are."""
    if data[i] != OPEN_LIST:
        return UNUSUAL, turns
    i = skip_space(data, i + 1)
    previous, answered = START, False
    while True:
        role, i = take_turn(data, i, end, names, found.turns, turns)
        if i < 0 or not names.may_follow[previous, role]:
            return UNUSUAL, turns
        previous = role
        answered |= role == ASSISTANT
        found.roles[turns] = role
        turns += 1
        ended, i = after_value(data, i, CLOSE_LIST)
        if i < 0 or ended:
            return (i if answered else UNUSUAL), turns


@part
def take_id(data, i, end, texts, row):
    """A record's own id, text or a whole number, into its column; where it ends."""
    at = texts.offsets[ID, row]
    if data[i] == QUOTE:
        i, texts.offsets[ID, row + 1] = take_string(data, i + 1, end, texts.out, at)
        return i + 1 if i >= 0 else UNUSUAL
    if is_word(data, i, NOTHING):
        return i + 4
    stop = i + 1 if data[i] == ZERO else digits(data, i, LONGEST_NUMBER)
    if stop < 0 or data[stop] == POINT:
        return UNUSUAL
    copy_value(data, i, stop, texts, ID, row)
    return stop


@part
def take_value(data, i, end, names, found, key, row):
    """The value of a record's key that is not its turns: where it ends, and what it says to a row
    that does not carry it."""
    column = place_of(key, names.beside)
    if column == ID:
        found.own_there[row] = not is_word(data, i, NOTHING)
        return take_id(data, i, end, found.beside, row), NULL
    value = i
    i = skip_value(data, i, end)
    told = says(data, value, i) if i >= 0 else NULL
    if column >= 0:
        if told != NULL:
            copy_value(data, value, i, found.beside, column, row)
        return i, NULL
    says_so = told == SAYS or (told == EMPTY and place_of(key, names.flags) >= 0)
    return (UNUSUAL if says_so and place_of(key, names.decisive) >= 0 else i), told


@part
def take_line(data, i, end, names, found, row, turns, lost):
    """One line: whether it is plain, and how many turns and lost keys there are then."""
    found.own_there[row] = False
    for column in range(len(names.beside)):
        found.beside.offsets[column, row + 1] = found.beside.offsets[column, row]
    seen, keys = False, 0
    i = skip_space(data, i)
    if data[i] != OPEN_OBJECT:
        return False, turns, lost
    i = skip_space(data, i + 1)
    while True:
        key, first, last, i = take_key(data, i, end)
        if i < 0 or keys == MOST_KEYS or place_of(key, found.keys[:keys]) >= 0:
            return False, turns, lost
        found.keys[keys] = key
        keys += 1
        if key == names.turns:
            seen = True
            i, turns = take_turns(data, i, end, names, found, turns)
        else:
            i, told = take_value(data, i, end, names, found, key, row)
            if told == SAYS:
                found.lost[lost], found.lost_first[lost], found.lost_last[lost] = key, first, last
                lost += 1
        if i < 0:
            return False, turns, lost
        ended, i = after_value(data, i, CLOSE_OBJECT)
        if i < 0:
            return False, turns, lost
        if ended:
            return seen and skip_space(data, i) >= end, turns, lost


@kernel
def take_lines(data, starts, ends, longest, ascii_alone, names, found):
    """Fill `found` from lines of `data`, which WIDTH more bytes follow; returns how many rows,
    turns and lost keys there are. A plain line has its place among the plain ones; what one that is
    not left behind, the next one covers.

    longest: bytes of a line. ascii_alone: take lines of ASCII alone, for `data` that is no UTF-8.
    """
    rows, turns, lost = 0, 0, 0
    found.bounds[0] = 0
    for line in range(len(starts)):
        plain = ends[line] - starts[line] <= longest
        if ascii_alone:
            for k in range(starts[line], ends[line]):
                if data[k] >= 128:
                    plain = False
                    break
        if plain:
            plain, more_turns, more_lost = take_line(
                data, starts[line], ends[line], names, found, rows, turns, lost
            )
        found.plain[line] = plain
        if plain:
            turns, lost = more_turns, more_lost
            rows += 1
            found.bounds[rows] = turns
    return rows, turns, lost


class Texts(NamedTuple):
    """Columns of texts, one after the other in `out`; `offsets` by column."""

    out: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def column(self, number: int, rows: int, there: NDArray[np.bool_] | None = None) -> pa.Array:
        """A column of so many texts; the empty ones are null where `there` does not tell."""
        edges = self.offsets[number, : rows + 1] - self.offsets[number, 0]
        data = self.out[self.offsets[number, 0] : self.offsets[number, rows]]
        return strings(data, edges, edges[1:] > edges[:-1] if there is None else there)


class Found(NamedTuple):
    """What `take_lines` fills: of turns the fields and the role; of plain lines the bounds among
    turns, and what stands beside those; of all lines which are plain; of keys that say something
    and are not carried the hash and where the key starts and ends, once a line."""

    turns: Texts
    roles: NDArray[np.uint8]
    bounds: NDArray[np.int64]
    beside: Texts
    own_there: NDArray[np.bool_]
    plain: NDArray[np.bool_]
    lost: NDArray[np.uint64]
    lost_first: NDArray[np.int64]
    lost_last: NDArray[np.int64]
    keys: NDArray[np.uint64]


SHORTEST_TURN, SHORTEST_PAIR = 20, 6
"""Bytes that a turn, and a key with its value, take at least."""


def room(size: int, lines: int) -> Found:
    """Room for what may stand in so many bytes and lines."""
    turns, pairs = size // SHORTEST_TURN + 2, size // SHORTEST_PAIR + 2
    return Found(
        turns=_texts(FIELDS, size, turns),
        roles=np.empty(turns, np.uint8),
        bounds=np.empty(lines + 1, np.int64),
        beside=_texts(ID + 1, size, lines + 1),
        own_there=np.empty(lines + 1, np.bool_),
        plain=np.empty(lines, np.bool_),
        lost=np.empty(pairs, np.uint64),
        lost_first=np.empty(pairs, np.int64),
        lost_last=np.empty(pairs, np.int64),
        keys=np.empty(MOST_KEYS, np.uint64),
    )


def _texts(columns: int, size: int, rows: int) -> Texts:
    """Room for columns of so many bytes each; memory that nobody writes to is none."""
    room = size + 2 * WIDTH
    offsets = np.empty((columns, rows + 1), np.int64)
    offsets[:, 0] = room * np.arange(columns)
    return Texts(np.empty(columns * room, np.uint8), offsets)


def strings(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], there: NDArray[np.bool_] | None
) -> pa.Array:
    """Texts as Arrow holds them."""
    mask = None if there is None else pa.py_buffer(np.packbits(there, bitorder="little"))
    buffers = [mask, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)
