"""Verifier self-test on a suite: its gold answers pass, planted wrong ones fail.

For each item the gold answer is verified against the item's ground truth, and so are answers that
are certainly wrong: the gold answer off by one in its last number, and the answer of another item
whose ground truth differs. A verifier with a form of its own for answers says so (`gold`, `wrong`).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.verifiers.planted import differ, off_by_one
from eval.verifiers.registry import Verifier, verifier
from eval.verifiers.verdict import VerifierError

Item = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """One item where the verifier was wrong, or could not decide."""

    id: str
    what: str  # "gold", "wrong" or "error"
    answer: str
    ground_truth: str
    said: str


@dataclass(frozen=True)
class Report:
    """Counts of items: `wrong_failed` counts those where every planted wrong answer failed, and
    `errors` those where anything could not be decided."""

    items: int
    gold_passed: int
    wrong_failed: int
    errors: int
    findings: tuple[Finding, ...]

    @property
    def sound(self) -> bool:
        return self.gold_passed == self.wrong_failed == self.items and self.errors == 0

    def counts(self) -> dict[str, int]:
        return {
            "items": self.items,
            "gold_passed": self.gold_passed,
            "wrong_failed": self.wrong_failed,
            "errors": self.errors,
        }


def read(path: Path) -> list[Item]:
    """The items of a JSONL suite file. ValueError names the line that is not an item."""
    items = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                item = json.loads(line)
            except ValueError as error:
                raise ValueError(f"{path}:{number}: not JSON: {error}") from error
            if not isinstance(item, dict) or "id" not in item:
                raise ValueError(f"{path}:{number}: an item is a JSON object with an 'id'")
            items.append(item)
    return items


def selftest(items: Iterable[Item], name: str, **settings: Any) -> Report:
    """Verify the gold answer and planted wrong answers of every item."""
    judge = verifier(name)
    items = list(items)
    findings: list[Finding] = []
    asked: list[tuple[int, str, str, str]] = []  # item's position, "gold" or "wrong", answer, truth
    truths = [_truth(judge, item) for item in items]
    for at, (item, truth) in enumerate(zip(items, truths, strict=True)):
        if isinstance(truth, Exception):
            findings.append(_finding(item, "error", "", "", f"{type(truth).__name__}: {truth}"))
            continue
        gold = _gold(judge, item)
        if gold is None:
            findings.append(_finding(item, "error", "", truth, "the item has no gold answer"))
            continue
        asked.append((at, "gold", gold, truth))
        other = _other(items, truths, at)
        asked += [(at, "wrong", wrong, truth) for wrong in _wrong(judge, item, gold, other)]
    verdicts = judge.verify_batch([a[2] for a in asked], [a[3] for a in asked], **settings)
    gold_passed, wrong_passed = set(), set()
    planted = {at for at, kind, _, _ in asked if kind == "wrong"}
    failed = set(range(len(items))) - {at for at, kind, _, _ in asked if kind == "gold"}
    for (at, kind, answer, truth), verdict in zip(asked, verdicts, strict=True):
        if verdict.error:
            failed.add(at)
            findings.append(_finding(items[at], "error", answer, truth, verdict.error))
        elif verdict.passed and kind == "gold":
            gold_passed.add(at)
        elif verdict.passed or kind == "gold":
            wrong_passed |= {at} if kind == "wrong" else set()
            findings.append(_finding(items[at], kind, answer, truth, verdict.reason))
    return Report(
        len(items),
        len(gold_passed),
        len(planted - wrong_passed - failed),
        len(failed),
        tuple(findings),
    )


def _truth(judge: Verifier, item: Item) -> str | Exception:
    try:
        make = getattr(judge.module, "ground_truth", None)
        truth = str(make(item) if make else item["answer"])
        judge.check(truth)
        return truth
    except KeyError as error:
        return VerifierError(f"the item has no {error}")
    except Exception as error:
        return error


def _gold(judge: Verifier, item: Item) -> str | None:
    make = getattr(judge.module, "gold", None)
    gold = make(item) if make else item.get("answer")
    return None if gold is None else str(gold)


def _other(items: list[Item], truths: list[str | Exception], at: int) -> Item | None:
    """The next item (round the end) whose ground truth differs."""
    for step in range(1, len(items)):
        position = (at + step) % len(items)
        truth = truths[position]
        if isinstance(truth, str) and differ(truth, str(truths[at])):
            return items[position]
    return None


def _wrong(judge: Verifier, item: Item, gold: str, other: Item | None) -> Iterator[str]:
    make = getattr(judge.module, "wrong", None)
    if make is not None:
        yield from make(item, other)
        return
    if (near := off_by_one(gold)) != gold:
        yield near
    if other is not None and (another := _gold(judge, other)) is not None:
        yield another


def _finding(item: Item, what: str, answer: str, truth: str, said: str) -> Finding:
    return Finding(str(item["id"]), what, answer[:300], truth[:300], said)
