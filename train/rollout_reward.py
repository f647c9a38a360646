"""Verifier rewards for rollouts: what a policy said after its thinking, judged by `eval.verifiers`.

A chat template may open the thought in the prompt (Qwen 3.5, R1 distills). A completion that never
closes it is no answer, whatever it guesses on the way, and no opening tag in it says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transformers import PreTrainedTokenizerBase

from eval.verifiers.response import final_answer, opens_thought, read
from eval.verifiers.reward import Completion, Reward, text
from eval.verifiers.verdict import VerifierError
from eval.verifiers.weighted import parts
from train import render
from train.rollout_judge import Judge

UNFINISHED = "<think>"
"""A thought that does not end: the verifiers' reading of it is that nothing was answered."""


@dataclass
class RolloutReward:
    """The reward function for TRL's trainers."""

    tokenizer: PreTrainedTokenizerBase
    variables: Mapping[str, Any] = field(default_factory=dict)
    """What the trainer gives the template for every prompt (`chat_template_kwargs`)."""
    judge: Judge | None = None
    verifiers: Reward = field(init=False)

    def __post_init__(self) -> None:
        self.verifiers = Reward({"judge": {"ask": self.judge}} if self.judge else {})
        self.__name__ = self.verifiers.__name__  # what TRL logs it as

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Completion],
        *,
        completion_ids: Sequence[Sequence[int]],
        **columns: Any,
    ) -> list[float | None]:
        said = [
            self.said(*rollout)
            for rollout in zip(prompts, completions, completion_ids, strict=True)
        ]
        if self.judge:
            self.judge.ask_ahead(list(_judged(said, columns["verifier"], columns["ground_truth"])))
        return self.verifiers(prompts, said, **columns)

    def said(self, prompt: Any, completion: Completion, tokens: Sequence[int]) -> Completion:
        """What is judged: the answer after the thought, or a thought without an end."""
        row = {"chat_template_kwargs": dict(self.variables)}
        opened = opens_thought(render.text(self.tokenizer, prompt, row, generation=True))
        whole = self._decoded(tokens)
        if read(whole, opened).answer is None:
            return UNFINISHED
        if not isinstance(completion, str) and len(completion) > 1:
            return completion  # calls and their results: the last turn is the answer
        return final_answer(whole, opened) or ""

    def _decoded(self, tokens: Sequence[int]) -> str:
        """The text without special tokens, save the tags of thoughts where they are such."""
        special = {
            token
            for token in self.tokenizer.all_special_ids
            if "think" not in render.decode(self.tokenizer, [token]).lower()
        }
        kept = [token for token in tokens if token not in special]
        return render.decode(self.tokenizer, kept)


def _judged(
    said: Sequence[Completion], verifiers: Sequence[str], truths: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """The answers that go before the judge with their ground truths, parts of weighted ones too."""
    for completion, name, truth in zip(said, verifiers, truths, strict=True):
        if completion == UNFINISHED:
            continue
        for each, of_part in named(name, truth):
            if each == "judge":
                yield text(completion), of_part


def named(verifier: str, truth: str) -> list[tuple[str, str]]:
    """The verifiers that a row asks, each with its ground truth: itself, and a weighted one's."""
    if verifier != "weighted":
        return [(verifier, truth)]
    try:
        return [(verifier, truth), *((part.verifier, part.ground_truth) for part in parts(truth))]
    except VerifierError:
        return [(verifier, truth)]  # a label that cannot be read is an error of its own row
