"""Plain chats from Arrow columns (Parquet, Arrow, the Hub): turned and checked a column at a time.

The twin of `jsonlines` for tables: the rows whose turns hold a role and a content alone, in an
order that a row may have. Every other row is left to `Ingest`.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dataengine.row import ROLES
from dataengine.rows.shapes import BESIDE, Shape
from dataengine.rows.turns import MEDIA
from dataengine.sources.chat_scanner import (
    ASSISTANT,
    CODES,
    MAY_FOLLOW,
    PLAIN,
    PLAIN_SPEAKERS,
    START,
)
from dataengine.sources.jsonlines import Parsed

Mask = NDArray[np.bool_]
SHOWS = r"[!-~]|\pL"
"""What a text holds that is no white space."""


NOTHING = Parsed(np.zeros(0, np.bool_), pa.nulls(0), pa.nulls(0), {}, {})


def parse(table: pa.Table, shape: Shape) -> Parsed:
    """The plain rows of a table; those that are not plain are left out."""
    column, role, content = PLAIN[shape]
    turns = table.column(column).combine_chunks() if column in table.schema.names else None
    own = _own(table)
    if turns is None or own is None or not _has_turns(turns.type, role, content):
        return NOTHING._replace(plain=np.zeros(table.num_rows, np.bool_))
    said = turns.flatten()
    lengths = pc.fill_null(pc.list_value_length(turns), 0).to_numpy().astype(np.int64)
    bounds = np.concatenate([[0], np.cumsum(lengths)])
    texts = said.field(content).cast(pa.large_string())
    codes, sound = _codes(said, role, texts)
    others = [said.field(f.name) for f in said.type if f.name not in (role, content)]
    sound &= ~_any([_bools(field.is_valid()) for field in others], len(said))
    plain = (lengths > 0) & _in_order(codes, sound, bounds) & ~_decided_elsewhere(table)
    messages = _lists(bounds, pa.array(ROLES, pa.large_string()).take(pa.array(codes)), texts)
    kept = pa.array(plain)
    lost = {
        name: int((_says(table.column(name).combine_chunks()) & plain).sum())
        for name in table.schema.names
        if name not in (column, "id")
    }
    told = {name: count for name, count in lost.items() if count}
    return Parsed(plain, messages.filter(kept), own.filter(kept), told, {})


def _lists(bounds: NDArray[np.int64], roles: pa.Array, texts: pa.Array) -> pa.Array:
    fields = [field.cast(pa.large_string()) for field in (roles, texts)]
    struct = pa.StructArray.from_arrays(fields, ["role", "content"])
    return pa.LargeListArray.from_arrays(pa.array(bounds), struct)


def _has_turns(kind: pa.DataType, role: str, content: str) -> bool:
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return False
    turn = kind.value_type
    return pa.types.is_struct(turn) and all(
        turn.get_field_index(name) >= 0 and _is_text(turn.field(name).type)
        for name in (role, content)
    )


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _codes(said: pa.StructArray, role: str, texts: pa.Array) -> tuple[NDArray[np.uint8], Mask]:
    """The role of each turn, and which turns have a known one and a text that may stand."""
    found = pc.fill_null(
        pc.index_in(said.field(role), pa.array(PLAIN_SPEAKERS, said.field(role).type)), -1
    )
    places = found.to_numpy()
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:  # some are no UTF-8
        return np.zeros(len(places), np.uint8), np.zeros(len(places), np.bool_)
    shows = pc.fill_null(pc.match_substring_regex(texts, SHOWS), False)
    holds_nul = pc.fill_null(pc.match_substring(texts, "\0"), False)
    sound = (places >= 0) & _bools(shows) & ~_bools(holds_nul)
    return CODES[np.maximum(places, 0)], sound


def _in_order(codes: NDArray[np.uint8], sound: Mask, bounds: NDArray[np.int64]) -> Mask:
    """In which rows every turn is sound and may follow the one before, and the assistant speaks."""
    rows = len(bounds) - 1
    row = np.repeat(np.arange(rows), np.diff(bounds))
    before = np.concatenate([[START], codes[:-1]]).astype(np.int64) if len(codes) else codes
    before[bounds[:-1][np.diff(bounds) > 0]] = START
    wrong = ~(sound & MAY_FOLLOW[before, codes])
    answered = np.bincount(row[codes == ASSISTANT], minlength=rows) > 0
    return answered & (np.bincount(row[wrong], minlength=rows) == 0)


def _decided_elsewhere(table: pa.Table) -> Mask:
    """Rows with a value that changes what the row is."""
    held = [name for name in (*BESIDE, *MEDIA) if name in table.schema.names]
    found = [_bools(table.column(name).is_valid().combine_chunks()) for name in held]
    return _any(found, table.num_rows)


def _own(table: pa.Table) -> pa.Array | None:
    """The ids that the records have; None where they are neither text nor whole numbers."""
    if "id" not in table.schema.names:
        return pa.nulls(table.num_rows, pa.large_string())
    column = table.column("id").combine_chunks()
    known = _is_text(column.type) or pa.types.is_integer(column.type)
    return column.cast(pa.large_string()) if known or pa.types.is_null(column.type) else None


def _says(column: pa.Array) -> Mask:
    """Which values say something: no null, no empty text, list or object."""
    kind = column.type
    there = _bools(column.is_valid())
    if pa.types.is_struct(kind):
        return _holds(column)
    if _is_text(kind):
        return there & (pc.fill_null(pc.binary_length(column), 0).to_numpy() > 0)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return there & (pc.fill_null(pc.list_value_length(column), 0).to_numpy() > 0)
    return there


def _holds(column: pa.Array) -> Mask:
    """Which values are no null, nor objects of nulls alone, which Arrow makes of missing ones."""
    there = _bools(column.is_valid())
    if not pa.types.is_struct(column.type):
        return there
    fields = [_holds(column.field(i)) for i in range(column.type.num_fields)]
    return there & _any(fields, len(column))


def _any(masks: list[Mask], rows: int) -> Mask:
    """Where one of several masks holds."""
    found: Mask = np.any([np.zeros(rows, np.bool_), *masks], axis=0)
    return found


def _bools(values: Any) -> Mask:
    found: Mask = values.to_numpy(zero_copy_only=False)
    return found
