"""RLVR reward function for TRL's GRPO trainer (and any trainer with its signature).

    GRPOTrainer(model, reward_funcs=Reward(), train_dataset=rlvr, ...)

Reads the columns `verifier`, `ground_truth` and, where there is one, `language` of the rows and
judges a batch at once. A row whose verifier errs gets None, which TRL leaves out of its group; a
zero would teach the policy that its answer was wrong. Rates and means go to TRL's log through
`log_metric`, under `verifier/`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eval.verifiers.registry import UNFINISHED, require, verify_batch
from eval.verifiers.response import final_answer
from eval.verifiers.verdict import Verdict

Completion = str | Sequence[Mapping[str, Any]]


@dataclass
class Reward:
    """Called by the trainer with columns; gives one reward in [0, 1], or None, for each row.

    `settings` are what verifiers need from their caller, by name: {"judge": {"ask": ...}}. With
    `strict` a reward is 1 for a pass and 0 otherwise, where it is else the (fractional) score.
    `in_thought` says that the rendered prompts end inside `<think>` (response.opens_thought): a
    completion that never closes it is no answer.
    `verdicts` are those of the last call, in its order; `asked` and `errors` count since the start.
    """

    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    strict: bool = False
    in_thought: bool = False
    verdicts: list[Verdict] = field(default_factory=list, init=False, repr=False)
    asked: Counter[str] = field(default_factory=Counter, init=False, repr=False)
    errors: Counter[str] = field(default_factory=Counter, init=False, repr=False)

    def __post_init__(self) -> None:
        self.__name__ = "verifiers"  # what TRL logs it as

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Completion],
        *,
        verifier: Sequence[str],
        ground_truth: Sequence[str],
        language: Sequence[str | None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """UnknownVerifier where a row names a verifier that there is not."""
        self.verdicts = judge(
            completions, verifier, ground_truth, self.settings, self.in_thought, language
        )
        rewards = [self._reward(verdict) for verdict in self.verdicts]
        for name, verdict in zip(verifier, self.verdicts, strict=True):
            self.asked[name] += 1
            self.errors[name] += verdict.error is not None
        if log_metric is not None:
            for metric, value in metrics(verifier, self.verdicts).items():
                log_metric(metric, value)
        if log_extra is not None:
            log_extra("verdict", [verdict.error or verdict.reason for verdict in self.verdicts])
        return rewards

    def _reward(self, verdict: Verdict) -> float | None:
        if verdict.error is not None:
            return None
        return float(bool(verdict.passed)) if self.strict else verdict.score


def judge(
    completions: Sequence[Completion],
    verifiers: Sequence[str],
    ground_truths: Sequence[str],
    settings: Mapping[str, Mapping[str, Any]],
    in_thought: bool = False,
    languages: Sequence[str | None] | None = None,
) -> list[Verdict]:
    """A verdict for each row, each verifier asked once for all of its rows."""
    rows: dict[str, list[int]] = defaultdict(list)
    texts = [final_answer(_said(completion), in_thought) for completion in completions]
    verdicts: dict[int, Verdict] = {}
    for row, name in enumerate(verifiers):
        require(name)
        if texts[row] is None:
            verdicts[row] = Verdict.of(False, UNFINISHED)
        else:
            rows[name].append(row)
    for name, theirs in rows.items():
        known = {"settings": settings} if name == "weighted" else settings.get(name, {})
        told = verify_batch(
            name,
            [texts[row] or "" for row in theirs],
            [ground_truths[row] for row in theirs],
            languages=[languages[row] for row in theirs] if languages else None,
            **known,
        )
        verdicts.update(zip(theirs, told, strict=True))
    return [verdicts[row] for row in range(len(texts))]


def text(completion: Completion, in_thought: bool = False) -> str:
    """What a completion says in the end: itself, or its last assistant message's text, without
    the reasoning before it (response.py). Empty where the reasoning never ended."""
    return final_answer(_said(completion), in_thought) or ""


def _said(completion: Completion) -> str:
    if isinstance(completion, str):
        return completion
    for message in reversed(completion):
        if message.get("role") == "assistant":
            content = message.get("content") or ""
            if isinstance(content, str):
                return content
            return "".join(block.get("text", "") for block in content)
    return ""


def metrics(names: Sequence[str], verdicts: Sequence[Verdict]) -> dict[str, float]:
    """Mean score and share passed (of what was decided) and error rate, for each verifier, and the
    error rate over all."""
    grouped: dict[str, list[Verdict]] = defaultdict(list)
    for name, verdict in zip(names, verdicts, strict=True):
        grouped[name].append(verdict)
    found = {"verifier/error_rate": _share([v.error is not None for v in verdicts])}
    for name, theirs in grouped.items():
        decided = [v for v in theirs if v.error is None]
        found[f"verifier/{name}/error_rate"] = 1 - len(decided) / len(theirs)
        if decided:
            found[f"verifier/{name}/score"] = sum(v.score or 0.0 for v in decided) / len(decided)
            found[f"verifier/{name}/passed"] = _share([bool(v.passed) for v in decided])
    return found


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else 0.0
