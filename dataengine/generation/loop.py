"""Generation loop: ask, verify, drop near-duplicates, until there are enough rows.

Candidates are numbered, and a candidate's persona, document and seed follow from its number
alone. A round takes as many as the acceptance so far says are needed; within it everything is
decided in the order of the numbers, so the same ledger gives the same rows.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import anyio.to_thread

from dataengine.budget import BudgetReached
from dataengine.generation import generated_row, selection
from dataengine.generation.novelty import Novelty, distinct
from dataengine.generation.order import Candidate, Order, Round
from dataengine.generation.selection import Accepted, Rejected, Samples, Selection
from dataengine.generation.status import Status
from dataengine.models.failure import EndpointDown
from dataengine.models.models import Models, Query, Reply
from dataengine.models.wire import Failure
from dataengine.row import violation
from eval.verifiers import Unavailable, Verdict, VerifierError
from eval.verifiers import judge as judging
from personas import Document, Draft, NewPersonas, Persona, Prompt, Reject
from personas.ask import Ask, Sampling
from personas.draw import digest

ROUND = 2_048
"""Most candidates in one round: what is under way fits into memory."""
LEAST_ACCEPTANCE = 0.05
MEASURED = 10_000
"""Kept prompts whose distinct n-grams are counted: the first N."""
JUDGE_TOKENS = 1024


class Loop:
    """Generation loop of one source, round by round. `notify` gets progress in plain lines."""

    def __init__(
        self,
        order: Order,
        personas: Sequence[Persona],
        documents: Sequence[Document],
        models: Models,
        notify: Callable[[str], None] | None = None,
    ):
        self.order, self.models = order, models
        self.personas, self.documents = personas, documents
        self.tried = self.accepted = self.rounds = self.near = self.prompts = 0
        self.reasons: Counter[str] = Counter()
        self._mendable: Counter[str] = Counter()
        self.kept_prompts: list[str] = []
        self._novelty = Novelty(order.near)
        self._ids: set[str] = set()
        self._status = Status(order.source, order.rows, models, notify or (lambda text: None))

    async def next(self) -> Round | None:
        """One round; None once there are enough rows or the ceiling is reached.

        Raises:
            BudgetReached, EndpointDown: with how far this source came.
        """
        size = self._size()
        if not size:
            return None
        batch = [self._candidate(self.tried + place) for place in range(size)]
        try:
            await self._write_prompts(batch)
            await self._answer(batch)
            await self._earn(batch)
        except (BudgetReached, EndpointDown) as error:
            raise type(error)(
                f"source {self.order.source}: stopped with {self.accepted:,} of "
                f"{self.order.rows:,} rows accepted and {size:,} candidates under way: {error}"
            ) from None
        self.tried += size
        self.rounds += 1
        done = Round()
        for candidate in batch:
            self._settle(candidate, done)
        self._status.tell(self.accepted, now=True)
        return done

    def account(self) -> str:
        """One line: how many rows there are and, where they are too few, why."""
        line = (
            f"{self.accepted:,} of {self.order.rows:,} rows accepted from {self.tried:,} "
            f"candidates ({self.accepted / max(self.tried, 1):.0%})"
        )
        if self.accepted >= self.order.rows:
            return line
        why = ", ".join(f"{reason} {count:,}" for reason, count in self.reasons.most_common(5))
        return f"{line}; the ceiling of {self.order.ceiling:g}x is reached: {why}"

    def mendable(self) -> dict[str, int]:
        """Failures that a later run may mend, by reason; none where nothing more is wanted."""
        return dict(+self._mendable) if self.accepted < self.order.rows else {}

    def figures(self) -> dict[str, Any]:
        """What the manifest says of this source's generation."""
        order = self.order
        return {
            "source": order.source,
            "recipe": order.recipe.name,
            "recipe_version": order.recipe.version,
            "settings": order.recipe.model_dump(mode="json", exclude_defaults=True),
            "prompts": self.models.client(order.prompts).model,
            "answers": self.models.client(order.answers).model,
            "samples": order.samples,
            "keep": order.keep,
            "rows_wanted": order.rows,
            "accepted": self.accepted,
            "candidates": self.tried,
            "rounds": self.rounds,
            "acceptance": round(self.accepted / self.tried, 4) if self.tried else None,
            "account": self.account(),
            "reasons": dict(sorted(self.reasons.items())),
            "diversity": {
                "near_duplicate_share": round(self.near / self.prompts, 4)
                if self.prompts
                else None,
                **{f"distinct_{n}": distinct(self.kept_prompts, n) for n in (1, 2, 3)},
            },
        }

    def _size(self) -> int:
        need, left = self.order.rows - self.accepted, self.order.most - self.tried
        if need <= 0:
            return 0
        acceptance = max(self.accepted / self.tried, LEAST_ACCEPTANCE) if self.tried else 1.0
        return max(0, min(math.ceil(need / acceptance), left, ROUND))

    def _candidate(self, number: int) -> Candidate:
        """The persona, document and seed of a candidate; every pass over them has new seeds."""
        recipe = self.order.recipe
        persona = self.personas[number % len(self.personas)] if self.personas else None
        document = self.documents[number % len(self.documents)] if self.documents else None
        passes = number // max(len(self.personas), len(self.documents), 1)
        seed = digest(self.order.seed, self.order.source, passes)
        if not self.personas and not self.documents:
            seed = digest(self.order.seed, self.order.source, number)
        return Candidate(number, persona, document, recipe.start(persona, seed, document))

    async def _write_prompts(self, batch: list[Candidate]) -> None:
        """Send the drafts' turns, level by level, until each is a prompt or is lost."""
        open_ = batch
        while open_:
            by_model: dict[str, list[Query]] = {}
            for candidate in open_:
                assert candidate.draft is not None
                turn = self.order.recipe.next(candidate.draft)
                model = self.order.prompts if turn.by == "prompts" else self.order.answers
                by_model.setdefault(model, []).append(Query(turn.ask, 0, candidate))
            for model, queries in by_model.items():
                await self._ask(model, queries, self._read)
            open_ = [c for c in open_ if c.selected is None and c.samples is None]
        for candidate in batch:
            if candidate.samples and not candidate.selected:
                self._weigh(candidate)

    def _read(self, reply: Reply) -> None:
        """Let the recipe read one reply: the draft goes on, is a prompt, or is lost."""
        candidate: Candidate = reply.query.tag
        if isinstance(reply.outcome, Failure):
            candidate.selected = selection.of_failure(reply.outcome)
            return
        assert candidate.draft is not None
        candidate.request = reply.outcome.request
        said = self.order.recipe.read(candidate.draft, reply.outcome)
        match said:
            case Draft():
                candidate.draft = said
            case Prompt():
                candidate.samples = Samples(said)
            case Reject():
                candidate.selected = Rejected(said.reason, said.detail)
            case NewPersonas():
                candidate.selected = Rejected("personas", "the recipe makes personas, not rows")

    def _weigh(self, candidate: Candidate) -> None:
        """Before anybody is paid to answer: does the prompt say something new?"""
        assert candidate.samples is not None
        self.prompts += 1
        text = _prompt_text(candidate.samples.prompt)
        if found := self._novelty.add(str(candidate.number), text):
            like, likeness = found
            self.near += 1
            candidate.selected = Rejected(
                "near_duplicate", f"of candidate {like}, Jaccard {likeness}"
            )

    async def _answer(self, batch: list[Candidate]) -> None:
        """Ask for every sample of every prompt that is still in."""
        queries = (
            Query(self.order.recipe.answer(candidate.samples.prompt), number, candidate)
            for candidate in batch
            if candidate.samples and not candidate.selected
            for number in range(self.order.samples)
        )
        await self._ask(self.order.answers, queries, self._read_answer)

    def _read_answer(self, reply: Reply) -> None:
        samples, number = reply.query.tag.samples, reply.query.sample
        if isinstance(reply.outcome, Failure):
            samples.failures[number] = reply.outcome
            return
        made = self.order.recipe.read_answer(samples.prompt, reply.outcome)
        if isinstance(made, Reject):
            samples.rejects[number] = made
        else:
            samples.rows[number], samples.answers[number] = made, reply.outcome

    async def _earn(self, batch: list[Candidate]) -> None:
        """Decide which sample of each prompt is kept, in the way that is asked for."""
        waiting = []
        for candidate in batch:
            if candidate.samples and not candidate.selected:
                candidate.selected = selection.unanswered(candidate.samples)
                if candidate.selected is None:
                    waiting.append(candidate)
        todo = [candidate.samples for candidate in waiting if candidate.samples]
        match self.order.keep:
            case "verified":
                selections = await anyio.to_thread.run_sync(
                    partial(selection.verified, todo, **self.order.settings)
                )
            case "majority":
                selections = await anyio.to_thread.run_sync(self._majorities, todo)
            case "judge":
                selections = await self._judge(todo)
            case _:
                selections = [selection.first(samples) for samples in todo]
        for candidate, selected in zip(waiting, selections, strict=True):
            candidate.selected = selected

    def _majorities(self, batch: list[Samples]) -> list[Selection]:
        return [selection.majority(samples, self.order.share) for samples in batch]

    async def _judge(self, batch: list[Samples]) -> list[Selection]:
        """Ask the judge about every sample; its reply is read by schema alone."""
        rubric = self.order.recipe.criterion
        verdicts: list[dict[int, Verdict]] = [{} for _ in batch]

        def queries() -> Iterable[Query]:
            for which, samples in enumerate(batch):
                for number, made in sorted(samples.rows.items()):
                    text = str(made.messages[-1].get("content") or "")
                    (question,) = judging.questions(text, selection.case(samples, rubric))
                    sampling = Sampling(temperature=0.0, max_tokens=JUDGE_TOKENS, seed=0)
                    ask = Ask(tuple(question.messages), sampling, question.schema)
                    yield Query(ask, 0, (which, number))

        def take(reply: Reply) -> None:
            which, number = reply.query.tag
            try:
                if isinstance(reply.outcome, Failure):
                    failed = Unavailable if reply.outcome.mendable else VerifierError
                    raise failed(f"the judge: {reply.outcome.kind}: {reply.outcome.message}")
                verdicts[which][number] = judging.verdict([reply.outcome.text])
            except VerifierError as error:
                verdicts[which][number] = Verdict.failure(error)

        await self._ask(self.order.judge or self.order.answers, queries(), take)
        return [
            selection.judged(samples, dict(sorted(found.items())))
            for samples, found in zip(batch, verdicts, strict=True)
        ]

    async def _ask(
        self, model: str, queries: Iterable[Query], take: Callable[[Reply], None]
    ) -> None:
        async with self.models.stream(model, queries, self.order.source) as replies:
            async for reply in replies:
                take(reply)
                self._status.tell(self.accepted)

    def _settle(self, candidate: Candidate, done: Round) -> None:
        """Write a candidate into the table it belongs to."""
        selected = candidate.selected
        assert selected is not None
        row = generated_row.row(self.order, candidate, selected)
        if isinstance(selected, Accepted):
            selected = self._admitted(row) or selected
        if isinstance(selected, Accepted):
            self.accepted += 1
            samples = candidate.samples
            assert samples is not None
            if len(self.kept_prompts) < MEASURED:
                self.kept_prompts.append(_prompt_text(samples.prompt))
            done.kept.append(row)
            return
        self.reasons[selected.reason] += 1
        self._mendable.update(_mendable(candidate, selected))
        evidence = {"candidate": candidate.number, "detail": selected.detail}
        if selected.pass_rate is not None:
            evidence["pass_rate"] = selected.pass_rate
        lost = {"reason": selected.reason, "evidence": evidence}
        if selected.failed:
            about = candidate.persona or candidate.document
            record = about.text if about else ""
            done.failed.append(lost | {"row": candidate.number, "record": record})
        else:
            done.dropped.append(row | lost)

    def _admitted(self, row: dict[str, Any]) -> Rejected | None:
        """The last gate: enough rows, an identical row, or a row that breaks its kind's rules."""
        if self.accepted >= self.order.rows:
            return Rejected("surplus", f"{self.order.rows:,} rows were accepted before it")
        if row["id"] in self._ids:
            return Rejected("duplicate", "an accepted row has the same content")
        if wrong := violation(self.order.kind, row):
            return Rejected("invalid_row", wrong)
        self._ids.add(row["id"])
        return None


def _prompt_text(prompt: Prompt) -> str:
    if prompt.gist:
        return prompt.gist
    turns = (m for m in prompt.messages if m["role"] == "user")
    return "\n".join(str(turn.get("content") or "") for turn in turns)


def _mendable(candidate: Candidate, lost: Rejected) -> list[str]:
    """Why a later run may keep a candidate that this one lost: its own failure, or a sample's."""
    if lost.mendable:
        return [lost.reason]
    failures = candidate.samples.failures.values() if candidate.samples else ()
    return [failure.kind for failure in failures if failure.mendable][:1]
