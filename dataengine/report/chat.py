"""A row as a conversation: turns with roles, thinking, calls and results, evidence marked."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from markupsafe import Markup

from dataengine.report.mask import FIELDS, Trained
from dataengine.report.text import Span, marked
from dataengine.row import Kind, conversation

TURNS = 6
"""Turns of one column that are shown, beside those with marks."""
CALLS = 8

Marks = Mapping[tuple[str, int, str], Sequence[Span]]
"""Spans by column, number of the turn and field of it."""
NONE: Marks = {}
SAID = dict(zip(FIELDS, ("content", "thinking", "calls"), strict=True))
"""What a reader calls the fields of a turn."""


class Turn(NamedTuple):
    """One turn as it is shown."""

    role: str
    trained: bool
    """Whether its words are learned: an assistant's, unless its weight is 0, or as a template
    says."""
    unlearned: list[str]
    """What it has that a template leaves out of what is learned."""
    content: Markup
    thinking: Markup
    calls: list[tuple[str, Markup]]
    skipped: int
    """Turns before it that are not shown."""


class Column(NamedTuple):
    """A column of turns."""

    name: str
    turns: list[Turn]
    skipped: int
    """Turns after the last one shown."""


def columns(
    row: Mapping[str, Any],
    kind: Kind,
    marks: Marks = NONE,
    quoted: Sequence[str] = (),
    mask: Trained | None = None,
) -> list[Column]:
    """A row's columns of turns; `quoted` are passages that are marked wherever they stand. `mask`
    says what a template learns of it, in place of all that an assistant says."""
    return [_column(row, name, kind, marks, quoted, mask) for name in conversation(kind)]


def _column(
    row: Mapping[str, Any],
    name: str,
    kind: Kind,
    marks: Marks,
    quoted: Sequence[str],
    mask: Trained | None,
) -> Column:
    learned = kind == "sft" or name in ("chosen", "rejected")
    held = list(enumerate(row[name] or []))
    marked_turns = {number for column, number, _ in marks if column == name}
    shown = [(n, turn) for n, turn in held if n < TURNS or n in marked_turns][: 2 * TURNS]
    made, last = [], -1
    for number, turn in shown:
        fields = {
            field: _marked(turn.get(field), marks.get((name, number, field), ()), quoted)
            for field in ("content", "reasoning_content")
        }
        trained = learned and turn["role"] == "assistant" and turn.get("weight") != 0
        unlearned: list[str] = []
        if mask:
            fields_learned = mask.fields.get(number, frozenset())
            unlearned = [SAID[f] for f in FIELDS if turn.get(f) and f not in fields_learned]
            unlearned = unlearned if trained and not mask.trouble else []
            trained = bool(fields_learned)
        made.append(
            Turn(
                turn["role"],
                trained,
                unlearned,
                fields["content"],
                fields["reasoning_content"],
                _calls(turn.get("tool_calls")),
                number - last - 1,
            )
        )
        last = number
    return Column(name, made, len(held) - 1 - last)


def _marked(text: str | None, spans: Sequence[Span], quoted: Sequence[str]) -> Markup:
    text = text or ""
    found = [(at, at + len(q)) for q in quoted if q and (at := text.find(q)) >= 0]
    return marked(text, [*spans, *found])


def _calls(text: str | None) -> list[tuple[str, Markup]]:
    calls = orjson.loads(text) if text else []
    functions = [call.get("function") or {} for call in calls[:CALLS] if isinstance(call, dict)]
    told = [(str(f.get("name", "")), _pretty(f.get("arguments"))) for f in functions]
    more = len(calls) - len(told)
    return told + ([(f"and {more} more calls, not shown", Markup())] if more > 0 else [])


def _pretty(value: Any) -> Markup:
    return marked(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
