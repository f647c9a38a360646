"""A row: what it must hold for each kind of dataset, and the identity that everything joins on."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import orjson
import polars as pl

Kind = Literal["sft", "preference", "rlvr"]
Message = dict[str, Any]

MESSAGE = pl.Struct(
    {
        "role": pl.String,
        "content": pl.String,
        "reasoning_content": pl.String,
        "tool_calls": pl.String,
        "tool_call_id": pl.String,
        "name": pl.String,
        "weight": pl.Float64,
    }
)
"""One turn as it is stored: `tool_calls` is JSON text of a list of calls, whose arguments are
objects; what a turn does not have is null."""

MESSAGES = pl.List(MESSAGE)

PROVENANCE = pl.Struct(
    {
        "dataset": pl.String,
        "revision": pl.String,
        "file": pl.String,
        "row": pl.Int64,
        "source_id": pl.String,
        "persona": pl.String,
        "recipe": pl.String,
        "model": pl.String,
        "request": pl.String,
        "details": pl.String,
    }
)

FOR_THE_TEMPLATE = {"tools": pl.String(), "chat_template_kwargs": pl.String()}
"""What a chat template is given beside the turns, as JSON text: tool schemas, and arguments."""

CONTENT: dict[Kind, dict[str, pl.DataType]] = {
    "sft": {"messages": MESSAGES, **FOR_THE_TEMPLATE},
    "preference": {
        **{"prompt": MESSAGES, "chosen": MESSAGES, "rejected": MESSAGES},
        **FOR_THE_TEMPLATE,
    },
    "rlvr": {
        **{"prompt": MESSAGES, "ground_truth": pl.String(), "verifier": pl.String()},
        **FOR_THE_TEMPLATE,
    },
}
"""The columns that say what a row *is*: its id is a hash of exactly these."""

MEASURED: dict[Kind, dict[str, pl.DataType]] = {
    "sft": {},
    "preference": {
        "chosen_model": pl.String(),
        "rejected_model": pl.String(),
        "chosen_score": pl.Float64(),
        "rejected_score": pl.Float64(),
        "margin": pl.Float64(),
    },
    "rlvr": {"gold": pl.String(), "pass_rate": pl.Float64(), "policy": pl.String()},
}
"""What is known of a row beside what it is; null where nobody measured it. `gold` is an answer
that must pass, for the build's own check: it is not published."""

ROLES = ("system", "user", "assistant", "tool")


def schema(kind: Kind) -> dict[str, pl.DataType]:
    """The full column schema of a table of rows of this kind, in order."""
    return {
        "id": pl.String(),
        "source": pl.String(),
        **CONTENT[kind],
        **MEASURED[kind],
        "skill": pl.String(),
        "language": pl.String(),
        "licence": pl.String(),
        "own": pl.String(),
        "provenance": PROVENANCE,
    }


def conversation(kind: Kind) -> tuple[str, ...]:
    """The message columns of a kind, in reading order."""
    return tuple(name for name, dtype in CONTENT[kind].items() if dtype == MESSAGES)


def prompt_column(kind: Kind) -> str:
    """Where the prompt of a row stands: the leading turns of `messages`, or `prompt`."""
    return "messages" if kind == "sft" else "prompt"


def row_id(source: str, content: Mapping[str, Any], occurrence: int = 0) -> str:
    """blake2b-128 of the digest of a row's content and of its source, as 32 hex digits.

    The n-th identical row of one source (`occurrence` = n, from 0) gets an id of its own,
    so that ids are unique and a source read twice gives the same ones.
    """
    return named(source, digest(content), occurrence).hex()


def named(source: str, content: bytes, occurrence: int = 0) -> bytes:
    """A row's id from the digest of its content, as 16 bytes."""
    told = b"%b\n%d\n%b" % (content, occurrence, source.encode())
    return hashlib.blake2b(told, digest_size=16).digest()


def digest(content: Mapping[str, Any]) -> bytes:
    """blake2b-128 of a row's canonical content. What a row or a turn does not have is no part of
    it."""
    return hashlib.blake2b(canonical(content), digest_size=16).digest()


