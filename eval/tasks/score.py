"""Scoring of replies by the verifiers: one result an item, a missing one never a zero."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from eval.suites import Score
from eval.tasks.judge_client import PARALLEL
from eval.tasks.questions import Question
from eval.tasks.reply import Reply
from eval.verifiers import Verdict, verify, verify_batch
from eval.verifiers.response import final_answer


@dataclass(frozen=True)
class Result:
    """What one item came to. `score` lies in [0, 1], or is None with `error` saying why.

    `cut` answers ended at the token limit. `passed` says of each sample whether it is right.
    """

    id: str
    subset: str | None
    prompt: str
    answers: list[str | None]
    score: float | None
    reason: str = ""
    error: str | None = None
    cut: int = 0
    passed: list[bool | None] = field(default_factory=list)


def unscored(question: Question, error: str, replies: Sequence[Reply] = ()) -> Result:
    """The result of a question that could not be scored, with the error."""
    answers, cut = [reply.text for reply in replies], sum(reply.cut for reply in replies)
    return Result(question.id, question.subset, question.prompt, answers, None, "", error, cut)


def verified(
    score: Score,
    asked: Sequence[Question],
    answers: Sequence[Sequence[Reply]],
    judge: Callable[..., str] | None = None,
) -> list[Result]:
    """Results by the suite's verifier: pass@k over an item's samples, or the one answer's score.

    An answer that is empty, or whose reasoning never ended, is wrong; one that never came is
    missing. `judge` is who the verifier `judge` asks, many questions at once.
    """
    finals = [[_final(score, reply) for reply in replies] for replies in answers]
    flat = [
        (at, number, text, str(question.truth))
        for at, (question, texts) in enumerate(zip(asked, finals, strict=True))
        for number, text in enumerate(texts)
        if isinstance(text, str) and question.truth is not None
    ]
    texts, truths = [text for _, _, text, _ in flat], [truth for *_, truth in flat]
    judged: Iterable[Verdict]
    if score.verifier == "judge":
        with ThreadPoolExecutor(PARALLEL) as pool:
            judged = list(pool.map(partial(verify, "judge", ask=judge), texts, truths))
    else:
        judged = verify_batch(str(score.verifier), texts, truths, **score.settings)
    verdicts = [
        [text if isinstance(text, Verdict) else UNJUDGED for text in texts] for texts in finals
    ]
    for (at, number, _, _), verdict in zip(flat, judged, strict=True):
        verdicts[at][number] = verdict
    return [
        _result(score, question, replies, found)
        for question, replies, found in zip(asked, answers, verdicts, strict=True)
    ]


UNJUDGED = Verdict(None, None, error="no ground truth")


def _final(score: Score, reply: Reply) -> str | Verdict:
    """What the verifier is to see of a reply, or the verdict where there is nothing to be seen."""
    if reply.text is None:
        return Verdict(None, None, error=f"the model gave no answer: {reply.error}")
    final = final_answer(reply.text)
    if final is None or not final.strip():
        why = "reasoning never ended" if final is None else "answer is empty"
        return Verdict.of(False, f"no answer: its {why}{', cut at the limit' * reply.cut}")
    return extracted(score, final)


def _result(
    score: Score, question: Question, replies: Sequence[Reply], verdicts: list[Verdict]
) -> Result:
    if question.trouble:
        return unscored(question, question.trouble, replies)
    decided = [verdict for verdict in verdicts if verdict.error is None]
    if len(decided) < score.k:
        return unscored(question, str(next(v.error for v in verdicts if v.error)), replies)
    if score.metric in ("f1", "recall", "win_rate"):
        value = sum(float(v.score or 0) for v in decided) / len(decided)
    else:
        value = pass_at_k(len(decided), sum(bool(v.passed) for v in decided), score.k)
    return Result(
        question.id,
        question.subset,
        question.prompt,
        [reply.text for reply in replies],
        value,
        decided[0].reason,
        cut=sum(reply.cut for reply in replies),
        passed=[verdict.passed for verdict in verdicts],
    )


def extracted(score: Score, answer: str) -> str:
    """The part of an answer that the verifier sees: the last match of `extract`, else all of it."""
    found = re.findall(score.extract, answer) if score.extract else []
    return found[-1] if found else answer


def pass_at_k(n: int, correct: int, k: int) -> float:
    """The unbiased estimate of at least one success in k of n samples (Chen et al. 2021, eq. 1)."""
    if n - correct < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / i for i in range(n - correct + 1, n + 1))


def mc2(question: Question, loglikelihoods: Sequence[float]) -> Result:
    """The share of probability on the true options, of that on all (Lin et al. 2022, MC2)."""
    top = max(loglikelihoods)
    weights = [math.exp(value - top) for value in loglikelihoods]
    true = sum(w for w, right in zip(weights, question.right, strict=True) if right)
    best = question.options[weights.index(max(weights))]
    share = true / sum(weights)
    return Result(question.id, question.subset, question.prompt, [best], share, "likeliest option")
