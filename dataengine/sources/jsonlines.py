"""JSON Lines parser: plain chats become flat columns, without a Python object for a row.

A kernel takes the lines that are plain: `messages` (or another key) as a list of objects that hold
a role and a content as text and nothing else, in an order that a row may have, beside keys that a
row does not carry, whose values are skipped and checked all the same. Every other line is left to
`Ingest`, which knows all that can be right or wrong with one. A line that the kernel takes is one
that `Ingest` would make the same row of.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dataengine.kernels.jit import inlined, kernel, part
from dataengine.kernels.simd import WIDTH, among64, trailing_zeros
from dataengine.row import AFTER, ROLES
from dataengine.rows.shapes import BESIDE, Shape
from dataengine.rows.turns import CALLERS, MEDIA
from dataengine.rows.turns import ROLES as SPEAKERS
from dataengine.sources.json_scanner import (
    CLOSE_LIST,
    CLOSE_OBJECT,
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


class Names(NamedTuple):
    """Hashes of the keys and roles that mean something."""

    turns: np.uint64
    role: np.uint64
    content: np.uint64
    id: np.uint64
    decisive: NDArray[np.uint64]
    """Keys that change a row where they are there."""
    speakers: NDArray[np.uint64]
    roles: NDArray[np.uint8]
    may_follow: NDArray[np.bool_]


def names(shape: Shape) -> Names:
    """The names of a shape's plain lines."""
    turns, role, content, own = key_hashes((*PLAIN[shape], "id"))
    decisive, speakers = key_hashes((*BESIDE, *MEDIA)), key_hashes(PLAIN_SPEAKERS)
    return Names(turns, role, content, own, decisive, speakers, CODES, MAY_FOLLOW)


@inlined
def shows(out, at, end):
    """Whether a text holds a character that is no white space, as far as bytes alone tell."""
    for k in range(at, end):
        byte = out[k]
        if 32 < byte < 127 or 0xC3 <= byte <= 0xDF or byte >= 0xE4:
            return True
    return False


@part
def take_turn(data, i, end, names, out, at):
    """A turn that starts at `i`: its role, where it and its text end."""
    role, said = UNUSUAL, False
    if data[i] != OPEN_OBJECT:
        return role, UNUSUAL, at
    i = skip_space(data, i + 1)
    while True:
        key, _, _, i = take_key(data, i, end)
        if i < 0:
            return role, UNUSUAL, at
        if key == names.role:
            close = skip_string(data, i + 1, end) if data[i] == QUOTE else UNUSUAL
            if role >= 0 or close < 0:
                return role, UNUSUAL, at
            state = hashed(data, i + 1, close)
            for k in range(len(names.speakers)):
                if names.speakers[k] == state:
                    role = names.roles[k]
            i = close + 1
        elif key == names.content:
            if said or data[i] != QUOTE:
                return role, UNUSUAL, at
            first = at
            i, at = take_string(data, i + 1, end, out, at)
            if i < 0 or not shows(out, first, at):
                return role, UNUSUAL, at
            i += 1
            said = True
        else:
            value = i
            i = skip_value(data, i, end)
            if i < 0 or says(data, value, i) == SAYS:
                return role, UNUSUAL, at
        ended, i = after_value(data, i, CLOSE_OBJECT)
        if ended:
            whole = role >= 0 and said
            return role, (i if whole else UNUSUAL), at


@part
def take_turns(data, i, end, names, out, offsets, roles, turns, at):
    """The turns of a list that starts at `i`: where it ends, how many turns and bytes there are."""
    if data[i] != OPEN_LIST:
        return UNUSUAL, turns, at
    i = skip_space(data, i + 1)
    previous, answered = START, False
    while True:
        role, i, at = take_turn(data, i, end, names, out, at)
        if i < 0 or not names.may_follow[previous, role]:
            return UNUSUAL, turns, at
        previous = role
        answered |= role == ASSISTANT
        roles[turns] = role
        turns += 1
        offsets[turns] = at
        ended, i = after_value(data, i, CLOSE_LIST)
        if i < 0 or ended:
            return (i if answered else UNUSUAL), turns, at


