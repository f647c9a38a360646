"""Instruction-following verifier: IFEval's 25 types of instructions and IFBench's 58.

The ground truth is JSON as published: `{"instruction_id_list": [...], "kwargs": [{...}, ...]}`,
one kwargs object (or null) per id. `score` is the fraction of instructions followed, `passed`
says that all are: one verdict carries the reward with partial credit and the all-or-nothing one.

*Strict* judges the answer as it is. *Loose* (Zhou et al. 2023) lets an instruction
pass on any of eight variants: with and without the first line, the last line, and asterisks. Train
on strict; report both.
"""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from eval.verifiers.instructions import INSTRUCTIONS, MalformedInstruction
from eval.verifiers.verdict import MalformedGroundTruth, Verdict

__all__ = ["INSTRUCTIONS", "Accuracy", "Constraints", "accuracy", "followed", "follows", "verify"]


@dataclass(frozen=True)
class Constraints:
    """The instructions of one prompt: ids, and the arguments of each in the same order."""

    ids: tuple[str, ...]
    kwargs: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Accuracy:
    """IFEval's two figures: prompts with every instruction followed, and instructions followed."""

    prompt: float
    instruction: float


def parse(ground_truth: str) -> Constraints:
    """Raises MalformedGroundTruth unless it is JSON with as many kwargs as ids, at least one."""
    try:
        data = json.loads(ground_truth)
        ids, kwargs = data["instruction_id_list"], data["kwargs"]
    except (ValueError, KeyError, TypeError):
        raise MalformedGroundTruth(
            "expected JSON with the keys instruction_id_list and kwargs"
        ) from None
    if not isinstance(ids, list) or not isinstance(kwargs, list) or not ids:
        raise MalformedGroundTruth("instruction_id_list and kwargs must be lists, not empty")
    if len(ids) != len(kwargs):
        raise MalformedGroundTruth(f"{len(ids)} instruction ids but {len(kwargs)} kwargs")
    if not all(isinstance(given, dict | None) for given in kwargs):
        raise MalformedGroundTruth("each entry of kwargs must be an object or null")
    return Constraints(tuple(ids), tuple(given or {} for given in kwargs))


def check(ground_truth: str) -> None:
    """Raise MalformedGroundTruth unless every id is known and every argument usable."""
    followed("any text", ground_truth)


def followed(answer: str, ground_truth: str, loose: bool = False) -> list[bool]:
    """Per instruction, in order, whether the answer follows it."""
    constraints = parse(ground_truth)
    texts = variants(answer) if loose else [answer]
    try:
        return [
            any(follows(text, id, kwargs) for text in texts)
            for id, kwargs in zip(constraints.ids, constraints.kwargs, strict=True)
        ]
    except MalformedInstruction as error:
        raise MalformedGroundTruth(str(error)) from None


def follows(text: str, id: str, kwargs: Mapping[str, Any] | None) -> bool:
    """True where `text` obeys the instruction. A blank text obeys nothing.

    Published files list every argument name of every type, with null where unused: nulls count
    as absent. Raises MalformedInstruction.
    """
    known = INSTRUCTIONS.get(id)
    if known is None:
        near = difflib.get_close_matches(id, INSTRUCTIONS, n=1, cutoff=0)
        raise MalformedInstruction(f"unknown instruction id {id!r}; the nearest is {near[0]!r}")
    given = {name: value for name, value in (kwargs or {}).items() if value is not None}
    try:
        return known.check(text, **given) and bool(text.strip())
    except ValidationError as error:
        raise MalformedInstruction(f"{id}: {_first_problem(error)}") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"argument {where!r}: {problem['msg'].lower()}"


def variants(answer: str) -> list[str]:
    """The answer, and what is left of it without its first line, last line, both, and asterisks."""
    rows = answer.split("\n")
    cuts = [answer, *("\n".join(cut).strip() for cut in (rows[1:], rows[:-1], rows[1:-1]))]
    return cuts + [cut.replace("*", "") for cut in cuts]


def verify(answer: str, ground_truth: str, loose: bool = False) -> Verdict:
    results = followed(answer, ground_truth, loose)
    missed = [id for id, ok in zip(parse(ground_truth).ids, results, strict=True) if not ok]
    reason = f"not followed: {', '.join(missed)}" if missed else f"all {len(results)} followed"
    return Verdict.of(not missed, reason, sum(results) / len(results))


def accuracy(per_prompt: Sequence[Sequence[bool]]) -> Accuracy:
    """Prompt and instruction level accuracy over many prompts' `followed` lists (at least one)."""
    flat = [ok for results in per_prompt for ok in results]
    return Accuracy(sum(map(all, per_prompt)) / len(per_prompt), sum(flat) / len(flat))


def ground_truth(item: dict[str, Any]) -> str:
    """An eval item's `meta`, which holds the published ids and kwargs, nulls left out."""
    meta = item["meta"]
    kwargs = [{k: v for k, v in (given or {}).items() if v is not None} for given in meta["kwargs"]]
    return json.dumps({"instruction_id_list": meta["instruction_id_list"], "kwargs": kwargs})


def gold(item: dict[str, Any]) -> str | None:
    """The item's own answer; published prompts come without any."""
    return str(item["answer"]) if item.get("answer") else None


def wrong(item: dict[str, Any], other: dict[str, Any] | None) -> Iterable[str]:
    """A blank answer, which follows no instruction; any text may follow some by chance."""
    yield ""
