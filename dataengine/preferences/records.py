"""Given tables: records chosen by a condition, under our column names, with a prompt."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from dataengine.preferences.preference_source import Given
from dataengine.row import FOR_THE_TEMPLATE, Message, message, violation
from dataengine.rows import shapes
from dataengine.rows.calls import dumped
from dataengine.rows.errors import ShapeError
from dataengine.rows.formats import Record
from dataengine.sources.where import Where
from dataengine.stages.stage import failed_row, recognisable
from dataengine.text import prompt_id, spoken

BATCH = 8_192


def read(table: Given, key: str, source: str) -> Iterator[Record]:
    """The records of a table under our names; `value` is None where `trouble` says why.

    Raises:
        UserError: the table is not there, or its `where` is no condition.
    """
    where = Where(table.where, f"source {source}: {key}") if table.where else None
    records = table.reader(source).records()
    while batch := list(islice(records, BATCH)):
        sound = [record.value for record in batch if record.value is not None]
        holds = iter(where.holds(sound)) if where and sound else None
        for record in batch:
            if record.value is not None and holds is not None and not next(holds):
                yield record._replace(
                    value=None, trouble="where", raw=recognisable(dict(record.value))
                )
            else:
                yield _renamed(record, table.columns)


def made(
    table: Given,
    key: str,
    source: str,
    make: Callable[[Mapping[str, Any]], dict[str, Any]],
    failed: list[dict[str, Any]],
    limit: int | None = None,
) -> Iterator[dict[str, Any]]:
    """What `make` makes of a table's records, at most `limit`; those it refuses go to `failed`."""
    for record in read(table, key, source):
        if limit and record.row > limit:
            return
        try:
            if record.value is None:
                raise ShapeError(record.trouble or "unreadable")
            row = make(record.value)
        except ShapeError as trouble:
            failed.append(failed_row(source, record, str(trouble), key))
        else:
            yield row


def _renamed(record: Record, columns: Mapping[str, str]) -> Record:
    value = record.value
    if value is None or not columns:
        return record
    named = {our: value[theirs] for our, theirs in columns.items() if theirs in value}
    return record._replace(value={**value, **named})


def turns(value: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt of a record, with its tools: its `prompt`, or `messages` before the first answer.

    Raises:
        ShapeError: there is none, or it breaks the invariants of a prompt.
    """
    given = {key: value[key] for key in (*shapes.BESIDE, "prompt") if value.get(key) is not None}
    if "prompt" not in given:
        given["messages"] = [*_until_answered(value.get("messages"))]
    try:
        found = shapes.prompt(given).columns
    except ShapeError as error:
        raise ShapeError(f"no prompt: {error}") from None
    prompt = [message(**turn) for turn in found["prompt"]]
    wrong = violation("rlvr", {"prompt": prompt, "ground_truth": "-", "verifier": "-"})
    if wrong:
        raise ShapeError(wrong)
    return {"prompt": prompt, **{name: dumped(found[name]) for name in FOR_THE_TEMPLATE}}


def _until_answered(messages: Any) -> Iterator[Any]:
    for turn in messages if isinstance(messages, list) else []:
        if not isinstance(turn, dict) or turn.get("role") == "assistant":
            return
        yield turn


def identity(prompt: list[Message]) -> str:
    """The prompt's id: that of its turns' texts, whatever the source or kind of the row."""
    return prompt_id(spoken(prompt))
