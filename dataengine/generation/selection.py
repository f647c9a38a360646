"""Answer selection: by verifier, by majority vote, by an LLM judge, or the first as it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from dataengine.models.wire import Answer, Failure
from eval import verifiers
from eval.verifiers import Unavailable, Verdict
from personas import Generated, Prompt, Reject


@dataclass
class Samples:
    """Everything that was answered to one prompt, by the number of the sample."""

    prompt: Prompt
    answers: dict[int, Answer] = field(default_factory=dict)
    rows: dict[int, Generated] = field(default_factory=dict)
    rejects: dict[int, Reject] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)

    @property
    def came_back(self) -> int:
        """Samples that the model answered, well or badly: a cut-off answer is a bad one, one
        that never arrived is none."""
        cut = sum(failure.kind == "truncated" for failure in self.failures.values())
        return len(self.rows) + len(self.rejects) + cut


@dataclass(frozen=True)
class Accepted:
    """The kept sample, and the share of samples that were right where that is known."""

    sample: int
    pass_rate: float | None = None


@dataclass(frozen=True)
class Rejected:
    """Why no sample is kept. `failed` tells what could not be decided from what was refused, and
    `mendable` what a later run may do better (models/failure.py)."""

    reason: str
    detail: str
    failed: bool = False
    pass_rate: float | None = None
    mendable: bool = False


Selection = Accepted | Rejected


def unanswered(samples: Samples) -> Rejected | None:
    """The rejection of a prompt that no sample gave a row for."""
    if samples.rows:
        return None
    if samples.rejects:
        reject = samples.rejects[min(samples.rejects)]
        return Rejected(reject.reason, reject.detail)
    failures = [samples.failures[number] for number in sorted(samples.failures)]
    first = next((failure for failure in failures if failure.mendable), failures[0])
    return of_failure(first)


def of_failure(failure: Failure) -> Rejected:
    """The rejection of what nobody answered."""
    return Rejected(failure.kind, failure.message, failed=True, mendable=failure.mendable)


def first(samples: Samples) -> Selection:
    """`all`: nothing is asked of an answer but that it can be a row."""
    return Accepted(min(samples.rows))


def verified(batch: Sequence[Samples], **settings: Any) -> list[Selection]:
    """`verified`: the first sample that the verifier passes against its ground truth."""
    places = [
        (which, number) for which, samples in enumerate(batch) for number in sorted(samples.rows)
    ]
    by_name: dict[str, list[tuple[int, int]]] = {}
    for which, number in places:
        by_name.setdefault(batch[which].rows[number].verifier or "", []).append((which, number))
    verdicts: dict[tuple[int, int], Verdict] = {}
    for name, group in by_name.items():
        rows = [batch[which].rows[number] for which, number in group]
        texts = [str(row.messages[-1].get("content") or "") for row in rows]
        truths = [row.ground_truth or "" for row in rows]
        languages = [row.language for row in rows]
        found = verifiers.verify_batch(name, texts, truths, languages=languages, **settings)
        verdicts.update(zip(group, found, strict=True))
    return [
        _by_verdicts(samples, {n: verdicts[which, n] for n in sorted(samples.rows)})
        for which, samples in enumerate(batch)
    ]


def _by_verdicts(samples: Samples, verdicts: dict[int, Verdict]) -> Selection:
    decided = {number: verdict for number, verdict in verdicts.items() if verdict.error is None}
    if not decided:
        return _undecided([verdict.error or "" for verdict in verdicts.values()])
    passed = [number for number, verdict in decided.items() if verdict.passed]
    undecided = len(verdicts) - len(decided)
    rate = len(passed) / (samples.came_back - undecided)
    if passed:
        return Accepted(passed[0], rate)
    return Rejected("not_verified", next(iter(decided.values())).reason, pass_rate=rate)


def _undecided(errors: Sequence[str]) -> Rejected:
    """The rejection of what no verifier could decide; what is missing here can be installed."""
    mendable = [error for error in errors if error.startswith(Unavailable.__name__)]
    return Rejected("verifier_error", (mendable or errors)[0], failed=True, mendable=bool(mendable))


def majority(samples: Samples, share: float) -> Selection:
    """`majority`: the first sample of the largest group that agrees, where it is at least `share`
    of what came back and no other group is as large (Wang et al. 2022).

    Groups are by the verifier's own equality; an answer joins the first group it agrees with. What
    the verifier cannot decide agrees with nothing; where that leaves no majority, the prompt is one
    that could not be decided.
    """
    groups: list[list[int]] = []
    errors: list[str] = []
    verifier = verifiers.verifier(samples.prompt.verifier or "exact")
    texts = {n: str(row.messages[-1].get("content") or "") for n, row in samples.rows.items()}
    for number, row in sorted(samples.rows.items()):
        for group in groups:
            said = verifier.agreement(texts[group[0]], texts[number], language=row.language)
            if said.passed:
                group.append(number)
                break
            errors += [said.error] if said.error else []
        else:
            groups.append([number])
    groups.sort(key=lambda group: (-len(group), group[0]))
    sizes = [len(group) for group in groups]
    rate = sizes[0] / samples.came_back
    won = rate >= share and sizes[0] > (sizes[1] if len(sizes) > 1 else 0)
    if errors and not won:
        return replace(_undecided(errors), pass_rate=rate)
    if len(sizes) > 1 and sizes[0] == sizes[1]:
        return Rejected("no_majority", f"groups of {sizes}: a tie", pass_rate=rate)
    if rate < share:
        return Rejected("no_majority", f"{sizes[0]} of {samples.came_back} agree", pass_rate=rate)
    return Accepted(groups[0][0], rate)


def judged(samples: Samples, verdicts: dict[int, Verdict]) -> Selection:
    """`judge`: the first sample that the judge passes."""
    selected = _by_verdicts(samples, verdicts)
    return Rejected("judge_refused", selected.detail, pass_rate=selected.pass_rate) if (
        isinstance(selected, Rejected) and selected.reason == "not_verified"
    ) else selected  # fmt: skip


def case(samples: Samples, rubric: str | None) -> str:
    """The ground truth that the judge is given: the conversation that the answer answers."""
    told = "\n\n".join(
        f"{message['role']}: {message.get('content') or ''}" for message in samples.prompt.messages
    )
    return orjson.dumps({"prompt": told} | ({"rubric": rubric} if rubric else {})).decode()