def canonical(content: Mapping[str, Any]) -> bytes:
    """A row's content as JSON that equal contents share."""
    said = {name: _said(value) for name, value in content.items() if value is not None}
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def _said(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [{k: v for k, v in turn.items() if v is not None} for turn in value]


def draw(seed: int, purpose: str, ids: pl.Series) -> pl.Series:
    """A uniform UInt64 for each id, from (seed, purpose, id) alone.

    Sampling, splitting and shuffling compare these, so adding a source or a worker moves
    no other row. blake2b rather than a library's fast hash, because the figures must
    survive library versions.
    """
    keyed = hashlib.blake2b(digest_size=8, key=f"{seed}:{purpose}".encode())
    drawn = []
    for told in ids.cast(pl.Binary).to_list():
        one = keyed.copy()
        one.update(told)
        drawn.append(one.digest())
    numbers = pl.Series(purpose, drawn, dtype=pl.Binary)
    return numbers.bin.reinterpret(dtype=pl.UInt64, endianness="big")


def message(role: str, content: str, **more: Any) -> Message:
    """One turn in the form that it is stored in; `tool_calls` are given as objects or as text."""
    calls = more.get("tool_calls")
    return {
        "role": role,
        "content": content,
        "reasoning_content": more.get("reasoning_content"),
        "tool_calls": calls if isinstance(calls, str | None) else orjson.dumps(calls).decode(),
        "tool_call_id": more.get("tool_call_id"),
        "name": more.get("name"),
        "weight": more.get("weight"),
    }


def violation(kind: Kind, row: Mapping[str, Any]) -> str | None:
    """Why a row breaks the invariants of its kind, or None where it keeps them all.

    The reason stands before the first colon, and the place where it is broken after it, so
    that reasons can be counted.
    """
    if kind == "sft":
        turns = row["messages"]
        answered = any(turn["role"] == "assistant" for turn in turns)
        return _turns_violation("messages", turns) or (None if answered else "no assistant turn")
    wrong = _turns_violation("prompt", row["prompt"])
    if wrong:
        return wrong
    if row["prompt"][-1]["role"] not in ("user", "tool"):
        return "nothing asked: the prompt does not end with a user turn"
    return _preference_violation(row) if kind == "preference" else _rlvr_violation(row)


def _preference_violation(row: Mapping[str, Any]) -> str | None:
    for side in ("chosen", "rejected"):
        wrong = _turns_violation(side, row[side], previous=row["prompt"][-1]["role"])
        if wrong:
            return wrong
    return "chosen equals rejected" if row["chosen"] == row["rejected"] else None


def _rlvr_violation(row: Mapping[str, Any]) -> str | None:
    if not (row["ground_truth"] or "").strip():
        return "no ground truth"
    if not (row["verifier"] or "").strip():
        return "no verifier"
    wrong = text_violation(row["ground_truth"])
    return f"{wrong}: ground_truth" if wrong else None


AFTER: dict[str | None, tuple[str, ...]] = {
    None: ("user",),
    "user": ("assistant",),
    "assistant": ("user", "tool"),
    "tool": ("assistant", "tool"),
}
"""Which role may speak after which: they alternate, and a tool's results follow its call."""


def _turns_violation(
    column: str, turns: Sequence[Message], previous: str | None = None
) -> str | None:
    """The first invariant that a list of turns breaks. A system turn may open a conversation."""
    if not turns:
        return f"no turns: {column}"
    opening = previous is None
    for number, turn in enumerate(turns):
        place, role = f"{column}, turn {number}", turn["role"]
        wrong = _content_violation(turn)
        if wrong:
            return f"{wrong}: {place}"
        if role not in ROLES:
            return f"unknown role: {place}: {role!r}"
        if role == "system" and opening and number == 0:
            continue
        if role not in AFTER[previous]:
            return f"roles do not alternate: {place}: {role} after {previous or 'the start'}"
        previous = role
    return None


def _content_violation(turn: Message) -> str | None:
    content = turn["content"]
    if not isinstance(content, str):
        return "content is not text"
    if not content.strip() and not turn.get("tool_calls"):
        return "empty turn"
    texts = (value for value in turn.values() if isinstance(value, str))
    return next((wrong for text in texts if (wrong := text_violation(text))), None)


def text_violation(text: str) -> str | None:
    """Why a text cannot stand in a dataset: a NUL or a lone surrogate."""
    if "\0" in text:
        return "NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "lone surrogate"
    return None
