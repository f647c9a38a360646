"""Tool calls against those that are accepted, as the Berkeley Function-Calling Leaderboard does it.

The ground truth is BFCL's `possible_answer`: a list of `{name: {argument: [accepted values]}}`, one
a call, in any order. An argument may be left away where "" is among its values. `[]` asks for no
call at all. Strings are equal up to case, spaces and the marks `,./-_*^`; nested objects have lists
of accepted values of their own. Unlike BFCL's, 5.0 is 5, whatever type the schema names.
"""

import json
import re
from typing import Any

from eval.verifiers.calls import Call, calls
from eval.verifiers.verdict import MalformedGroundTruth, Verdict

Accepted = dict[str, list[Any]]


def expected(ground_truth: str) -> list[tuple[str, Accepted]]:
    """The calls that a ground truth asks for. MalformedGroundTruth where it is none."""
    try:
        told = [next(iter(call.items())) for call in json.loads(ground_truth) if len(call) == 1]
        for _, arguments in told:
            assert all(isinstance(values, list) for values in arguments.values())
        assert len(told) == len(json.loads(ground_truth))
        return told
    except (ValueError, AttributeError, TypeError, AssertionError):
        raise MalformedGroundTruth("not a list of {name: {argument: [accepted values]}}") from None


def check(ground_truth: str) -> None:
    expected(ground_truth)


def verify(answer: str, ground_truth: str) -> Verdict:
    wanted = expected(ground_truth)
    try:
        given = calls(answer)
    except ValueError as error:
        return Verdict.of(False, f"a call that cannot be read: {error}")
    if len(given) != len(wanted):
        return Verdict.of(False, f"{len(given)} calls, {len(wanted)} expected")
    for name, arguments in wanted:
        faults = {call_fault(call, name, arguments): call for call in given}
        if None not in faults:
            return Verdict.of(False, str(next(iter(faults))))
        given.remove(faults[None])
    return Verdict.of(True, "as expected")


def call_fault(call: Call, name: str, accepted: Accepted) -> str | None:
    """What is wrong with a call, or None."""
    if _name(call.name) != _name(name):
        return f"{call.name} is called, not {name}"
    return arguments_fault(call.arguments, accepted)


def arguments_fault(given: dict[str, Any], accepted: Accepted) -> str | None:
    for key, value in given.items():
        if key not in accepted:
            return f"{key} is no argument that was expected"
        if not any(same(value, one) for one in accepted[key]):
            return f"{key} is {str(value)[:60]!r}"
    missing = [key for key, values in accepted.items() if key not in given and "" not in values]
    return f"{missing[0]} is missing" if missing else None


def same(value: Any, accepted: Any) -> bool:
    if isinstance(accepted, dict):
        return isinstance(value, dict) and arguments_fault(value, accepted) is None
    if isinstance(accepted, list):
        return (
            isinstance(value, list)
            and len(value) == len(accepted)
            and all(map(same, value, accepted))
        )
    if isinstance(accepted, str):
        return isinstance(value, str) and _folded(value) == _folded(accepted)
    if isinstance(value, bool) or isinstance(accepted, bool):
        return value is accepted
    return bool(value == accepted)


def agree(a: str, b: str) -> bool:
    """Whether two replies make the same calls, in any order."""

    def made(text: str) -> list[str]:
        return sorted(json.dumps(call, sort_keys=True) for call in calls(text))

    return made(a) == made(b)


def ground_truth(item: dict[str, Any]) -> str:
    """The item's `meta.calls` (a list, or its JSON)."""
    told = (item.get("meta") or {})["calls"]
    return told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)


def gold(item: dict[str, Any]) -> str:
    """The first accepted value of each argument, as most models would write the calls."""
    said = []
    for name, accepted in expected(ground_truth(item)):
        told = json.dumps({"name": name, "arguments": _gold(accepted)}, ensure_ascii=False)
        said.append(f"<tool_call>\n{told}\n</tool_call>")
    return "\n".join(said) or "None of these tools can do that."


def wrong(item: dict[str, Any], other: dict[str, Any] | None) -> list[str]:
    """No call, or one too many; a call that cannot be read; another argument."""
    right = gold(item)
    more = '<tool_call>\n{"name": "no_such_tool", "arguments": {}}\n</tool_call>'
    if not expected(ground_truth(item)):
        return [more]
    renamed = right.replace('{"name": "', '{"name": "another_', 1)
    return ["I cannot do that.", f"{right}\n{more}", renamed]


def _gold(accepted: Accepted) -> dict[str, Any]:
    first = {key: values[0] for key, values in accepted.items() if values[0] != ""}
    return {key: _gold(v) if isinstance(v, dict) else v for key, v in first.items()}


def _name(name: str) -> str:
    return name.replace(".", "_")  # OpenAI's API has no dots in names


def _folded(text: str) -> str:
    return re.sub(r"[ ,./\-_*^]", "", text).lower().replace("'", '"')
