"""Evaluation of a model on suites: what can be measured is, and what cannot says why."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dataengine.errors import UserError
from eval import report as reports
from eval.coverage import Coverage
from eval.leak import Evidence
from eval.report import Line, Report
from eval.suites import Score, Suite, load
from eval.tasks import harness, score
from eval.tasks.judge_client import asker
from eval.tasks.kept import Kept, fingerprint
from eval.tasks.model import Model, Where, connect
from eval.tasks.questions import Question, questions
from eval.tasks.score import Result
from eval.verifiers import UnknownVerifier, require


@dataclass(frozen=True)
class Means:
    """What to measure with: the model, who judges, and what is asked otherwise than suites say.

    `given` are keys of a suite's `score` in place of its own, such as `max_tokens`.
    """

    where: Where
    judge: str | None = None
    judge_model: str | None = None
    system: str | None = None
    given: dict[str, Any] = field(default_factory=dict)

    def said(self, chat: bool) -> list[str]:
        """How this differs from the suites' own settings, where the settings do not show it."""
        turns = [*self.where.mode, *([f"system {self.system!r}"] if self.system else [])]
        tokens = self.given.get("max_tokens")
        return [*(turns if chat else []), *([f"at most {tokens} tokens"] if tokens else [])]


def run(
    name: str,
    suites: Sequence[Suite],
    means: Means,
    known: Coverage,
    limit: int | None = None,
    out: Path = Path(),
    evidence: Evidence | None = None,
) -> Iterator[Report]:
    """Measure `suites`, yielding the report as it grows: a run that breaks off keeps what it has.

    Answers are kept under `out` until all are there and scored; the same run goes on from them.
    Yields nothing in those processes of a multi-GPU run that do not report.
    """
    lines: list[Line] = []
    results: dict[str, list[Result]] = {}
    model: Model | None = None
    for suite in suites:
        otherwise(suite, means.given)  # a setting that does not fit is told before any is measured
    judge, ask = asker(means.judge, means.judge_model) if means.judge else (None, None)
    for suite in suites:
        readable, reason = measurable(suite, means)
        mark = known.mark(readable or suite)
        if readable is None:
            lines.append(reports.absent(suite, mark, reason, judge))
        else:
            readable = otherwise(judged(readable) if judge else readable, means.given)
            asked = questions(readable, limit)
            model = model or connected(means, out / f"{name}.answers.jsonl")
            trouble = unfit(readable, asked, model, means)
            if trouble:
                lines.append(reports.absent(suite, mark, trouble, judge))
            else:
                found, clipped = measure(model, readable, asked, means, ask)
                leaked = evidence.of(readable) if evidence else None
                chat = model.chat and bool(readable.score and readable.score.chat)
                how = (model.chat, judge, means.said(chat))
                lines.append(reports.line(readable, mark, found, clipped, *how, leaked))
                results[suite.name] = found
        if model is None or model.lm.rank == 0:
            who = model.name if model else means.where.model
            yield Report(name, who, limit, evidence is not None, lines, results)
    if model and not any(r.error and r.answers for found in results.values() for r in found):
        model.lm.kept.remove()


def connected(means: Means, file: Path) -> Model:
    """The model, with the answers that an earlier run of this name has of it."""
    model = connect(means.where)
    who = f"{fingerprint(means.where.model)} {model.name} {means.where.thinking}"
    model.lm.kept = Kept(file, who, model.lm.rank)
    return model


def otherwise(suite: Suite, given: dict[str, Any]) -> Suite:
    """The suite with other settings than its own. UserError where they do not fit it."""
    if suite.score is None or suite.score.metric == "mc2" or not given:
        return suite
    samples = max(given.get("samples", suite.score.samples), suite.score.k)  # pass@k needs k
    try:
        changed = Score.model_validate(suite.score.model_dump() | given | {"samples": samples})
    except ValidationError as error:
        raise UserError(f"{suite.name}: {error.errors()[0]['msg']}") from None
    if changed.samples > 1 and not changed.temperature:
        raise UserError(f"{suite.name}: greedy samples are all the same; give a --temperature")
    return suite.model_copy(update={"score": changed})


def unfit(suite: Suite, asked: Sequence[Question], model: Model, means: Means) -> str | None:
    """Why the model cannot be asked these questions, or None."""
    assert suite.score is not None
    if not (suite.score.chat and model.chat) and any(question.tools for question in asked):
        return "tools need a chat template"
    if suite.score.metric != "mc2":
        return None
    if not model.likelihood:
        return "a server gives no likelihoods of given answers"
    return "a likelihood knows nothing of thinking" if means.where.thinking else None


def measurable(suite: Suite, means: Means) -> tuple[Suite | None, str]:
    """The suite with items that can be scored, or None and the reason."""
    if suite.missing:
        return None, suite.missing
    if suite.score is None:
        return None, "it is protected, not scored: its YAML has no `score`"
    if suite.score.metric == "win_rate" and means.judge is None:
        return None, "it needs a judge: --judge URL"
    try:
        if suite.score.verifier:
            require(suite.score.verifier)
    except UnknownVerifier as error:
        return None, str(error)
    if suite.file and suite.local and suite.local.unscored:
        (hosted,) = load(suite.name) if suite.hub else (suite,)
        if hosted.missing or hosted.file:
            return None, suite.local.unscored
        return hosted, ""
    return suite, ""


def judged(suite: Suite) -> Suite:
    """A safety suite as the judge marks it, in place of the reading of refusal phrases."""
    if suite.score is None or suite.score.metric != "safe":
        return suite
    how = {"verifier": "judge", "truth": "safety"}
    return suite.model_copy(update={"score": suite.score.model_copy(update=how)})


def measure(
    model: Model,
    suite: Suite,
    asked: Sequence[Question],
    means: Means,
    judge: Callable[..., str] | None = None,
) -> tuple[list[Result], int]:
    """Each question's result, and how many prompts the model's window clipped."""
    assert suite.score is not None
    ready = [question for question in asked if question.trouble is None]
    how = harness.settings(model, suite.score, means.given.get("max_tokens"))
    logs = harness.ask(model, suite.name, suite.score, ready, how, means.system) if ready else {}
    clipped = sum(harness.clipped(model, log) for log in logs.values())
    results = [score.unscored(q, q.trouble) for q in asked if q.trouble is not None]
    if suite.score.metric == "mc2":
        results += [score.mc2(q, harness.loglikelihoods(logs[q.id])) for q in ready if q.id in logs]
    else:
        answered = [question for question in ready if question.id in logs]
        replies = [harness.replies(logs[question.id]) for question in answered]
        results += score.verified(suite.score, answered, replies, judge)
    return results, clipped
