"""Candidate sampling and judging: requests to models, a round of prompts at a time.

Every call goes through the ledger, so what was answered is never asked again: another rule, or a
run after a crash, replays it. Tables come out in an order that depends on ids alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import anyio.to_thread
import polars as pl

from dataengine.budget import BudgetReached
from dataengine.models.failure import EndpointDown
from dataengine.models.models import Models, Query, Reply
from dataengine.models.wire import Answer, Failure
from dataengine.preferences import judge_prompt
from dataengine.preferences.candidates import (
    CANDIDATES,
    FAILURES,
    JUDGEMENTS,
    SCORES,
    Judged,
    candidate_id,
)
from dataengine.preferences.preference_source import Asked, Judge, Pool, PreferenceSource
from dataengine.preferences.rules import plain
from dataengine.preferences.verified import verified
from personas.ask import Ask, Sampling
from personas.draw import digest

Table = list[dict[str, Any]]


class Asking:
    """Requests to the models of one source. `notify` gets progress in plain lines."""

    def __init__(
        self,
        source: PreferenceSource,
        models: Models,
        seed: int,
        notify: Callable[[str], None] | None = None,
    ):
        self.source, self.models, self.seed = source, models, seed
        self.rounds = self.prompts = 0
        self._notify = notify or (lambda text: None)

    async def next(self, given: Judged) -> Judged:
        """A round: candidates for its prompts where they have none, then what the judge says.

        Raises:
            BudgetReached, EndpointDown: with how far this source came.
        """
        found = given
        try:
            if isinstance(self.source.candidates, Asked):
                found = await self._answered(given, self.source.candidates)
            found.candidates = await anyio.to_thread.run_sync(
                verified, found.candidates, found.prompts
            )
            if self.source.judge and self.source.judges:
                await self._judge(found, self.source.judge)
        except (BudgetReached, EndpointDown) as error:
            raise type(error)(
                f"source {self.source.name}: stopped after {self.prompts:,} prompts with "
                f"{given.prompts.height:,} more under way: {error}"
            ) from None
        self.rounds += 1
        self.prompts += given.prompts.height
        self._notify(f"{self.source.name}: {self.prompts:,} prompts judged, {self._status()}")
        return found

    def _status(self) -> str:
        tally = self.models.tally
        return (
            f"{tally.answered:,} asked, {tally.replayed:,} replayed, "
            f"{sum(tally.failures.values()):,} failed, {self.models.budget.spent:.4f} USD"
        )

    async def _answered(self, given: Judged, asked: Asked) -> Judged:
        """Every model's answers. One that fails costs its candidate, never the prompt."""
        candidates: Table = []
        failures: Table = []

        def take(reply: Reply) -> None:
            prompt, model, own = reply.query.tag
            at = {"prompt_id": prompt, "model": model, "sample": reply.query.sample}
            if isinstance(reply.outcome, Failure):
                failures.append(_failure(at, "candidate", reply.outcome))
            else:
                candidates.append(_candidate(at, own, reply.outcome))

        for name, queries in self._queries(given.prompts, asked):
            await self._ask(name, queries, take)
        order = ("prompt_id", "on_policy", "model", "sample", "request")
        return Judged(
            prompts=given.prompts,
            candidates=pl.DataFrame(candidates, schema=CANDIDATES)
            .sort(order, descending=[False, True, False, False, False])
            .unique("candidate_id", keep="first", maintain_order=True),
            failures=pl.DataFrame(failures, schema=FAILURES).sort("prompt_id", "model", "sample"),
        )

    def _queries(
        self, prompts: pl.DataFrame, asked: Asked
    ) -> Iterator[tuple[str, Iterable[Query]]]:
        """What each model is asked."""
        told = prompts.select("prompt_id", "prompt").rows()
        if asked.on_policy:
            name, samples = asked.on_policy.model, asked.on_policy.samples
            model = self.models.client(name).model
            yield (
                name,
                [
                    Query(self._question(p, turns, asked), n, (p, model, True))
                    for p, turns in told
                    for n in range(samples)
                ],
            )
        drawn = {p: self._drawn(p, asked.pool) for p, _ in told} if asked.pool else {}
        for name in asked.pool.models if asked.pool else []:
            model = self.models.client(name).model
            yield (
                name,
                [
                    Query(self._question(p, turns, asked), 0, (p, model, False))
                    for p, turns in told
                    if name in drawn[p]
                ],
            )

    def _drawn(self, prompt: str, pool: Pool) -> list[str]:
        """The models of the pool that answer a prompt."""
        by_lot = sorted(pool.models, key=lambda m: (digest(self.seed, "pool", prompt, m), m))
        return by_lot[: pool.samples_per_prompt]

    def _question(self, prompt: str, turns: list[dict[str, Any]], asked: Asked) -> Ask:
        """The prompt as it is; samples differ in their seeds."""
        sampling = Sampling(
            temperature=asked.temperature,
            top_p=asked.top_p,
            max_tokens=asked.max_tokens,
            seed=digest(self.seed, "answer", prompt),
        )
        return Ask(tuple(turns), sampling)

    async def _judge(self, found: Judged, by: Judge) -> None:
        """What the judge says of every prompt that has two different answers."""
        prompts = dict(found.prompts.select("prompt_id", "prompt").rows())
        answers: dict[str, dict[str, str]] = {}
        texts: dict[str, set[str]] = {}
        for prompt, candidate, text, bare in found.candidates.select(
            "prompt_id", "candidate_id", "text", plain(pl.col("text")).alias("bare")
        ).iter_rows():
            if bare:
                answers.setdefault(prompt, {})[candidate] = text
                texts.setdefault(prompt, set()).add(bare)
        apart = {
            prompt: {c: said[c] for c in judge_prompt.shown([*said], prompt, self.seed)}
            for prompt, said in answers.items()
            if len(texts[prompt]) > 1
        }
        if self.source.pairs.rule == "pairwise":
            await self._compare(found, by, prompts, apart)
        else:
            await self._score(found, by, prompts, apart)

    async def _score(
        self,
        found: Judged,
        by: Judge,
        prompts: Mapping[str, Any],
        answers: Mapping[str, Mapping[str, str]],
    ) -> None:
        """One question for each prompt and aspect, about all its answers."""
        scores: Table = []
        failures: Table = []
        model = self.models.client(by.model).model

        def take(reply: Reply) -> None:
            prompt, aspect = reply.query.tag
            said: judge_prompt.Scores | None = None
            if isinstance(reply.outcome, Failure):
                at = {"prompt_id": prompt, "model": model, "sample": 0}
                failures.append(_failure(at, aspect, reply.outcome))
            else:
                assert isinstance(reply.outcome.parsed, judge_prompt.Scores)
                said = reply.outcome.parsed
            shown = list(answers[prompt])
            for place, (score, state, rationale) in enumerate(judge_prompt.read(said, len(shown))):
                scores.append(
                    {
                        "candidate_id": shown[place],
                        "prompt_id": prompt,
                        "aspect": aspect,
                        "score": score,
                        "state": state,
                        "rationale": rationale,
                        "position": place,
                        "judge": model,
                        "request": reply.outcome.request,
                    }
                )

        queries = (
            Query(
                judge_prompt.scoring(prompts[prompt], [*said.values()], aspect, by.max_tokens),
                0,
                (prompt, aspect),
            )
            for prompt, said in answers.items()
            for aspect in by.aspects
        )
        await self._ask(by.model, queries, take)
        found.scores = pl.DataFrame(scores, schema=SCORES).sort("prompt_id", "aspect", "position")
        found.failures = _with(found.failures, failures)

    async def _compare(
        self,
        found: Judged,
        by: Judge,
        prompts: Mapping[str, Any],
        answers: Mapping[str, Mapping[str, str]],
    ) -> None:
        """Two questions for every two answers of a prompt: in one order and in the other."""
        verdicts: dict[tuple[str, str, str], dict[bool, Answer]] = {}
        failures: Table = []
        model = self.models.client(by.model).model

        def take(reply: Reply) -> None:
            *key, swapped = reply.query.tag
            prompt, first, second = key
            verdicts.setdefault((prompt, first, second), {})
            if isinstance(reply.outcome, Failure):
                at = {"prompt_id": prompt, "model": model, "sample": 0}
                failures.append(_failure(at, "comparison", reply.outcome))
            else:
                verdicts[prompt, first, second][swapped] = reply.outcome

        def queries() -> Iterator[Query]:
            for prompt, said in answers.items():
                for first, second in judge_prompt.comparisons([*said]):
                    for swapped in (False, True):
                        one, two = (second, first) if swapped else (first, second)
                        ask = judge_prompt.comparing(
                            prompts[prompt], said[one], said[two], by.aspects, by.max_tokens
                        )
                        yield Query(ask, 0, (prompt, first, second, swapped))

        await self._ask(by.model, queries(), take)
        rows = [
            {
                "prompt_id": prompt,
                "first": first,
                "second": second,
                "preference": _preference(said.get(False), False),
                "swapped": _preference(said.get(True), True),
                "orders": 2,
                "rationale": "\n\n".join(_rationale(said[k]) for k in sorted(said)) or None,
                "judge": model,
                "request": said[False].request if False in said else None,
            }
            for (prompt, first, second), said in verdicts.items()
        ]
        found.judgements = pl.DataFrame(rows, schema=JUDGEMENTS).sort(
            "prompt_id", "first", "second"
        )
        found.failures = _with(found.failures, failures)

    async def _ask(
        self, model: str, queries: Iterable[Query], take: Callable[[Reply], None]
    ) -> None:
        async with self.models.stream(model, queries, self.source.name) as replies:
            async for reply in replies:
                take(reply)


