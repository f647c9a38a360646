r"""Mathematics verifier: the expression that an answer gives, against the ground truth.

Equal texts, after the differences that LaTeX does not print (math_spelling.py), are equal; all else
is asked of math-verify (sets, intervals, tuples, fractions, matrices), in a helper process that is
stopped when it thinks too long. `decimal` is the decimal mark: with "," `2,4` is a number, without
it a list, unless the other side is a number with decimals.
"""

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from eval.verifiers import phrases
from eval.verifiers.child import Helpers
from eval.verifiers.label import refuse_prose
from eval.verifiers.latex import boxes, last_boxed
from eval.verifiers.math_answer import extract
from eval.verifiers.math_spelling import normalise, prepared
from eval.verifiers.numbers import label_mark
from eval.verifiers.planted import off_by_one
from eval.verifiers.verdict import MalformedGroundTruth, Verdict

SECONDS = 10.0


@cache
def _helpers() -> Helpers:
    return Helpers("eval.verifiers.math_equality:equal")


def _equal(given: str, truth: str, decimal: str | None) -> bool:
    given, truth = prepared(given, decimal), prepared(truth, label_mark(truth, decimal))
    if normalise(given) == normalise(truth):
        return True
    return bool(_helpers().call(truth, given, timeout=SECONDS))


def _truth(ground_truth: str) -> str:
    marked = bool(boxes(ground_truth)) or bool(phrases.COMPILED.search(ground_truth))
    said = extract(ground_truth) if marked else " ".join(ground_truth.split())
    truth = (said or "").strip()
    if not truth:
        raise MalformedGroundTruth(
            f"a math ground truth is one expression or has a box, not {ground_truth[:80]!r}"
        )
    refuse_prose(truth)
    return truth


label = extract


def ground_truth(item: dict[str, Any]) -> str:
    return str(item["answer"])


def gold(item: dict[str, Any]) -> str:
    """The item's worked solution where there is one (MATH's `meta.solution`)."""
    solution = str((item.get("meta") or {}).get("solution") or "")
    return solution if last_boxed(solution) else _boxed(item["answer"])


def wrong(item: dict[str, Any], other: dict[str, Any] | None) -> Iterator[str]:
    if re.search(r"\d", str(item["answer"])):
        yield _boxed(off_by_one(str(item["answer"])))
    if other is not None:
        yield _boxed(other["answer"])


def _boxed(expression: str) -> str:
    return (
        expression if last_boxed(expression) else f"The final answer is $\\boxed{{{expression}}}$."
    )


def check(ground_truth: str) -> None:
    _truth(ground_truth)


def verify(answer: str, ground_truth: str, *, decimal: str | None = None) -> Verdict:
    truth, given = _truth(ground_truth), extract(answer)
    if given is None:
        return Verdict.of(False, "no expression in the answer")
    return Verdict.of(_equal(given, truth, decimal), f"{given[:80]} against {truth[:80]}")


def agree(a: str, b: str, *, decimal: str | None = None) -> bool:
    first, second = extract(a), extract(b)
    return first is not None and second is not None and _equal(first, second, decimal)


def verify_batch(
    answers: Sequence[str], ground_truths: Sequence[str], *, decimal: str | None = None
) -> list[Verdict]:
    def judge(answer: str, ground_truth: str) -> Verdict:
        try:
            return verify(answer, ground_truth, decimal=decimal)
        except Exception as error:
            return Verdict.failure(error)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        return list(threads.map(judge, answers, ground_truths))
