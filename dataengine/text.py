"""The texts of rows, and the identity of a prompt."""

import hashlib
from collections.abc import Sequence

import orjson
import polars as pl

from dataengine.row import MESSAGES, Kind, Message, conversation
from dataengine.rows.texts import texts


def prompt_texts(rows: pl.DataFrame, kind: Kind) -> pl.Series:
    """Each row's prompt: the turns before the first answer, joined by newlines."""
    column = "messages" if kind == "sft" else "prompt"
    turns = pl.col(column)
    if kind == "sft":
        roles = turns.list.eval(pl.element().struct.field("role") == "assistant")
        before = roles.list.arg_max()
        turns = turns.list.head(before)
    return rows.select(said(turns).alias("prompt")).to_series()


def prompt_ids(rows: pl.DataFrame, kind: Kind) -> pl.Series:
    """blake2b-64 of each row's prompt without regard to case and white space, as 16 hex digits.

    Rows with one prompt share it whatever their source, answer or kind, so that splits and
    the prompts of later stages can be held apart.
    """
    prompts = prompt_texts(rows, kind)
    return pl.Series("prompt_id", [prompt_id(text) for text in prompts], dtype=pl.String)


def prompt_id(text: str) -> str:
    """The identity of one prompt."""
    plain = " ".join(text.casefold().split())
    return hashlib.blake2b(plain.encode(), digest_size=8).hexdigest()


def whole_texts(rows: pl.DataFrame, kind: Kind) -> pl.Series:
    """Everything that is said in each row, turn after turn, joined by newlines."""
    turns = [said(pl.col(column)) for column in conversation(kind)]
    return rows.select(pl.concat_str(turns, separator="\n").alias("text")).to_series()


SAID = ("reasoning_content", "content", "tool_calls")
"""The fields of a turn that a model could be trained on."""


def said(turns: pl.Expr) -> pl.Expr:
    """What a column of messages says: reasoning, content and calls of its turns, one a line."""
    fields = [pl.element().struct.field(name) for name in SAID]
    return turns.list.eval(pl.concat_str(fields, separator="\n", ignore_nulls=True)).list.join("\n")


def spoken(turns: Sequence[Message]) -> str:
    """The same of one list of messages."""
    return "\n".join(turn[name] for turn in turns for name in SAID if turn[name] is not None)


def texts_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Everything that turns say, a text a row in reading order: `place` among the rows, `column`,
    `number` of the turn, `field` of it, `text` (of tool calls those in their arguments, one a
    line), `role`, and what the turn before said (`before`)."""
    found: list[pl.DataFrame] = []
    for column in (name for name, dtype in rows.schema.items() if dtype == MESSAGES):
        turns = (
            rows.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("place"), turn=column)
            .filter(pl.col("turn").list.len() > 0)
            .with_columns(number=pl.int_ranges(pl.col("turn").list.len()))
            .explode("turn", "number")
            .unnest("turn")
            .with_columns(
                before=pl.when(pl.col("number") > 0).then(pl.col("content").shift(1)),
                tool_calls=pl.col("tool_calls").map_elements(inside, pl.String, skip_nulls=True),
            )
        )
        for field in SAID:
            said = turns.filter(pl.col(field).is_not_null())
            if said.height:
                named = (pl.lit(column).alias("column"), "number", pl.lit(field).alias("field"))
                text = pl.col(field).alias("text")
                found.append(said.select("place", *named, text, "role", "before"))
    if len(found) == 1:
        return found[0]
    order = pl.concat(found) if found else pl.DataFrame(schema=TEXTS)
    return order.sort("place", maintain_order=True)


TEXTS = {
    "place": pl.UInt32,
    "column": pl.String,
    "number": pl.Int64,
    "field": pl.String,
    "text": pl.String,
    "role": pl.String,
    "before": pl.String,
}


def inside(calls: str) -> str:
    """The texts in the arguments of tool calls, one a line."""
    return "\n".join(said.text for said in texts(orjson.loads(calls)))
