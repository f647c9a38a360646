"""The published form of rows: what `datasets.load_dataset` gives, and TRL reads as it is.

A dataset whose turns are all plain has turns {role, content}. Where any turn has more, turns are
`datasets`' `Json()` objects, so that each has the keys that it was written with and no others; so
are `tools` and `chat_template_kwargs`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from dataengine.row import (
    FOR_THE_TEMPLATE,
    MEASURED,
    MESSAGE,
    MESSAGES,
    Kind,
    conversation,
    message,
)

PLAIN = ("role", "content")
MORE = tuple(f.name for f in MESSAGE.fields if f.name not in PLAIN)  # type: ignore[attr-defined]
"""The fields of a turn that most turns do not have."""

SCALARS = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
"""Arrow's type of an own column whose values are all of one type; of any other it is JSON."""


@dataclass
class Form:
    """Which columns and fields a dataset uses: the same for all of its files."""

    kind: Kind
    json_turns: bool = False
    """Whether any turn of any row has more than role and content."""
    columns: set[str] = field(default_factory=set)
    """Of the columns that may be empty for a whole dataset, those that are not."""
    own: dict[str, set[type]] = field(default_factory=dict)
    """The sources' own columns, with the types of their values."""

    def see(self, rows: pl.DataFrame) -> None:
        """Take note of what some rows use; a column of plain turns may be left out."""
        for column in (c for c in conversation(self.kind) if c in rows.columns):
            turns = rows[column].explode()
            more = pl.any_horizontal(pl.col(name).is_not_null() for name in MORE)
            self.json_turns |= bool(turns.struct.unnest().select(more.any()).item())
        maybe = [c for c in (*FOR_THE_TEMPLATE, *MEASURED[self.kind]) if c != "gold"]
        self.columns |= {c for c in maybe if rows[c].null_count() < rows.height}
        for text in rows["own"].drop_nulls():
            for name, value in orjson.loads(text).items():
                self.own.setdefault(name, set()).add(type(value))


def published(rows: pl.DataFrame, form: Form) -> pa.Table:
    """Rows in their published form, as an Arrow table."""
    turn_columns = conversation(form.kind)
    table: dict[str, Any] = {}
    for name in rows.columns:
        if name in turn_columns:
            table[name] = _turns(rows[name], form.json_turns)
        elif name in FOR_THE_TEMPLATE:
            if name in form.columns:
                table[name] = _for_the_template(rows[name], name)
        elif name == "own":
            table |= _own(rows[name], form.own)
        elif name not in MEASURED[form.kind] or name in form.columns:
            table[name] = rows[name].to_arrow()
    return pa.table(table)


def read(file: Path, columns: Iterable[str] | None = None) -> pl.DataFrame:
    """A published file, or a part of it, in the form that the engine stores rows in."""
    names = pq.read_schema(file).names
    wanted = [name for name in names if columns is None or name in set(columns)]
    table = pq.read_table(file, columns=wanted)
    return stored(table)


def stored(table: pa.Table) -> pl.DataFrame:
    """Published rows in the form that the engine stores them in."""
    found = {}
    for name in table.schema.names:
        column = table.column(name).combine_chunks()
        if name in ("messages", "prompt", "chosen", "rejected"):
            found[name] = pl.Series(name, _stored_turns(column), dtype=MESSAGES)
        elif name in FOR_THE_TEMPLATE:
            found[name] = pl.Series(name, _json_texts(column), dtype=pl.String)
        elif isinstance(column.type, pa.BaseExtensionType):
            found[name] = pl.Series(name, pl.from_arrow(column.storage))
        else:
            found[name] = pl.Series(name, pl.from_arrow(column))
    return pl.DataFrame(found)


