"""Cost estimate of a preference source, before anything is asked."""

from collections.abc import Mapping
from dataclasses import dataclass

from dataengine.errors import UserError
from dataengine.generation.cost_estimate import TYPICAL_SHARE, cost, short
from dataengine.ledger import canonical
from dataengine.models.model_config import ModelConfig
from dataengine.models.wire import request_for
from dataengine.preferences import judge_prompt, prompts
from dataengine.preferences.preference_source import Asked, PreferenceSource
from dataengine.row import message
from dataengine.shown import Part, Shown, remaining

PROMPT_TOKENS = 200
RATIONALE_TOKENS = 60


@dataclass(frozen=True)
class Projection:
    """Range of the cost: answers of the usual length (least) to answers at max_tokens."""

    prompts: int
    answers: int
    judge_calls: int
    tokens: tuple[int, int]
    usd: tuple[float | None, float | None]
    cap: float | None
    answered: int = 0

    def __str__(self) -> str:
        least, most = self.usd
        money = "price unknown" if least is None or most is None else (
            f"{least:.2f} to {most:.2f} USD"
        )  # fmt: skip
        cap = f", capped at {self.cap:.2f} USD" if self.cap is not None else ""
        basis = (
            f"beside the {self.answered:,} in the ledger, at the lengths that it has shown"
            if self.answered
            else f"answers at {TYPICAL_SHARE:.0%} of max_tokens, to all of it; nothing in the "
            "ledger yet"
        )
        return (
            f"{self.prompts:,} prompts: {self.answers:,} answers, {self.judge_calls:,} judge "
            f"calls, {short(self.tokens[0])} to {short(self.tokens[1])} tokens, {money}{cap} "
            f"({basis})"
        )


def explain(source: PreferenceSource, told: Projection | None) -> str:
    """The plan's line of a source: its rule, and what asking takes."""
    rule = source.pairs.rule
    margin = f" by {source.pairs.min_margin:g}" if source.pairs.min_margin else ""
    sides = source.pairs.on_policy
    own = f", {sides.replace('_', ' ')} on-policy" if sides != "any" else ""
    by = f"pairs: {rule}{margin}{own}"
    if not isinstance(source.candidates, Asked):
        by = f"{source.candidates.called}, {by}"
    if told:
        return f"{told}; {by}"
    return by if not source.names else f"{by}; the number of prompts is not known yet"


def count(source: PreferenceSource, seed: int, limit: int | None) -> int | None:
    """How many prompts will be answered, where that can be told from files on this machine."""
    assert source.prompts
    if any(getattr(origin, "hub", None) for origin in source.prompts.origins):
        return None
    try:
        return prompts.collect(source.prompts, source.name, seed, limit).prompts.height
    except UserError:
        return None


def project(
    source: PreferenceSource,
    wanted: int,
    models: Mapping[str, ModelConfig],
    cap: float | None,
    known: Mapping[str, Shown] | None = None,
) -> Projection:
    """The projection for N prompts, and from what the ledger has shown (`known`)."""
    asked = source.candidates if isinstance(source.candidates, Asked) else None
    each = asked.answers if asked else 0
    judged = _judge_calls(source, each)
    tokens, usd = [], []
    for share in (TYPICAL_SHARE, 1.0):
        answer = int(asked.max_tokens * share) if asked else 0
        parts: list[Part] = []
        if asked and asked.on_policy:
            own = asked.on_policy
            parts.append((own.model, wanted * own.samples, PROMPT_TOKENS, answer))
        if asked and asked.pool:
            part = wanted * asked.pool.samples_per_prompt / len(asked.pool.models)
            parts += [(name, part, PROMPT_TOKENS, answer) for name in asked.pool.models]
        if source.judge and judged:
            shown = 2 if source.pairs.rule == "pairwise" else each
            given = _judge_tokens(source) + PROMPT_TOKENS + shown * answer
            got = min(source.judge.max_tokens, RATIONALE_TOKENS * shown)
            got = got if share < 1 else source.judge.max_tokens
            parts.append((source.judge.model, wanted * judged, given, got))
        parts = remaining(parts, known or {})
        tokens.append(int(sum(n * (given + got) for _, n, given, got in parts)))
        costs = [cost(models[name], n, given, got) for name, n, given, got in parts]
        usd.append(None if None in costs else sum(one or 0.0 for one in costs))
    return Projection(
        wanted,
        wanted * each,
        wanted * judged,
        (tokens[0], tokens[1]),
        (usd[0], usd[1]),
        cap,
        sum(said.answers for said in (known or {}).values()),
    )


def _judge_calls(source: PreferenceSource, answers: int) -> int:
    """Questions to the judge for each prompt."""
    if not source.judge or not source.judges:
        return 0
    if source.pairs.rule == "pairwise":
        return answers * (answers - 1)
    return len(source.judge.aspects)


def _judge_tokens(source: PreferenceSource) -> int:
    """Tokens of a question to the judge without the texts that it is about."""
    assert source.judge
    told = [message("user", "-")]
    if source.pairs.rule == "pairwise":
        ask = judge_prompt.comparing(told, "-", "-", source.judge.aspects, 1)
    else:
        ask = judge_prompt.scoring(told, ["-", "-"], source.judge.aspects[0], 1)
    return len(canonical(request_for("m", ask, 0, {}))) // 4
