"""Eval item: one question, in the form that every suite gives it."""

from pathlib import Path
from typing import Any, NamedTuple

import orjson

from dataengine.errors import UserError


class Item(NamedTuple):
    """One eval question.

    `answer` is the answer's text (with `choices`, the text of the right choice); `label` is the
    letter of the right choice, where there are choices. `meta` holds what a verifier needs and
    nobody else reads (tests, constraint ids, reference answers).
    """

    id: str
    prompt: str
    answer: str | None = None
    choices: tuple[str, ...] = ()
    passage: str | None = None
    subset: str | None = None
    meta: dict[str, Any] | None = None
    label: str | None = None


def item_of(row: Any, where: str, fallback_id: str) -> Item:
    """`row`, a decoded object with an item's own keys, as an item; UserError names `where`."""
    if not isinstance(row, dict):
        raise UserError(f"{where}: an item must be a JSON object, not {type(row).__name__}")
    prompt = row.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise UserError(f"{where}: the item has no prompt; give it a non-empty `prompt` text")
    identity = row.get("id")
    passage, subset, meta = row.get("passage"), row.get("subset"), row.get("meta")
    if meta is not None and not isinstance(meta, dict):
        raise UserError(f"{where}: `meta` must be an object, not {type(meta).__name__}")
    choices = row.get("choices") or ()
    if not isinstance(choices, list | tuple):
        raise UserError(f"{where}: `choices` must be a list, not {type(choices).__name__}")
    choices = tuple(str(choice) for choice in choices)
    answer, label = _answer(row.get("answer"), row.get("label"), choices, where)
    return Item(
        fallback_id if identity is None else str(identity),
        prompt,
        answer,
        choices,
        None if passage is None else str(passage),
        None if subset is None else str(subset),
        meta,
        label,
    )


def _answer(
    answer: Any, label: Any, choices: tuple[str, ...], where: str
) -> tuple[str | None, str | None]:
    """The answer's text and its letter, from whichever of text, letter or index a source gives."""
    if isinstance(answer, int) and not isinstance(answer, bool) and choices:
        if not 0 <= answer < len(choices):
            raise UserError(f"{where}: answer {answer} is no index into {len(choices)} choices")
        return choices[answer], chr(65 + answer)
    if answer is None or not choices:
        return _text(answer), _text(label)
    answer = _text(answer)
    if label is not None:
        return answer, str(label)
    if answer in choices:
        return answer, chr(65 + choices.index(answer))
    if len(answer) == 1 and 0 <= ord(answer) - 65 < len(choices):
        return choices[ord(answer) - 65], answer
    return answer, None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def read_json_line(line: bytes, where: str) -> Any:
    """One line of JSON; a lone surrogate becomes U+FFFD, since no UTF-8 text can hold it."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return _tolerant(line, where, error)


def _tolerant(line: bytes, where: str, first: Exception) -> Any:
    import json

    try:
        value = json.loads(line.decode("utf-8", "replace"))
    except ValueError:
        raise UserError(f"{where}: not JSON ({first}); mend or remove the line") from None
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def jsonl_rows(path: Path) -> list[tuple[str, Any]]:
    """Every row of a JSONL file, beside its place (`FILE:LINE`) for messages."""
    rows = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                where = f"{path}:{number}"
                rows.append((where, read_json_line(line, where)))
    return rows
