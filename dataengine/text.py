"""The texts of rows, and the identity of a prompt."""

import hashlib
from collections.abc import Sequence

import polars as pl

from dataengine.row import Kind, Message, conversation


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
