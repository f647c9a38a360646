"""Plain chats from Arrow columns (Parquet, Arrow, the Hub): turned and checked a column at a time.

The twin of `jsonlines` for tables: the rows whose turns hold a role, a content and what else a turn
carries, in an order that a row may have. Every other row is left to `Ingest`.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dataengine.row import ROLES
from dataengine.rows.calls import without_padding
from dataengine.rows.shapes import SYSTEM, Shape
from dataengine.rows.turns import MEDIA
from dataengine.sources.chat_scanner import (
    ASSISTANT,
    CODES,
    FOR_ALL,
    MAY_FOLLOW,
    PLAIN,
    PLAIN_SPEAKERS,
    START,
    TEXTS,
)
from dataengine.sources.jsonlines import Parsed, read_json, turn_lists

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
    codes, sound, fields, calls = _turns(said, role, content)
    plain = (lengths > 0) & _in_order(codes, sound, bounds) & ~_decided_elsewhere(table)
    row = np.repeat(np.arange(len(lengths)), lengths)
    beside = _columns(table, FOR_ALL)
    if calls is not None:
        made = _json(calls, "tool_calls", plain[row])
        fields["tool_calls"], wrong = read_json("tool_calls", made)
        plain[row[wrong]] = False
    for name, held in beside.items():
        beside[name], wrong = read_json(name, _json(held, name, plain))
        plain[wrong] = False
    kept = pa.array(plain)
    lost = {
        name: int((_says(held) & plain).sum())
        for name, held in _columns(table, table.schema.names).items()
        if name not in (column, "id", *FOR_ALL)
    }
    more = {name: held.filter(kept) for name, held in beside.items()}
    return Parsed(
        plain,
        turn_lists(bounds, fields).filter(kept),
        own.filter(kept),
        {name: count for name, count in lost.items() if count},
        {name: held for name, held in more.items() if held.null_count < len(held)},
    )


def _columns(table: pa.Table, names: Iterable[str]) -> dict[str, pa.Array]:
    """Those of the named columns that there are."""
    held = [name for name in names if name in table.schema.names]
    return {name: table.column(name).combine_chunks() for name in held}


def _turns(
    said: pa.StructArray, role: str, content: str
) -> tuple[NDArray[np.uint8], Mask, dict[str, pa.Array], pa.Array | None]:
    """The role of each turn, which turns are sound as far as is seen here, what they hold, and
    their calls, which are to be read."""
    fields = {field.name: said.field(field.name) for field in said.type}
    texts = {"content": pc.fill_null(fields.pop(content).cast(pa.large_string()), "")}
    for name in TEXTS[1:]:
        if name in fields and _is_text(fields[name].type):
            held = fields.pop(name).cast(pa.large_string())
            texts[name] = pc.if_else(pc.equal(held, ""), pa.scalar(None, held.type), held)
    weight, calls = None, None
    if "weight" in fields and _is_number(fields["weight"].type):
        weight = pc.add(fields.pop("weight").cast(pa.float64(), safe=False), 0.0)  # not -0.0
    if "tool_calls" in fields:
        calls = fields.pop("tool_calls")
    called = np.zeros(len(said), np.bool_) if calls is None else _says(calls)
    codes, sound = _codes(fields.pop(role), texts, called)
    sound &= ~_any([_bools(field.is_valid()) for field in fields.values()], len(said))
    if weight is not None:
        may = pc.and_(pc.greater_equal(weight, 0.0), pc.less(weight, float("inf")))
        sound &= _bools(pc.fill_null(may, True))
        texts["weight"] = weight
    roles = pa.array(ROLES, pa.large_string()).take(pa.array(codes))
    return codes, sound, {"role": roles, **texts}, calls


def _json(column: pa.Array, name: str, wanted: Mask) -> pa.Array:
    """Those values of a column that are wanted and say something as JSON, the others as nulls."""
    there = np.flatnonzero(_says(column) & wanted)
    held = column.take(pa.array(there)).to_pylist()
    place = np.full(len(column), -1)
    place[there] = np.arange(len(there))
    told = pa.array([_dumped(without_padding(value, name)) for value in held], pa.large_binary())
    return told.take(pa.array(place, mask=place < 0))


def _dumped(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # JSON cannot hold it; a number is refused as well
        return b"1"


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


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)


def _codes(
    roles: pa.Array, texts: dict[str, pa.Array], called: Mask
) -> tuple[NDArray[np.uint8], Mask]:
    """The role of each turn, and which turns have a known one, texts that may stand, and show
    something or are `called` for."""
    found = pc.fill_null(pc.index_in(roles, pa.array(PLAIN_SPEAKERS, roles.type)), -1)
    places = found.to_numpy()
    sound = places >= 0
    for text in texts.values():
        try:
            text.validate(full=True)
        except pa.ArrowInvalid:  # some are no UTF-8
            return np.zeros(len(places), np.uint8), np.zeros(len(places), np.bool_)
        sound &= ~_bools(pc.fill_null(pc.match_substring(text, "\0"), False))
    sound &= called | _bools(pc.match_substring_regex(texts["content"], SHOWS))
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
    found = [_says(held) for held in _columns(table, (*SYSTEM, *MEDIA)).values()]
    older = [_bools(held.is_valid()) for held in _columns(table, ["functions"]).values()]
    return _any([*found, *older], table.num_rows)


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
