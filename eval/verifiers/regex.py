"""Regular expression verifier: a pattern (Python's syntax) that the answer must contain.

Anchor it (`^...$`) to bind the whole answer; flags are written inline (`(?i)`). The search runs in
a helper process and is stopped after a few seconds: backtracking can take for ever.
"""

import re
from functools import cache
from typing import Any

from eval.verifiers.child import Helpers
from eval.verifiers.verdict import MalformedGroundTruth, Verdict

SECONDS = 5.0


@cache
def _helpers() -> Helpers:
    return Helpers("eval.verifiers.regex:found")


def found(pattern: str, text: str) -> bool:
    """Runs in the helper."""
    return re.search(pattern, text) is not None


def check(ground_truth: str) -> None:
    try:
        re.compile(ground_truth)
    except re.error as error:
        raise MalformedGroundTruth(f"not a regular expression: {error}") from error


def verify(answer: str, ground_truth: str) -> Verdict:
    check(ground_truth)
    passed = bool(_helpers().call(ground_truth, answer, timeout=SECONDS))
    return Verdict.of(passed, "found" if passed else "not found")


def ground_truth(item: dict[str, Any]) -> str:
    return str((item.get("meta") or {})["pattern"])
