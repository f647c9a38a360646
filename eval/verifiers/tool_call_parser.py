"""Tool call parser: calls as models write them, read into names and arguments.

Hermes and Qwen 2.5 and 3 (`<tool_call>{"name": ..., "arguments": ...}</tool_call>`), Qwen 3 Coder
and 3.5 (`<function=...><parameter=...>`), GLM 4.5 (`<arg_key>`), Llama 3.1 (a bare object with
`parameters`), Mistral (`[TOOL_CALLS]`), and Python calls in a list (Llama 4, BFCL's own prompt).
"""

import ast
import json
import re
from typing import Any, NamedTuple

_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_MARK = re.compile(r"\[TOOL_CALLS\]|<\|python_tag\|>|<\|tool_calls?\|>")
_FUNCTION = re.compile(r"<function=([^>\s]+)>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\s]+)>\n?(.*?)\n?(?:</parameter>|\Z)", re.DOTALL)
_PAIR = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
_FENCE = re.compile(r"```[\w+-]*\n(.*?)(?:```|\Z)", re.DOTALL)
_NAMED = re.compile(r"\s*([\w.-]+)\s*(?:\[ARGS\])?\s*(\{.*\})\s*", re.DOTALL)


class Written(str):
    """An argument that is written without its type: `8` may be a number or a text."""

    @property
    def readings(self) -> list[Any]:
        try:
            return [str(self), json.loads(self)]
        except ValueError:
            return [str(self)]


class Call(NamedTuple):
    """One tool call: a function's name and its arguments."""

    name: str
    arguments: dict[str, Any]


def calls(text: str) -> list[Call]:
    """The calls in a reply without its reasoning; none where it only speaks.

    ValueError for a call that cannot be read.
    """
    tagged = [found[1] for found in _TAGGED.finditer(text)]
    if tagged:
        return [call for body in tagged for call in _body(body)]
    mark = _MARK.search(text)
    if mark or "<function=" in text:
        return _body(text[mark.end() :] if mark else text)
    blocks = _FENCE.findall(text)
    bare = (blocks[-1] if blocks else text).strip()
    if not bare or bare[0] not in "{[":
        named = _NAMED.fullmatch(bare)
        return [Call(named[1], _object(named[2]))] if named else []
    try:
        return _body(bare)
    except ValueError:
        return []  # text that only begins with a bracket


def _body(text: str) -> list[Call]:
    functions = _FUNCTION.findall(text)
    if functions:
        return [
            Call(name, {key: Written(value.strip()) for key, value in _PARAMETER.findall(body)})
            for name, body in functions
        ]
    pairs = _PAIR.findall(text)
    if pairs:
        name = text.split("<arg_key>")[0].strip()
        return [Call(name, {key.strip(): Written(value.strip()) for key, value in pairs})]
    named = _NAMED.fullmatch(text)
    if named:
        return [Call(named[1], _object(named[2]))]
    return _json_calls(text) if _is_json(text) else _python_calls(text)


def _is_json(text: str) -> bool:
    return bool(re.match(r"\s*(\{|\[\s*\{|\[\s*\])", text))


def _json_calls(text: str) -> list[Call]:
    """One object, a list of them, or several one after the other, with `;` or nothing between."""
    decoder, at, found = json.JSONDecoder(), 0, list[Any]()
    while text[at:].strip(" \t\n\r;,"):
        at += len(text[at:]) - len(text[at:].lstrip(" \t\n\r;,"))
        value, at = decoder.raw_decode(text, at)
        found += value if isinstance(value, list) else [value]
    return [_call(one) for one in found]


def _call(told: Any) -> Call:
    if isinstance(told, dict) and isinstance(told.get("function"), dict):
        told = told["function"]
    if not isinstance(told, dict) or not isinstance(told.get("name"), str):
        raise ValueError("a call without a name")
    arguments = told.get("arguments", told.get("parameters", {}))
    return Call(told["name"], _object(arguments))


def _object(arguments: Any) -> dict[str, Any]:
    value = json.loads(arguments) if isinstance(arguments, str) else arguments
    if not isinstance(value, dict):
        raise ValueError("arguments that are no object")
    return value


def _python_calls(text: str) -> list[Call]:
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("neither JSON nor Python") from None
    nodes = tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]
    return [_python_call(node) for node in nodes]


def _python_call(node: ast.AST) -> Call:
    if not isinstance(node, ast.Call) or node.args or any(k.arg is None for k in node.keywords):
        raise ValueError("not a call with named arguments")
    name = ast.unparse(node.func)
    return Call(name, {str(k.arg): ast.literal_eval(k.value) for k in node.keywords})
