"""Content digests and prompt identities over flat columns of turns.

The kernels write, row after row, the bytes that `row.canonical` and `text.prompt_id` hash: the same
digests, without a Python object for a turn.
"""

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dataengine.kernels.jit import inlined, kernel
from dataengine.kernels.simd import WIDTH, copy64, escaped64, trailing_zeros
from dataengine.row import ROLES
from dataengine.text import prompt_id

ASSISTANT = ROLES.index("assistant")
SHORT = np.zeros(32, np.uint8)
for _byte, _letter in ((8, "b"), (9, "t"), (10, "n"), (12, "f"), (13, "r")):
    SHORT[_byte] = ord(_letter)
"""Letters of control characters that have a short escape."""
HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
OPENING, CLOSING = (np.frombuffer(told, np.uint8) for told in (b'{"messages":[', b"]}"))
CONTENT, ROLE, CLOSE = (
    np.frombuffer(told, np.uint8) for told in (b'{"content":"', b'","role":"', b'"}')
)
NAMES = np.frombuffer("".join(role.ljust(9) for role in ROLES).encode(), np.uint8)
LENGTHS = np.array([len(role) for role in ROLES])
AROUND = len(CONTENT) + len(ROLE) + 9 + len(CLOSE) + 1
SPACE = np.zeros(256, np.bool_)
SPACE[[9, 10, 11, 12, 13, 28, 29, 30, 31, 32]] = True
UPPER, LOWER = (ord("A"), ord("Z")), 32


class Flat(NamedTuple):
    """Lists of turns as flat columns: the texts (UTF-8) and their bounds, the place of each role in
    ROLES, and the bounds of the rows among the turns. WIDTH more bytes follow the texts."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    roles: NDArray[np.uint8]
    bounds: NDArray[np.int64]

    @property
    def bytes(self) -> NDArray[np.uint32]:
        """Bytes of each row's texts, joined by newlines."""
        texts = self.offsets[self.bounds[1:]] - self.offsets[self.bounds[:-1]]
        return (texts + np.maximum(np.diff(self.bounds) - 1, 0)).astype(np.uint32)


def flat(messages: pa.Array) -> Flat:
    """Lists of role and content as flat columns."""
    bounds = messages.offsets.to_numpy()
    turns = messages.values
    texts = turns.field("content").slice(0)
    start, count = texts.offset, len(texts)
    _, offsets, data = texts.buffers()
    edges = np.frombuffer(offsets, np.int64)[start : start + count + 1]
    held = np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8)
    padded = np.zeros(int(edges[-1]) + WIDTH, np.uint8)
    padded[: edges[-1]] = held[: edges[-1]]
    roles = pc.index_in(turns.field("role"), pa.array(ROLES, pa.large_string()))
    return Flat(padded, edges, roles.to_numpy(zero_copy_only=False).astype(np.uint8), bounds)


def digests(turns: Flat) -> list[bytes]:
    """blake2b-128 of the canonical content of each row."""
    size = int(turns.offsets[-1] - turns.offsets[0])
    # A control character becomes six.
    grown = int(5 * np.count_nonzero(turns.data < 32) + 1) + np.count_nonzero(
        (turns.data == ord('"')) | (turns.data == ord("\\"))
    )
    rows = len(turns.bounds) - 1
    most = size + grown + AROUND * len(turns.roles) + rows * (len(OPENING) + len(CLOSING))
    out, ends = np.empty(most + 2 * WIDTH, np.uint8), np.empty(rows + 1, np.int64)
    canonical(*turns, out, ends)
    return [hashlib.blake2b(told, digest_size=16).digest() for told in _cut(out, ends)]


def prompts(turns: Flat, messages: pa.Array) -> list[int]:
    """The identity of each row's prompt: `text.prompt_id` as a number."""
    rows = len(turns.bounds) - 1
    out = np.empty(int(turns.offsets[-1]) + len(turns.roles) + WIDTH, np.uint8)
    ends, ascii_alone = np.empty(rows + 1, np.int64), np.empty(rows, np.bool_)
    plain_prompts(*turns, out, ends, ascii_alone)
    found = [
        int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "big")
        for told in _cut(out, ends)
    ]
    for row in np.flatnonzero(~ascii_alone).tolist():
        found[row] = int(prompt_id(_prompt(messages[row].as_py())), 16)
    return found


def _prompt(turns: Sequence[dict[str, str]]) -> str:
    said = []
    for turn in turns:
        if turn["role"] == "assistant":
            break
        said.append(turn["content"])
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


@kernel
def canonical(data, offsets, roles, bounds, out, ends):
    """The canonical JSON of each row, one after the other."""
    at = 0
    ends[0] = 0
    for row in range(len(bounds) - 1):
        at = put(out, at, OPENING)
        for turn in range(bounds[row], bounds[row + 1]):
            if turn > bounds[row]:
                out[at] = 44
                at += 1
            at = put(out, at, CONTENT)
            i, end = offsets[turn], offsets[turn + 1]
            while i < end:
                copy64(data, i, out, at)
                plain = min(trailing_zeros(escaped64(data, i)), end - i)
                i += plain
                at += plain
                if plain == WIDTH or i >= end:
                    continue
                byte = data[i]
                out[at] = 92
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
            at = put(out, at, ROLE)
            role = np.int64(roles[turn])
            for k in range(LENGTHS[role]):
                out[at + k] = NAMES[9 * role + k]
            at += LENGTHS[role]
            at = put(out, at, CLOSE)
        at = put(out, at, CLOSING)
        ends[row + 1] = at
    return at


@kernel
def plain_prompts(data, offsets, roles, bounds, out, ends, ascii_alone):
    """Of each row the turns before the first answer, in lower case, white space collapsed; nothing
    where that is not ASCII alone."""
    at = 0
    ends[0] = 0
    for row in range(len(bounds) - 1):
        first = at
        bits = np.uint8(0)
        for turn in range(bounds[row], bounds[row + 1]):
            if roles[turn] == ASSISTANT:
                break
            blank = True
            for i in range(offsets[turn], offsets[turn + 1]):
                byte = data[i]
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
