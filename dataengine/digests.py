"""Content digests and prompt identities over flat columns of chats.

The kernels write, row after row, the bytes that `row.canonical` and `text.prompt_id` hash: the same
digests, without a Python object for a turn.
"""

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dataengine.kernels.jit import inlined, kernel, part
from dataengine.kernels.packed import Bytes, Offsets
from dataengine.kernels.simd import WIDTH, copy64, escaped64, trailing_zeros
from dataengine.row import FOR_THE_TEMPLATE
from dataengine.text import SAID, prompt_id

SHORT = np.zeros(32, np.uint8)
for _byte, _letter in ((8, "b"), (9, "t"), (10, "n"), (12, "f"), (13, "r")):
    SHORT[_byte] = ord(_letter)
"""Letters of control characters that have a short escape."""
HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
QUOTE, BACKSLASH, COMMA, OPEN, CLOSE = (ord(c) for c in '"\\,{}')
KWARGS, MESSAGES, END, TOOLS = (
    np.frombuffer(told, np.uint8)
    for told in (b'"chat_template_kwargs":"', b'"messages":[', b"]", b',"tools":"')
)
AROUND_ROW = len(KWARGS) + len(MESSAGES) + len(END) + len(TOOLS) + 5
BESIDE = tuple(sorted(FOR_THE_TEMPLATE))
"""The columns of a row's content before and after `messages`, in canonical order."""
SPACE = np.zeros(256, np.bool_)
SPACE[[9, 10, 11, 12, 13, 28, 29, 30, 31, 32]] = True
UPPER, LOWER = (ord("A"), ord("Z")), 32
ABSENT = -1


class Flat(NamedTuple):
    """Rows of kind sft as flat columns."""

    data: Bytes
    """All texts (UTF-8), which WIDTH more bytes follow."""
    starts: Offsets
    """Where the text of a turn's field starts, or ABSENT, by field (sorted by name) and turn."""
    ends: Offsets
    bounds: Offsets
    """Of the rows among the turns."""
    beside: Offsets
    """Where the texts of BESIDE start, or ABSENT, by column and row."""
    beside_ends: Offsets
    heads: Bytes
    """What stands before each field's text in canonical JSON, one after the other."""
    head_bounds: Offsets
    said: NDArray[np.int64]
    """The places of SAID among the fields."""
    answers: NDArray[np.bool_]
    """Which turns are the assistant's."""

    @property
    def bytes(self) -> NDArray[np.uint32]:
        """Bytes of each row's texts, joined by newlines."""
        starts, ends = self.starts[self.said], self.ends[self.said]
        joined = np.where(starts >= 0, ends - starts + 1, 0).sum(axis=0)
        summed = np.concatenate([[0], np.cumsum(joined)])[self.bounds]
        return np.maximum(np.diff(summed) - 1, 0).astype(np.uint32)


def flat(messages: pa.Array, beside: Sequence[pa.Array | None]) -> Flat:
    """Rows as flat columns, from their lists of turns and the columns of BESIDE that they have."""
    pieces: list[Bytes] = []
    turns, rows = messages.values, len(messages)
    names = sorted(field.name for field in turns.type)
    spans = [_spans(turns.field(name), len(turns), pieces) for name in names]
    more = [_spans(column, rows, pieces) for column in beside]
    heads = [_head(name, turns.type.field(name).type) for name in names]
    starts, ends = (np.stack(found) for found in zip(*spans, strict=True))
    beside_starts, beside_ends = (np.stack(found) for found in zip(*more, strict=True))
    return Flat(
        np.concatenate([*pieces, np.zeros(WIDTH, np.uint8)]),
        starts,
        ends,
        messages.offsets.to_numpy(),
        beside_starts,
        beside_ends,
        np.frombuffer(b"".join(heads), np.uint8),
        np.cumsum([0, *map(len, heads)]),
        np.array([names.index(name) for name in SAID if name in names]),
        pc.equal(turns.field("role"), "assistant").to_numpy(zero_copy_only=False),
    )


def _spans(column: pa.Array | None, count: int, pieces: list[Bytes]) -> tuple[Offsets, Offsets]:
    """Where the texts of a column start and end among all pieces, with its own put to them."""
    if column is None or not count:
        return np.full(count, ABSENT), np.full(count, ABSENT)
    if pa.types.is_floating(column.type):
        column = _numbers(column)
    _, offsets, data = column.buffers()
    edges = np.frombuffer(offsets, np.int64)[column.offset : column.offset + count + 1]
    low, high = int(edges[0]), int(edges[-1])
    places = edges - low + sum(map(len, pieces))
    if high > low:
        pieces.append(np.frombuffer(data, np.uint8)[low:high])
    there = column.is_valid().to_numpy(zero_copy_only=False)
    return np.where(there, places[:-1], ABSENT), places[1:]


def _numbers(column: pa.Array) -> pa.Array:
    """Numbers as JSON writes them."""
    coded = column.dictionary_encode()
    told = [orjson.dumps(number).decode() for number in coded.dictionary.to_pylist()]
    return pa.array(told, pa.large_string()).take(coded.indices)


def _head(name: str, kind: pa.DataType) -> bytes:
    """`content` is the first of a turn's keys, and always there."""
    opening, quote = "{" if name == "content" else ",", "" if pa.types.is_floating(kind) else '"'
    return f'{opening}"{name}":{quote}'.encode()


