"""Tool call validation: calls of tools that are offered, with arguments that fit, and answered."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import orjson
import polars as pl
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from dataengine.decisions import Decided
from dataengine.row import Message, conversation
from dataengine.rows.calls import function
from dataengine.stages.filters import Filter
from dataengine.stages.stage import evidence
from dataengine.view import View


class ToolCalls(Filter):
    """Drops rows whose tool calls no tool on offer takes, or whose results answer no call."""

    name: ClassVar[str] = "tool_calls"

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        columns = conversation(view.kind)
        rows = view.frame(*columns, "tools")
        suspects = _with_calls(rows, columns).arg_true()
        reasons: list[str | None] = [None] * rows.height
        told: list[str | None] = [None] * rows.height
        read = rows.select(*columns, "tools").gather(suspects)
        for place, row in zip(suspects, read.iter_rows(named=True), strict=True):
            wrong = next(_wrong(row, columns), None)
            if wrong:
                reasons[place], facts = wrong
                told[place] = evidence(**facts)
        return Decided(pl.Series(reasons, dtype=pl.String), pl.Series(told, dtype=pl.String))


Wrong = tuple[str, dict[str, Any]]
"""A reason to count, and where and what exactly."""


def _with_calls(rows: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Rows in which some turn calls a tool or is a tool's."""
    turn = pl.element().struct
    used = (turn.field("tool_calls").is_not_null()) | (turn.field("role") == "tool")
    uses = [pl.col(column).list.eval(used).list.any() for column in columns]
    return rows.select(pl.any_horizontal(uses).fill_null(False).alias("uses")).to_series()


def _wrong(row: dict[str, Any], columns: Sequence[str]) -> Iterator[Wrong]:
    """What is wrong with a row's calls and results, in reading order. The sides of a pair go on
    from the prompt, each on its own."""
    offered = None if row["tools"] is None else _offered(row["tools"])
    opening = row.get("prompt") or []
    for column in columns:
        before = opening if column in ("chosen", "rejected") else []
        for number, reason, facts in _of_turns([*before, *(row[column] or [])], offered):
            yield reason, {"column": column, "turn": number - len(before), **facts}


def _offered(text: str) -> dict[str, Any]:
    """The parameters' schema of each tool by its name; None where a tool declares none."""
    tools = [function(tool) for tool in orjson.loads(text)]
    return {str(tool.get("name")): tool.get("parameters") for tool in tools}


def _of_turns(
    turns: Sequence[Message], offered: dict[str, Any] | None
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    waiting: list[str | None] = []
    for number, turn in enumerate(turns):
        if turn["tool_calls"]:
            calls = orjson.loads(turn["tool_calls"])
            waiting = [call.get("id") for call in calls]
            for call in calls:
                for reason, detail in _of_call(call["function"], offered):
                    yield number, reason, {"call": call["function"]["name"], "detail": detail}
        elif turn["role"] == "tool":
            if not _answers(turn, waiting):
                detail = turn["tool_call_id"] or "more results than calls"
                yield number, "a result answers no call", {"detail": detail}
        else:
            waiting = []


def _answers(result: Message, waiting: list[str | None]) -> bool:
    """Whether a result answers a call that waits for one, which then waits no more: by its id, or
    in order where either has none."""
    named = result["tool_call_id"]
    if named in waiting:
        waiting.remove(named)
        return True
    if waiting and (named is None or None in waiting):
        waiting.remove(None) if None in waiting else waiting.pop(0)
        return True
    return False


def _of_call(call: dict[str, Any], offered: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    if offered is None:
        return
    if call["name"] not in offered:
        yield "calls a tool that is not offered", f"offered: {', '.join(sorted(offered))}"
        return
    schema = offered[call["name"]]
    if not isinstance(schema, dict):
        return
    try:
        Draft202012Validator.check_schema(schema)
        error = next(Draft202012Validator(schema).iter_errors(call["arguments"]), None)
    except SchemaError as broken:
        yield "a tool's schema is broken", broken.message
        return
    if error:
        yield "arguments do not fit the tool's schema", f"{error.json_path}: {error.message}"
