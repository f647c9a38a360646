"""JSON Lines parser: chats become flat columns, without a Python object for a row.

The scanner takes the lines that are plain; of those the values that are more than text (tool calls,
tools) are read by `dataengine.rows`, equal ones once. Every other line is left to `Ingest`, which
knows all that can be right or wrong with one. A line that is taken here is one that `Ingest` would
make the same row of.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from dataengine.kernels.jit import kernel
from dataengine.kernels.simd import WIDTH, among64, trailing_zeros
from dataengine.row import MESSAGE, ROLES
from dataengine.rows.calls import calls, dumped
from dataengine.rows.errors import ShapeError
from dataengine.rows.shapes import beside
from dataengine.rows.turns import Keys, weight
from dataengine.sources.chat_scanner import (
    CALLS,
    CONTENT,
    FOR_ALL,
    ID,
    TEXTS,
    VALUES,
    Found,
    Names,
    room,
    strings,
    take_lines,
)

BINARY = pa.large_binary()
UNREAD: Any = object()
STORED = tuple(field.name for field in MESSAGE.fields)  # type: ignore[attr-defined]


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
    """Of each plain line its turns: a list of role, content and the other fields that any has."""
    own: pa.Array
    """Of each plain line the id that it has, or null."""
    lost: dict[str, int]
    """In how many plain lines a key says something that is not carried."""
    beside: dict[str, pa.Array]
    """Of each plain line tools and the like, where any has them."""


def parse(lines: Lines, names: Names, longest: int) -> Parsed:
    """Parse lines; those that are not plain, or have more bytes than `longest`, are left out."""
    size = int(lines.ends[-1]) if len(lines.ends) else 0
    found = room(size, len(lines.starts))
    mixed = not _is_utf8(lines.data[:size])
    rows, turns, lost = take_lines(
        lines.data, lines.starts, lines.ends, longest, mixed, names, found
    )
    bounds = found.bounds[: rows + 1]
    refused = np.zeros(rows, np.bool_)
    fields = _texts(found, turns)
    for place, name in enumerate(VALUES, CALLS):
        fields[name], wrong = read_json(name, found.turns.column(place, turns))
        refused[np.searchsorted(bounds, wrong, "right") - 1] = True
    beside = {}
    for place, name in enumerate(FOR_ALL):
        beside[name], wrong = read_json(name, found.beside.column(place, rows))
        refused[wrong] = True
    found.plain[np.flatnonzero(found.plain)[refused]] = False
    held = {"messages": turn_lists(bounds, fields)} | {
        name: values for name, values in beside.items() if values.null_count < rows
    }
    held["own"] = found.beside.column(ID, rows, found.own_there[:rows])
    if refused.any():
        held = {name: values.filter(pa.array(~refused)) for name, values in held.items()}
    messages, own = held.pop("messages"), held.pop("own")
    return Parsed(found.plain, messages, own, _counted(lines, found, lost), held)


def _texts(found: Found, turns: int) -> dict[str, pa.Array]:
    """The roles and texts of turns; a turn without content has an empty one."""
    roles = pa.array(ROLES, pa.large_string()).take(pa.array(found.roles[:turns]))
    texts = {name: found.turns.column(place, turns) for place, name in enumerate(TEXTS)}
    said = found.turns.column(CONTENT, turns, np.ones(turns, np.bool_))
    return texts | {"role": roles, "content": said}


def turn_lists(bounds: NDArray[np.int64], fields: dict[str, pa.Array]) -> pa.Array:
    """Lists of turns, with the fields that any turn has."""
    nulls = {name: held.null_count == len(held) for name, held in fields.items()}
    used = [n for n in STORED if n in ("role", "content") or not nulls.get(n, True)]
    struct = pa.StructArray.from_arrays([fields[name] for name in used], used)
    return pa.LargeListArray.from_arrays(pa.array(bounds), struct)


def read_json(name: str, column: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    """The values whose JSON a column holds as a row stores them, and the places of those that
    `Ingest` must see."""
    kind = pa.float64() if name == "weight" else pa.large_string()
    if column.null_count == len(column):
        return pa.nulls(len(column), kind), np.zeros(0, np.int64)
    told = [None if raw is None else _value(name, raw) for raw in column.cast(BINARY).to_pylist()]
    wrong = [place for place, value in enumerate(told) if value is UNREAD]
    for place in wrong:
        told[place] = None
    return pa.array(told, kind), np.array(wrong, np.int64)


@lru_cache(1_024)
def _value(name: str, raw: bytes) -> Any:
    """What a row stores of a value, given as JSON; UNREAD where that is no simple matter. Tools
    repeat from row to row."""
    keys = Keys()
    try:
        found = _stored(name, orjson.loads(raw), keys)
    except (ShapeError, TypeError, orjson.JSONEncodeError):
        return UNREAD
    return UNREAD if keys.lost or keys.renamed or (found is None and name in VALUES) else found


def _stored(name: str, value: Any, keys: Keys) -> Any:
    if name == "tool_calls":
        return dumped(calls(value, keys.lose))
    if name == "weight":
        return weight({name: value}, keys)
    return dumped(beside({name: value}, keys)[name])


def _is_utf8(data: NDArray[np.uint8]) -> bool:
    whole = np.array([0, len(data)], np.int64)
    try:
        strings(data, whole, None).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _counted(lines: Lines, found: Found, lost: int) -> dict[str, int]:
    """Keys by their names, each with the number of plain lines that it stands in."""
    line = np.searchsorted(lines.starts, found.lost_first[:lost], "right") - 1
    told = np.flatnonzero(found.plain[line])
    _, first, counts = np.unique(found.lost[told], return_index=True, return_counts=True)
    named = (
        lines.data[found.lost_first[k] : found.lost_last[k]].tobytes().decode() for k in told[first]
    )
    return dict(zip(named, counts.tolist(), strict=True))
