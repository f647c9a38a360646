"""Exact match verifier, after normalising case, space, Unicode form and a full stop at the end.

The ground truth is one string, or a JSON list of accepted ones.
"""

import json
import unicodedata
from typing import Any

from eval.verifiers.planted import differ, off_by_one
from eval.verifiers.verdict import MalformedGroundTruth, Verdict


def normalise(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.split()).rstrip(".")


def accepted(ground_truth: str) -> list[str]:
    """The strings a ground truth accepts: itself, or the members of a JSON list of strings."""
    if ground_truth.lstrip().startswith("["):
        try:
            members = json.loads(ground_truth)
        except ValueError:
            return [ground_truth]
        if members and all(isinstance(m, str) for m in members):
            return list(members)
    if not ground_truth.strip():
        raise MalformedGroundTruth("the ground truth is empty")
    return [ground_truth]


def check(ground_truth: str) -> None:
    accepted(ground_truth)


def verify(answer: str, ground_truth: str) -> Verdict:
    passed = normalise(answer) in {normalise(truth) for truth in accepted(ground_truth)}
    return Verdict.of(passed, "equal" if passed else "not equal to any accepted answer")


def agree(a: str, b: str) -> bool:
    return normalise(a) == normalise(b)


def label(answer: str) -> str | None:
    return answer.strip() or None


def ground_truth(item: dict[str, Any]) -> str:
    """The item's `answer`, with `meta.golden_answers` or `meta.refs` where several are accepted."""
    meta = item.get("meta") or {}
    several = meta.get("golden_answers") or meta.get("refs")
    return json.dumps(several, ensure_ascii=False) if several else str(item["answer"])


def wrong(item: dict[str, Any], other: dict[str, Any] | None) -> list[str]:
    """Nothing, off by one (or a few, where the item accepts that too), another item's answer."""
    right = accepted(ground_truth(item))
    planted = [off_by_one(str(item["answer"]), by) for by in (1, 2, 3, 4)]
    planted += [str(other["answer"])] if other else []
    certain = [answer for answer in planted if all(differ(answer, truth) for truth in right)]
    return ["", *certain]