@part
def take_id(data, i, end, ids, at):
    """A record's own id, text or a whole number, copied to `ids[at:]`; where it and that end."""
    if data[i] == QUOTE:
        i, at = take_string(data, i + 1, end, ids, at)
        return (i + 1 if i >= 0 else UNUSUAL), at
    if is_word(data, i, NOTHING):
        return i + 4, at
    stop = i + 1 if data[i] == ZERO else digits(data, i, LONGEST_NUMBER)
    if stop < 0 or data[stop] == POINT:
        return UNUSUAL, at
    for k in range(i, stop):
        ids[at] = data[k]
        at += 1
    return stop, at


@part
def take_line(data, i, end, names, found, row, turns, at, own, lost):
    """One line: whether it is plain, and how many turns, bytes, bytes of ids, lost keys then."""
    found.own_there[row] = False
    seen, keys = False, 0
    i = skip_space(data, i)
    if data[i] != OPEN_OBJECT:
        return False, (turns, at, own, lost)
    i = skip_space(data, i + 1)
    while True:
        key, first, last, i = take_key(data, i, end)
        if i < 0:
            return False, (turns, at, own, lost)
        for k in range(keys):
            if found.keys[k] == key:
                return False, (turns, at, own, lost)
        if keys == MOST_KEYS:
            return False, (turns, at, own, lost)
        found.keys[keys] = key
        keys += 1
        if key == names.turns:
            seen = True
            i, turns, at = take_turns(
                data, i, end, names, found.out, found.offsets, found.roles, turns, at
            )
        elif key == names.id:
            found.own_there[row] = not is_word(data, i, NOTHING)
            i, own = take_id(data, i, end, found.own, own)
        else:
            value = i
            i = skip_value(data, i, end)
            told = says(data, value, i) if i >= 0 else NULL
            for k in range(len(names.decisive)):
                if names.decisive[k] == key and told != NULL:
                    return False, (turns, at, own, lost)
            if told == SAYS:
                found.lost[lost], found.lost_first[lost], found.lost_last[lost] = key, first, last
                lost += 1
        if i < 0:
            return False, (turns, at, own, lost)
        ended, i = after_value(data, i, CLOSE_OBJECT)
        if i < 0:
            return False, (turns, at, own, lost)
        if ended:
            return seen and skip_space(data, i) >= end, (turns, at, own, lost)


@kernel
def take_lines(data, starts, ends, longest, ascii_alone, names, found):
    """Fill `found` from lines of `data`, which WIDTH more bytes follow; returns how many turns,
    bytes, bytes of ids and lost keys there are. A plain line has its place among the plain ones.

    longest: bytes of a line. ascii_alone: take lines of ASCII alone, for `data` that is no UTF-8.
    """
    turns, at, own, lost, rows = 0, 0, 0, 0, 0
    found.offsets[0] = found.bounds[0] = found.own_offsets[0] = 0
    for line in range(len(starts)):
        plain = ends[line] - starts[line] <= longest
        if ascii_alone:
            for k in range(starts[line], ends[line]):
                if data[k] >= 128:
                    plain = False
                    break
        after = turns, at, own, lost
        if plain:
            plain, after = take_line(
                data, starts[line], ends[line], names, found, rows, turns, at, own, lost
            )
        found.plain[line] = plain
        if plain:
            turns, at, own, lost = after
            rows += 1
            found.bounds[rows] = turns
            found.own_offsets[rows] = own
    return rows, turns, at, own, lost


@kernel
def line_bounds(data, size, most, starts, ends):
    """Where the first `most` lines of `data[:size]` start and end (at their newline); their number.
    What stands after the last newline is no line."""
    count, first, i = 0, 0, 0
    while i < size and count < most:
        mask = among64(data, i, "\n")
        while mask != np.uint64(0) and count < most:
            place = i + trailing_zeros(mask)
            if place >= size:
                break
            starts[count], ends[count] = first, place
            first = place + 1
            count += 1
            mask &= mask - np.uint64(1)
        i += WIDTH
    return count


