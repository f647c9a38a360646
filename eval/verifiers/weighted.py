"""Weighted mean of several verifiers on one row; passed when all pass.

The ground truth is a JSON list of {"verifier", "ground_truth", "weight", "gate"}; a weight is 1
unless given. A gate (`"gate": true`) has no weight: where it does not pass the whole is 0, as with
`relevance` beside `ifeval`. An error in any part is an error of the whole: a mean over what is left
would be another reward. Settings for a part come from the caller: settings={"judge": {"ask": ...}}.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from eval.verifiers.registry import require, verifier
from eval.verifiers.verdict import MalformedGroundTruth, Verdict, VerifierError

Settings = Mapping[str, Mapping[str, Any]]


class Part(BaseModel):
    """One of several verifiers, with its ground truth and weight."""

    model_config = ConfigDict(extra="forbid")

    verifier: str
    ground_truth: str
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    gate: bool = False


class PartError(VerifierError):
    """One part of a weighted verdict could not be decided."""


_PARTS = TypeAdapter(list[Part])


def parts(ground_truth: str) -> list[Part]:
    """The parts of a ground truth. MalformedGroundTruth, UnknownVerifier."""
    try:
        told = _PARTS.validate_json(ground_truth)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the list"
        raise MalformedGroundTruth(f"{where}: {first['msg']}") from error
    if all(part.gate for part in told):
        raise MalformedGroundTruth("a weighted ground truth needs a part that is no gate")
    return told


def check(ground_truth: str) -> None:
    for part in parts(ground_truth):
        verifier(part.verifier).check(part.ground_truth)


def verify(
    answer: str,
    ground_truth: str,
    *,
    settings: Settings | None = None,
    decimal: str | None = None,
) -> Verdict:
    return verify_batch([answer], [ground_truth], settings=settings, decimal=decimal)[0]


def verify_batch(
    answers: Sequence[str],
    ground_truths: Sequence[str],
    *,
    settings: Settings | None = None,
    decimal: str | None = None,
) -> list[Verdict]:
    """Each verifier is asked once, for all the rows that it has a part in."""
    asked: dict[str, list[tuple[int, Part]]] = defaultdict(list)
    judged: list[list[tuple[Part, Verdict]]] = [[] for _ in answers]
    failed: dict[int, Verdict] = {}
    for row, ground_truth in enumerate(ground_truths):
        try:
            for part in parts(ground_truth):
                require(part.verifier)
                asked[part.verifier].append((row, part))
        except VerifierError as error:
            failed[row] = Verdict.failure(error)
    for name, rows in asked.items():
        known = dict((settings or {}).get(name, {}))
        if decimal and verifier(name).takes("decimal"):
            known["decimal"] = decimal
        verdicts = verifier(name).verify_batch(
            [answers[row] for row, _ in rows], [part.ground_truth for _, part in rows], **known
        )
        for (row, part), verdict in zip(rows, verdicts, strict=True):
            judged[row].append((part, verdict))
    return [failed.get(row) or _mean(each) for row, each in enumerate(judged)]


def _mean(judged: list[tuple[Part, Verdict]]) -> Verdict:
    for part, verdict in judged:
        if verdict.error is not None:
            return Verdict.failure(PartError(f"{part.verifier}: {verdict.error}"))
    reason = "; ".join(f"{part.verifier}: {verdict.reason}" for part, verdict in judged)
    passed = all(verdict.passed for _, verdict in judged)
    if not all(verdict.passed for part, verdict in judged if part.gate):
        return Verdict.of(False, reason, score=0.0)
    counted = [(part.weight, verdict.score or 0.0) for part, verdict in judged if not part.gate]
    score = sum(w * s for w, s in counted) / sum(w for w, _ in counted)
    return Verdict.of(passed, reason, score=min(1.0, score))
