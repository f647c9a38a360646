"""Cost estimate of a generated source: requests, tokens and USD before anything is asked."""

from collections.abc import Mapping
from dataclasses import dataclass

from dataengine.ledger import canonical
from dataengine.models.model_config import ModelConfig, ReplayModel
from dataengine.models.wire import request_for
from dataengine.shown import Part, Shown, remaining
from dataengine.sources.generated import GeneratedSource
from personas import Document, Persona

PERSONA = "A retired engineer who repairs old radios and teaches children how circuits work." * 2
DOCUMENT_WORDS = 4_000
TYPICAL_SHARE = 0.3
"""How much of `max_tokens` an answer is assumed to use."""
JUDGE_TOKENS = 300


@dataclass(frozen=True)
class Projection:
    """Range of the cost: every candidate accepted (least), the ceiling at max_tokens (most).
    `answered` requests have their answers in the ledger: they cost nothing and are not counted."""

    rows: int
    ceiling: int
    requests: tuple[int, int]
    tokens: tuple[int, int]
    usd: tuple[float | None, float | None]
    cap: float | None
    each: str
    recipe: str
    answered: int = 0

    def __str__(self) -> str:
        least, most = self.requests
        line = (
            f"{self.rows:,} rows of {self.recipe}: {least:,} to {most:,} requests, "
            f"{short(self.tokens[0])} to {short(self.tokens[1])} tokens, {self._money()}"
        )
        if self.cap is not None:
            line += f", capped at {self.cap:.2f} USD"
        if self.answered:
            return (
                f"{line} beside the {self.answered:,} whose answers are in the ledger (assumed: "
                f"{self.each} requests a candidate; from every one accepted to {self.ceiling:,} "
                "candidates, at the lengths that the ledger has shown)"
            )
        return (
            f"{line} (assumed: {self.each} requests a candidate; from every one accepted "
            f"at {TYPICAL_SHARE:.0%} of max_tokens, to {self.ceiling:,} candidates at all of it; "
            "nothing in the ledger yet)"
        )

    def _money(self) -> str:
        least, most = self.usd
        if least is None or most is None:
            return "price unknown"
        return f"{least:.2f} to {most:.2f} USD"


def project(
    source: GeneratedSource,
    rows: int,
    models: Mapping[str, ModelConfig],
    cap: float | None,
    known: Mapping[str, Shown] | None = None,
) -> Projection:
    """The projection of one source, from its recipe rendered for an assumed persona, and from what
    the ledger has shown (`known`, by the names of the mixture's models)."""
    recipe, samples = source.made_by, source.answers.samples
    persona = Persona("projected", PERSONA) if recipe.needs_persona else None
    document = Document("projected", "word " * DOCUMENT_WORDS) if recipe.needs_document else None
    turn = recipe.next(recipe.start(persona, 0, document))
    written = len(canonical(request_for("m", turn.ask, 0, {}))) // 4
    most_prompt = recipe.prompt_sampling.max_tokens or 1024
    most_answer = recipe.answer_sampling.max_tokens or 1024
    question = int(most_prompt * TYPICAL_SHARE) + (DOCUMENT_WORDS if document else 0)
    ceiling = int(rows * source.ceiling + 0.999)
    judged = samples if source.keep == "judge" else 0
    turns, said = recipe.requests()
    requests, tokens, usd = [], [], []
    for candidates, share in ((rows, TYPICAL_SHARE), (ceiling, 1.0)):
        prompt, answer = int(most_prompt * share), int(most_answer * share)
        parts: list[Part] = [
            (source.prompts, candidates * turns, written, prompt),
            (source.answers.model, candidates * (said + samples), question, answer),
        ]
        if judged:
            judge = source.answers.judge or source.answers.model
            parts.append((judge, candidates * judged, question + answer + 300, JUDGE_TOKENS))
        parts = remaining(parts, known or {})
        requests.append(int(sum(count for _, count, _, _ in parts)))
        tokens.append(int(sum(count * (given + got) for _, count, given, got in parts)))
        costs = [cost(models[name], count, given, got) for name, count, given, got in parts]
        usd.append(None if None in costs else sum(cost or 0.0 for cost in costs))
    return Projection(
        rows,
        ceiling,
        (requests[0], requests[1]),
        (tokens[0], tokens[1]),
        (usd[0], usd[1]),
        cap,
        f"{turns} writing and {said + samples} answering"
        + (f" and {judged} judging" if judged else ""),
        recipe.name,
        sum(said.answers for said in (known or {}).values()),
    )


def cost(model: ModelConfig, count: float, given: int, got: int) -> float | None:
    """USD of N calls of `given` and `got` tokens; None where the price is unknown."""
    if isinstance(model, ReplayModel):
        return 0.0
    return model.price.cost(round(count * given), round(count * got)) if model.price else None


def short(tokens: int) -> str:
    """A number of tokens as people say it."""
    for unit, size in (("B", 1_000_000_000), ("M", 1_000_000), ("k", 1_000)):
        if tokens >= size:
            return f"{tokens / size:.1f}{unit}"
    return str(tokens)