class Found(NamedTuple):
    """What `take_lines` fills: of turns the role and the end of the text in `out`; of plain lines
    the bounds among turns, and the own id; of all lines which are plain; of keys that say something
    and are not carried the hash and where the key starts and ends, once a line."""

    out: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    roles: NDArray[np.uint8]
    bounds: NDArray[np.int64]
    own: NDArray[np.uint8]
    own_offsets: NDArray[np.int64]
    own_there: NDArray[np.bool_]
    plain: NDArray[np.bool_]
    lost: NDArray[np.uint64]
    lost_first: NDArray[np.int64]
    lost_last: NDArray[np.int64]
    keys: NDArray[np.uint64]


SHORTEST_TURN, SHORTEST_PAIR = 20, 6
"""Bytes that a turn, and a key with its value, take at least."""


def _room(size: int, lines: int) -> Found:
    """Room for what may stand in so many bytes and lines."""
    turns, pairs = size // SHORTEST_TURN + 2, size // SHORTEST_PAIR + 2
    return Found(
        out=np.empty(size + 2 * WIDTH, np.uint8),
        offsets=np.empty(turns + 1, np.int64),
        roles=np.empty(turns, np.uint8),
        bounds=np.empty(lines + 1, np.int64),
        own=np.empty(size + 2 * WIDTH, np.uint8),
        own_offsets=np.empty(lines + 1, np.int64),
        own_there=np.empty(lines + 1, np.bool_),
        plain=np.empty(lines, np.bool_),
        lost=np.empty(pairs, np.uint64),
        lost_first=np.empty(pairs, np.int64),
        lost_last=np.empty(pairs, np.int64),
        keys=np.empty(MOST_KEYS, np.uint64),
    )


class Lines(NamedTuple):
    """Whole lines of a file, as bytes that WIDTH more follow, with their bounds."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def line(self, number: int) -> bytes:
        """One line, without its newline."""
        return self.data[self.starts[number] : self.ends[number]].tobytes()


def cut(data: bytes, most: int) -> Lines:
    """The first `most` whole lines of some bytes."""
    padded = np.frombuffer(data + bytes(WIDTH), np.uint8)
    starts, ends = np.empty(most, np.int64), np.empty(most, np.int64)
    count = line_bounds(padded, len(data), most, starts, ends)
    return Lines(padded, starts[:count], ends[:count])


class Parsed(NamedTuple):
    """The plain lines among some lines."""

    plain: NDArray[np.bool_]
    messages: pa.Array
    """Of each plain line its turns: a list of role and content."""
    own: pa.Array
    """Of each plain line the id that it has, or null."""
    lost: dict[str, int]
    """In how many plain lines a key says something that is not carried."""


def parse(lines: Lines, names: Names, longest: int) -> Parsed:
    """Parse lines; those that are not plain, or have more bytes than `longest`, are left out."""
    size = int(lines.ends[-1]) if len(lines.ends) else 0
    found = _room(size, len(lines.starts))
    mixed = not _is_utf8(lines.data[:size])
    rows, turns, at, own, lost = take_lines(
        lines.data, lines.starts, lines.ends, longest, mixed, names, found
    )
    texts = _strings(found.out[:at], found.offsets[: turns + 1], None)
    roles = pa.array(ROLES, pa.large_string()).take(pa.array(found.roles[:turns]))
    struct = pa.StructArray.from_arrays([roles, texts], ["role", "content"])
    bounds = pa.array(found.bounds[: rows + 1])
    ids = _strings(found.own[:own], found.own_offsets[: rows + 1], found.own_there[:rows])
    return Parsed(
        found.plain,
        pa.LargeListArray.from_arrays(bounds, struct),
        ids,
        _counted(lines.data, found, lost),
    )


def _strings(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], there: NDArray[np.bool_] | None
) -> pa.Array:
    mask = None if there is None else pa.py_buffer(np.packbits(there, bitorder="little"))
    buffers = [mask, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)


def _is_utf8(data: NDArray[np.uint8]) -> bool:
    whole = np.array([0, len(data)], np.int64)
    try:
        _strings(data, whole, None).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _counted(data: NDArray[np.uint8], found: Found, lost: int) -> dict[str, int]:
    """Keys by their names, each with the number of lines that it stands in."""
    _, first, counts = np.unique(found.lost[:lost], return_index=True, return_counts=True)
    named = (data[found.lost_first[k] : found.lost_last[k]].tobytes().decode() for k in first)
    return dict(zip(named, counts.tolist(), strict=True))