def _turns(column: pl.Series, as_json: bool) -> pa.Array:
    flat = column.explode(keep_nulls=False, empty_as_null=False)
    offsets = np.concatenate([[0], np.cumsum(column.list.len().fill_null(0).to_numpy())])
    bounds = pa.py_buffer(offsets.astype(np.int32))
    if as_json:
        values: Any = _json(_json_turns(flat).to_arrow())
    else:
        values = flat.struct.unnest().select(PLAIN).to_struct("turn").to_arrow()
    kind = pa.list_(values.type)
    return pa.ListArray.from_buffers(kind, len(column), [None, bounds], children=[values])


def _json_turns(flat: pl.Series) -> pl.Series:
    """Each turn as JSON text, with the keys that it has."""
    fields = flat.struct.unnest()
    texts = fields.select(pl.struct(PLAIN).struct.json_encode()).to_series()
    rich = fields.select(pl.any_horizontal(pl.col(n).is_not_null() for n in MORE)).to_series()
    places = rich.arg_true()
    if not len(places):
        return texts
    made = [_json_turn(turn) for turn in fields[places].iter_rows(named=True)]
    return texts.scatter(places, made)


def _json_turn(turn: Mapping[str, Any]) -> str:
    found = {key: value for key, value in turn.items() if value is not None}
    if "tool_calls" in found:
        found["tool_calls"] = orjson.Fragment(found["tool_calls"])
    weight = found.get("weight")
    if weight is not None and float(weight).is_integer():
        found["weight"] = int(weight)
    return orjson.dumps(found).decode()


def _for_the_template(column: pl.Series, name: str) -> pa.Array:
    """`tools` as lists of JSON objects, null where a row has none; the template's arguments as JSON
    objects, empty where a row has none, since TRL unpacks them."""
    if name == "chat_template_kwargs":
        return _json(column.fill_null("{}").to_arrow())
    lists = [None if t is None else _pieces(t) for t in column]
    storage = pa.array(lists, pa.list_(pa.string()))
    return pa.ListArray.from_arrays(storage.offsets, _json(storage.values), mask=storage.is_null())


def _pieces(text: str) -> list[str]:
    return [orjson.dumps(one).decode() for one in orjson.loads(text)]


def _own(column: pl.Series, types: Mapping[str, set[type]]) -> dict[str, pa.Array]:
    """The sources' own columns: of one type where all values are, else JSON."""
    read = [orjson.loads(text) if text else {} for text in column]
    found: dict[str, pa.Array] = {}
    for name, seen in sorted(types.items()):
        values = [own.get(name) for own in read]
        kind = {int, float} if seen == {int, float} else seen
        if len(seen) == 1 and next(iter(seen)) in SCALARS:
            found[name] = pa.array(values, SCALARS[next(iter(seen))])
        elif kind == {int, float}:
            found[name] = pa.array([None if v is None else float(v) for v in values], pa.float64())
        else:
            texts = [None if v is None else orjson.dumps(v).decode() for v in values]
            found[name] = _json(pa.array(texts, pa.string()))
    return found


def _json(texts: pa.Array) -> pa.Array:
    """Texts as `datasets`' feature Json, which is Arrow's own JSON type."""
    return pa.ExtensionArray.from_storage(pa.json_(), texts.cast(pa.string()))


def _stored_turns(column: pa.Array) -> list[list[dict[str, Any]] | None]:
    lists = column.cast(pa.list_(pa.string())) if _holds_json(column.type) else column
    return [
        None if turns is None else [_stored_turn(turn) for turn in turns]
        for turns in lists.to_pylist()
    ]


def _stored_turn(turn: Any) -> dict[str, Any]:
    given = orjson.loads(turn) if isinstance(turn, str) else turn
    return message(**{key: value for key, value in given.items() if value is not None})


def _json_texts(column: pa.Array) -> list[str | None]:
    if not pa.types.is_list(column.type):
        texts = column.storage if isinstance(column.type, pa.BaseExtensionType) else column
        return [None if text in (None, "{}") else text for text in texts.to_pylist()]
    lists = column.cast(pa.list_(pa.string())).to_pylist()
    return [None if tools is None else f"[{','.join(tools)}]" for tools in lists]


def _holds_json(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) and isinstance(kind.value_type, pa.BaseExtensionType)