def _candidate(at: Mapping[str, Any], own: bool, answer: Answer) -> dict[str, Any]:
    return {
        "candidate_id": candidate_id(at["prompt_id"], at["model"], at["sample"], answer.text),
        **at,
        "policy": answer.model if own else None,
        "on_policy": own,
        "text": answer.text,
        "finish_reason": answer.finish_reason,
        "tokens": answer.output_tokens,
        "request": answer.request,
        "passed": None,
        "reasoning": answer.reasoning,
    }


def _failure(at: Mapping[str, Any], asked_for: str, failure: Failure) -> dict[str, Any]:
    told = {"reason": failure.kind, "detail": failure.message, "request": failure.request}
    return {**at, "asked_for": asked_for, **told}


def _with(failures: pl.DataFrame, more: Table) -> pl.DataFrame:
    order = ("prompt_id", "asked_for", "model", "sample", "request")
    return pl.concat([failures, pl.DataFrame(more, schema=FAILURES)]).sort(order)


def _verdict(answer: Answer) -> judge_prompt.Verdict:
    assert isinstance(answer.parsed, judge_prompt.Verdict)
    return answer.parsed


def _rationale(answer: Answer) -> str:
    return _verdict(answer).rationale


def _preference(answer: Answer | None, swapped: bool) -> float | None:
    return judge_prompt.preference(_verdict(answer) if answer else None, swapped)
