"""Verifier registry. A verifier is one file in this folder; its name is the file's name.

A file is a verifier when it has a top-level `def verify(answer, ground_truth)`; it may also have

    agree(a, b) -> bool                     two answers say the same: equality for majority votes
    verify_batch(answers, ground_truths)    many at once, where that is faster than one by one
    check(ground_truth) -> None             MalformedGroundTruth for a label it cannot read
    label(answer) -> str | None             what an answer answers, as a ground truth
    ready() -> None                         Unavailable where what it needs is not installed
    ground_truth(item) -> str               an eval item (eval/suites) as a ground truth
    gold(item) -> str                       the item's gold answer, as a model would write it
    wrong(item, other) -> list[str]         answers to the item that are certainly wrong, some
                                            of them made from `other`, an item with another truth

An answer reaches these functions without its reasoning and out of its `<answer>` tags
(response.py); one whose reasoning never ended reaches none of them and has failed.

A verifier of another package is a module (or any object) with the same functions, named in the
entry-point group `dataengine.verifiers`.

Functions may take settings as keywords (`sandbox=`, `ask=`). They come from the caller, never from
a row: data must not be able to open the sandbox. One that takes `decimal` is told the decimal mark
of the row's language, where that is known (numbers.py). Files are found by reading, and imported
only when used: to check a name costs no import of math-verify or torch.
"""

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dataengine.registry import Registry, files
from eval.verifiers.numbers import decimal_mark
from eval.verifiers.response import final_answer
from eval.verifiers.verdict import UnknownVerifier, Verdict, VerifierError

UNFINISHED = "no answer: its reasoning never ended"
_DEFINES_VERIFY = re.compile(r"^def verify\(\s*answer\b", re.MULTILINE)


def names() -> tuple[str, ...]:
    """Every verifier's name, sorted."""
    return REGISTRY.names()


def require(name: str) -> None:
    """Raise UnknownVerifier, naming the nearest, unless there is such a verifier; imports none."""
    REGISTRY.require(name)


@dataclass(frozen=True)
class Verifier:
    """A verifier's file behind one error boundary: a VerifierError, and an unexpected exception
    too, becomes a verdict with `error` set."""

    name: str
    module: Any
    """The module, or another object that has its functions."""

    def verify(
        self, answer: str, ground_truth: str, *, language: str | None = None, **settings: Any
    ) -> Verdict:
        """Whether a reply, with or without its reasoning, satisfies the ground truth. `language`
        (BCP 47) is the row's."""
        try:
            final = final_answer(answer)
            if final is None:
                self.check(ground_truth)
                return Verdict.of(False, UNFINISHED)
            verdict: Verdict = self.module.verify(
                final, ground_truth, **settings, **self._notation(language)
            )
            return verdict
        except Exception as error:
            return Verdict.failure(error)

    def verify_batch(
        self,
        answers: Sequence[str],
        ground_truths: Sequence[str],
        *,
        languages: Sequence[str | None] | None = None,
        **settings: Any,
    ) -> list[Verdict]:
        """Verdicts in the order of `answers`; one bad pair never costs another its verdict."""
        if len(answers) != len(ground_truths):
            raise ValueError(f"{len(answers)} answers for {len(ground_truths)} ground truths")
        batch = getattr(self.module, "verify_batch", None)
        told = list(languages or [None] * len(answers))
        groups: dict[tuple[tuple[str, str], ...], list[int]] = {}
        finals = [None if batch is None else final_answer(answer) for answer in answers]
        for place, final in enumerate(finals):
            if final is not None:
                notation = tuple(self._notation(told[place]).items())
                groups.setdefault(notation, []).append(place)
        verdicts: dict[int, Verdict] = {}
        for notation, places in groups.items():
            texts, truths = [finals[p] for p in places], [ground_truths[p] for p in places]
            assert batch is not None
            judged = batch(texts, truths, **settings, **dict(notation))
            verdicts.update(zip(places, judged, strict=True))
        return [
            verdicts.get(place) or self.verify(answer, truth, language=language, **settings)
            for place, (answer, truth, language) in enumerate(
                zip(answers, ground_truths, told, strict=True)
            )
        ]

    @property
    def can_agree(self) -> bool:
        return hasattr(self.module, "agree")

    def agree(self, a: str, b: str, **settings: Any) -> bool:
        """Whether two replies say the same; what cannot be decided agrees with nothing.
        VerifierError where this verifier has no equality."""
        return bool(self.agreement(a, b, **settings).passed)

    def agreement(self, a: str, b: str, *, language: str | None = None, **settings: Any) -> Verdict:
        """`agree` as a verdict, with `error` set where nothing could be decided."""
        if not self.can_agree:
            raise VerifierError(f"{self.name!r} has no equality of answers: no majority vote")
        try:
            first, second = final_answer(a), final_answer(b)
            if first is None or second is None:
                return Verdict.of(False, UNFINISHED)
            settings |= self._notation(language)
            return Verdict.of(bool(self.module.agree(first, second, **settings)))
        except Exception as error:
            return Verdict.failure(error)

    def label(self, answer: str) -> str | None:
        """What an answer answers, as a ground truth; None where it answers nothing, or where this
        verifier's answers are no ground truths."""
        label = getattr(self.module, "label", None)
        final = final_answer(answer)
        told = label(final) if label is not None and final is not None else None
        return str(told) if told is not None else None

    def _notation(self, language: str | None) -> dict[str, str]:
        """The decimal mark of a language as a setting, for a verifier that reads numbers."""
        mark = decimal_mark(language)
        return {"decimal": mark} if mark and self.takes("decimal") else {}

    def takes(self, setting: str) -> bool:
        """Whether the verifier has a setting of this name."""
        return setting in inspect.signature(self.module.verify).parameters

    def ready(self, **settings: Any) -> None:
        """Raise Unavailable where what this verifier needs is missing here; costs next to nothing.
        To be asked before anything is paid for."""
        ready = getattr(self.module, "ready", None)
        if ready is not None:
            ready(**settings)

    def check(self, ground_truth: str) -> None:
        """Raise MalformedGroundTruth where `ground_truth` is not what this verifier reads."""
        check = getattr(self.module, "check", None)
        if check is not None:
            check(ground_truth)


def _verifier(name: str, module: Any) -> Verifier:
    if not callable(getattr(module, "verify", None)):
        raise TypeError("it has no verify(answer, ground_truth)")
    return Verifier(name, module)


REGISTRY: Registry[Verifier] = Registry(
    "verifier",
    own=lambda: files(
        Path(__file__).parent,
        "eval.verifiers",
        lambda file: bool(_DEFINES_VERIFY.search(file.read_text("utf-8"))),
    ),
    fit=_verifier,
    error=UnknownVerifier,
)


@cache
def verifier(name: str) -> Verifier:
    """The verifier of this name, imported now. UnknownVerifier names the nearest."""
    return REGISTRY.get(name)


def verify(name: str, answer: str, ground_truth: str, **settings: Any) -> Verdict:
    """Whether `answer` satisfies `ground_truth`, said by the verifier `name`."""
    return verifier(name).verify(answer, ground_truth, **settings)


def verify_batch(
    name: str,
    answers: Sequence[str],
    ground_truths: Sequence[str],
    *,
    languages: Sequence[str | None] | None = None,
    **settings: Any,
) -> list[Verdict]:
    """`verify` for many pairs, in order; code and math use all cores."""
    return verifier(name).verify_batch(answers, ground_truths, languages=languages, **settings)
