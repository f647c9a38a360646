"""Tool call verifier: calls against the accepted ones, as BFCL compares them.

The ground truth is BFCL's `possible_answer`: a list of `{name: {argument: [accepted values]}}`, one
a call, in any order. An argument may be left away where "" is among its values, or none is. `[]`
asks for no call at all. Strings are equal up to case, spaces and the marks `,./-_*^`; nested
objects have accepted values of their own. Unlike BFCL's, 5.0 is 5 whatever type the schema names,
and calls are matched to those expected as well as they can be, not the first that fits.
"""

import json
import re
from typing import Any

from eval.verifiers.tool_call_parser import Call, Written, calls
from eval.verifiers.verdict import MalformedGroundTruth, Verdict

Accepted = dict[str, list[Any]]


def expected(ground_truth: str) -> list[tuple[str, Accepted]]:
    """The calls that a ground truth asks for. MalformedGroundTruth where it is none."""
    try:
        told = json.loads(ground_truth)
        assert isinstance(told, list)
        wanted = [(name, arguments) for call in told for name, arguments in call.items()]
        assert len(wanted) == len(told)
        assert all(isinstance(values, list) for _, one in wanted for values in one.values())
        return wanted
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
    faults = [[call_fault(call, *one) for call in given] for one in wanted]
    if matched([[fault is None for fault in row] for row in faults]):
        return Verdict.of(True, "as expected")
    worst = next((row for row in faults if None not in row), None)
    return Verdict.of(False, str(worst[0]) if worst else "a call is made twice, another not")


def matched(fits: list[list[bool]]) -> bool:
    """Whether every expected call (row) has a given one (column) of its own (Kuhn 1955)."""
    taken: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for column, fit in enumerate(fits[row]):
            if fit and column not in seen:
                seen.add(column)
                if column not in taken or place(taken[column], seen):
                    taken[column] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(fits)))


def call_fault(call: Call, name: str, accepted: Accepted) -> str | None:
    """What is wrong with a call, or None."""
    if _name(call.name) != _name(name):
        return f"{call.name} is called, not {name}"
    return arguments_fault(call.arguments, accepted)


def arguments_fault(given: dict[str, Any], accepted: dict[str, Any]) -> str | None:
    for key, value in given.items():
        if key not in accepted:
            return f"{key} is no argument that was expected"
        if not any(same(value, one) for one in _listed(accepted[key])):
            return f"{key} is {str(value)[:60]!r}"
    missing = [key for key, one in accepted.items() if key not in given and not _optional(one)]
    return f"{missing[0]} is missing" if missing else None


def _optional(values: Any) -> bool:
    return "" in _listed(values) or values == []


def _listed(values: Any) -> list[Any]:
    """Accepted values; some nested objects of the leaderboard have the one value without a list."""
    return values if isinstance(values, list) else [values]


def same(value: Any, accepted: Any) -> bool:
    if isinstance(value, Written):
        return any(same(reading, accepted) for reading in value.readings)
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


def _gold(accepted: Any) -> Any:
    """Arguments with the first of their accepted values, those that may be left away left away."""
    if isinstance(accepted, list):
        return [_gold(one) for one in accepted]
    if not isinstance(accepted, dict):
        return accepted
    kept = {key: values for key, values in accepted.items() if not _optional(values)}
    return {key: _gold(_listed(values)[0]) for key, values in kept.items()}


def _name(name: str) -> str:
    return name.replace(".", "_")  # OpenAI's API has no dots in names


def _folded(text: str) -> str:
    return re.sub(r"[ ,./\-_*^]", "", text).lower().replace("'", '"')
