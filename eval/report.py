"""Evaluation report: one line for each suite, and every item's result."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from eval.coverage import Mark
from eval.leak import Leak, split
from eval.stats import Interval, interval
from eval.suites import Score, Suite
from eval.tasks.score import Result, pass_at_k


@dataclass(frozen=True)
class Line:
    """One suite in the table: measured, or `missing` with the reason and no score at all.

    `n` items were scored, `errors` could not be; `cut` answers ended at the token limit; of
    `clipped` prompts the beginning was lost because the model's window was too small. `at` has
    mean@n and pass@k where an item has several samples.
    """

    suite: str
    title: str
    tier: str
    setting: str
    mark: Mark
    macro: bool = False
    score: Interval | None = None
    n: int = 0
    errors: int = 0
    cut: int = 0
    clipped: int = 0
    at: dict[str, Interval] = field(default_factory=dict)
    leak: Leak | None = None
    hash: str | None = None
    missing: str | None = None


@dataclass(frozen=True)
class Report:
    """A run's lines and results, under the name of what was asked for (a tier, or suites)."""

    name: str
    model: str
    limit: int | None
    evidence: bool
    lines: list[Line]
    results: dict[str, list[Result]]

    @property
    def measured(self) -> list[Line]:
        return [line for line in self.lines if line.score is not None]

    @property
    def average(self) -> float | None:
        """The plain mean over the measured tasks, as in the paper's tables."""
        scores = [line.score.mean for line in self.lines if line.score is not None]
        return sum(scores) / len(scores) if scores else None


def line(
    suite: Suite,
    mark: Mark,
    results: Sequence[Result],
    clipped: int,
    chat: bool,
    judge: str | None = None,
    said: Sequence[str] = (),
    found: set[str] | None = None,
) -> Line:
    """The suite's line: the mean of its decided items with its interval, errors counted beside."""
    scored = [result for result in results if result.score is not None]
    macro = suite.score is not None and suite.score.average == "subsets"
    groups = [result.subset for result in scored] if macro else None
    errors = [result.error for result in results if result.error]
    return Line(
        suite=suite.name,
        title=suite.title or suite.name,
        tier=suite.tier,
        setting=described(suite.score, chat, judge, said) if suite.score else "",
        mark=mark,
        macro=macro,
        score=interval([float(r.score or 0) for r in scored], groups) if scored else None,
        n=len(scored),
        errors=len(errors),
        cut=sum(result.cut for result in results),
        clipped=clipped,
        at=at_k(scored, groups),
        leak=None if found is None else split(results, found),
        hash=suite.hash,
        missing=None if scored else f"no item could be scored: {errors[0] if errors else 'none'}",
    )


def at_k(
    results: Sequence[Result], groups: Sequence[str | None] | None = None
) -> dict[str, Interval]:
    """mean@n, and pass@k for k = 2, 4, 8 ... n, where every item has n > 1 decided samples."""
    n = min((sum(p is not None for p in result.passed) for result in results), default=0)
    if n < 2:
        return {}
    ks = {1, n, *(2**power for power in range(1, n.bit_length()))}
    found = {}
    for k in sorted(ks):
        rates = [
            pass_at_k(sum(p is not None for p in r.passed), sum(map(bool, r.passed)), k)
            for r in results
        ]
        found[f"pass@{k}" if k > 1 else f"mean@{n}"] = interval(rates, groups)
    return found


def absent(suite: Suite, mark: Mark, reason: str, judge: str | None = None) -> Line:
    """The line of a suite that was not measured, with the reason."""
    setting = described(suite.score, True, judge) if suite.score else "not scored"
    title = suite.title or suite.name
    return Line(suite.name, title, suite.tier, setting, mark, missing=reason)


def described(score: Score, chat: bool, judge: str | None = None, more: Sequence[str] = ()) -> str:
    """The setting in the paper's words: shots, chain of thought, metric, average, and the judge."""
    by = f"judged by {judge}" if judge else "judged"
    metric = {
        "exact_match": "EM",
        "f1": "F1",
        "recall": "recall",
        "mc2": "MC2",
        "pass": f"pass@{score.k}",
        "prompt_loose": "prompt-level loose" if score.settings.get("loose") else "prompt-level",
        "win_rate": f"win rate against the reference, {by} in both orders",
        "safe": "refusals where due, "
        + (by if score.verifier == "judge" else "by refusal phrases"),
    }[score.metric]
    thought = "CoT" if score.chain_of_thought else None
    samples = f"{score.samples} samples" if score.samples > 1 else None
    sampled = [f"T={score.temperature:g}", samples] if score.temperature else []
    sampled += [f"top-p {score.top_p:g}"] if score.top_p is not None else []
    sampled += [f"top-k {score.top_k}"] if score.top_k is not None else []
    plain = None if chat and score.chat else "no chat template"
    macro = "macro" if score.average == "subsets" else None
    said = (f"{score.shots}-shot", thought, *sampled, plain, *more, metric, macro)
    return ", ".join(part for part in said if part)
