"""Tool calls and tool schemas: read from the forms that people keep them in, into OpenAI's."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from dataengine.rows.errors import ShapeError

Call = dict[str, Any]
"""`id` and `type` where given, and `function`: its `name`, and its `arguments` as an object."""

CALL_KEYS = ("id", "type")


def opened(value: Any, what: str) -> Any:
    """A value that may be kept as JSON text, as what the text says.

    Raises:
        ShapeError: text that is not JSON; `what` names the value.
    """
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise ShapeError(f"{what}: text that is not JSON ({error.msg})") from None


def calls(value: Any, lose: Callable[..., None]) -> list[Call] | None:
    """The tool calls of a turn, or None where there are none.

    `lose` is called with the names of keys that a call cannot carry.

    Raises:
        ShapeError: a call names no function, or its arguments are not an object.
    """
    found = opened(value, "tool_calls")
    if isinstance(found, Mapping):
        found = [found]
    if not found:
        return None
    if not isinstance(found, list):
        raise ShapeError("tool_calls: not a list of calls")
    return [_call(opened(call, "tool_calls"), lose) for call in found]


def _call(value: Any, lose: Callable[..., None]) -> Call:
    if not isinstance(value, Mapping):
        raise ShapeError("tool_calls: a call is not an object")
    wrapped = isinstance(value.get("function"), Mapping)
    function = value["function"] if wrapped else value
    name = function.get("name")
    if not isinstance(name, str) or not name:
        raise ShapeError("tool_calls: a call without a function's name")
    given = "arguments" if "arguments" in function else "parameters"
    arguments = opened(function.get(given), "tool_calls: arguments")
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, Mapping):
        raise ShapeError(f"tool_calls: the arguments of {name} are not an object")
    call: Call = {key: value[key] for key in CALL_KEYS if _text(value, key)}
    call |= {} if wrapped else {"type": "function"}
    read = {"name", given}
    if wrapped:
        lose(*_unread(value, {*CALL_KEYS, "function"}, "tool_calls[]."))
        lose(*_unread(function, read, "tool_calls[].function."))
    else:
        lose(*_unread(value, {*CALL_KEYS, *read}, "tool_calls[]."))
    return call | {"function": {"name": name, "arguments": dict(arguments)}}


def _text(value: Mapping[str, Any], key: str) -> bool:
    given = value.get(key)
    if given is not None and not isinstance(given, str):
        raise ShapeError(f"tool_calls: a call's {key} is not text")
    return bool(given)


def _unread(value: Mapping[str, Any], read: set[str], under: str) -> set[str]:
    return {under + key for key, held in value.items() if key not in read and not empty(held)}


def empty(value: Any) -> bool:
    """Whether a value says nothing: null, and empty text, list or object."""
    return value is None or (isinstance(value, str | list | tuple | dict) and not value)


def tools(value: Any, key: str = "tools") -> list[dict[str, Any]] | None:
    """Tool schemas as a list of objects. `functions`, OpenAI's older form, is wrapped.

    Raises:
        ShapeError: they are not objects.
    """
    found = opened(value, key)
    if isinstance(found, Mapping):
        found = [found]
    if not found:
        return None
    if not isinstance(found, list):
        raise ShapeError(f"{key}: not a list of tools")
    read = [opened(tool, key) for tool in found]
    if not all(isinstance(tool, Mapping) for tool in read):
        raise ShapeError(f"{key}: a tool is not an object")
    if key == "functions":
        return [{"type": "function", "function": dict(tool)} for tool in read]
    return [dict(tool) for tool in read]


def dumped(value: Any) -> str | None:
    """Canonical JSON text of an object or list, its keys in their order; None for nothing."""
    return None if value is None else orjson.dumps(value).decode()


def without_padding(value: Any, key: str = "") -> Any:
    """A nested value without the nulls that Arrow adds: a struct column gives every object all the
    keys of the others. An object of nulls alone is such a null itself."""
    if isinstance(value, list):
        return [without_padding(one) for one in value]
    if not isinstance(value, dict):
        return value
    inner = {name: without_padding(one, name) for name, one in value.items() if one is not None}
    kept = {name: one for name, one in inner.items() if one is not None}
    return kept if kept or not value or key in MAY_BE_EMPTY else None


MAY_BE_EMPTY = frozenset({"arguments", "parameters", "properties", "chat_template_kwargs"})
"""Objects that say something although they are empty."""


def names(offered: Iterable[Mapping[str, Any]] | None) -> set[str]:
    """The names of the functions among tool schemas, wrapped or not."""
    return {str(function(tool).get("name")) for tool in offered or ()}


def function(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """The function that a tool schema describes, wrapped or not."""
    inner = tool.get("function")
    return inner if isinstance(inner, Mapping) else tool