def digests(rows: Flat) -> list[bytes]:
    """blake2b-128 of the canonical content of each row."""
    data, count, turns = rows.data, len(rows.bounds) - 1, len(rows.answers)
    # A control character becomes six.
    size = len(data) + 5 * np.count_nonzero(data[:-WIDTH] < 32)
    size += np.count_nonzero((data == QUOTE) | (data == BACKSLASH))
    size += turns * (len(rows.heads) + len(rows.starts) + 2) + count * AROUND_ROW
    out, ends = np.empty(size + 2 * WIDTH, np.uint8), np.empty(count + 1, np.int64)
    canonical(rows, out, ends)
    return [hashlib.blake2b(told, digest_size=16).digest() for told in _cut(out, ends)]


def prompts(rows: Flat, messages: pa.Array) -> list[int]:
    """The identity of each row's prompt: `text.prompt_id` as a number."""
    count = len(rows.bounds) - 1
    out = np.empty(len(rows.data) + rows.starts.size + WIDTH, np.uint8)
    ends, ascii_alone = np.empty(count + 1, np.int64), np.empty(count, np.bool_)
    plain_prompts(rows, out, ends, ascii_alone)
    found = [
        int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "big")
        for told in _cut(out, ends)
    ]
    for row in np.flatnonzero(~ascii_alone).tolist():
        found[row] = int(prompt_id(_prompt(messages[row].as_py())), 16)
    return found


def _prompt(turns: Sequence[dict[str, Any]]) -> str:
    said: list[str] = []
    for turn in turns:
        if turn["role"] == "assistant":
            break
        said += (turn[name] for name in SAID if turn.get(name) is not None)
    return "\n".join(said)


def _cut(out: NDArray[np.uint8], ends: NDArray[np.int64]) -> list[memoryview]:
    whole = memoryview(out)  # type: ignore[arg-type]
    return [whole[low:high] for low, high in pairwise(ends.tolist())]


@inlined
def put(out, at, word):
    """Write a word; the place after it."""
    for k in range(len(word)):
        out[at + k] = word[k]
    return at + len(word)


@part
def put_text(data, i, end, out, at):
    """Write a text as JSON holds it, without its quotes; the place after it."""
    while i < end:
        copy64(data, i, out, at)
        plain = min(trailing_zeros(escaped64(data, i)), end - i)
        i += plain
        at += plain
        if plain == WIDTH or i >= end:
            continue
        byte = data[i]
        out[at] = BACKSLASH
        if byte >= 32:
            out[at + 1] = byte
            at += 2
        elif SHORT[byte]:
            out[at + 1] = SHORT[byte]
            at += 2
        else:
            out[at + 1], out[at + 2], out[at + 3] = 117, 48, 48
            out[at + 4], out[at + 5] = HEX[byte >> 4], HEX[byte & 15]
            at += 6
        i += 1
    return at


@part
def put_turn(rows, turn, out, at):
    """Write a turn: its fields that are there; the place after it."""
    for field in range(len(rows.starts)):
        first = rows.starts[field, turn]
        if first < 0:
            continue
        low, high = rows.head_bounds[field], rows.head_bounds[field + 1]
        for k in range(low, high):
            out[at + k - low] = rows.heads[k]
        at = put_text(rows.data, first, rows.ends[field, turn], out, at + high - low)
        if rows.heads[high - 1] == QUOTE:
            out[at] = QUOTE
            at += 1
    out[at] = CLOSE
    return at + 1


@kernel
def canonical(rows, out, ends):
    """The canonical JSON of each row, one after the other."""
    at = 0
    ends[0] = 0
    for row in range(len(rows.bounds) - 1):
        out[at] = OPEN
        at += 1
        if rows.beside[0, row] >= 0:
            at = put(out, at, KWARGS)
            at = put_text(rows.data, rows.beside[0, row], rows.beside_ends[0, row], out, at)
            out[at], out[at + 1] = QUOTE, COMMA
            at += 2
        at = put(out, at, MESSAGES)
        for turn in range(rows.bounds[row], rows.bounds[row + 1]):
            if turn > rows.bounds[row]:
                out[at] = COMMA
                at += 1
            at = put_turn(rows, turn, out, at)
        at = put(out, at, END)
        if rows.beside[1, row] >= 0:
            at = put(out, at, TOOLS)
            at = put_text(rows.data, rows.beside[1, row], rows.beside_ends[1, row], out, at)
            out[at] = QUOTE
            at += 1
        out[at] = CLOSE
        at += 1
        ends[row + 1] = at
    return at


@kernel
def plain_prompts(rows, out, ends, ascii_alone):
    """Of each row the turns before the first answer, in lower case, white space collapsed; nothing
    where that is not ASCII alone."""
    at = 0
    ends[0] = 0
    for row in range(len(rows.bounds) - 1):
        first = at
        bits = np.uint8(0)
        for turn in range(rows.bounds[row], rows.bounds[row + 1]):
            if rows.answers[turn]:
                break
            for field in rows.said:
                if rows.starts[field, turn] < 0:
                    continue
                blank = True
                for i in range(rows.starts[field, turn], rows.ends[field, turn]):
                    byte = rows.data[i]
                    bits |= byte
                    if SPACE[byte]:
                        blank = True
                        continue
                    if blank and at > first:
                        out[at] = 32
                        at += 1
                    blank = False
                    out[at] = byte + np.uint8(LOWER) if UPPER[0] <= byte <= UPPER[1] else byte
                    at += 1
        ascii_alone[row] = bits < 128
        if bits >= 128:
            at = first
        ends[row + 1] = at
    return at
