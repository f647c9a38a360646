"""transformers backend: a model in a folder or on the Hub."""

from typing import Any

import torch
from lm_eval.models.huggingface import HFLM
from transformers import StoppingCriteria, StoppingCriteriaList

from eval.tasks.answering import InProcess
from eval.tasks.reply import Settings
from eval.verifiers.response import stopped


class Folder(InProcess, HFLM):
    """The harness's transformers model; its likelihoods as they are, its answers as replies."""

    def __init__(self, *, template: dict[str, Any], batch_size: int, **given: Any) -> None:
        super().__init__(batch_size=batch_size, **given)
        self.together = batch_size
        self.template = template

    def complete(self, prompts: list[list[int]], settings: Settings) -> list[list[int]]:
        pad = self.tokenizer.pad_token_id
        longest = max(map(len, prompts))
        ids = [[pad] * (longest - len(prompt)) + prompt for prompt in prompts]
        mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        # What the settings do not say is off, whatever the model's generation config says of it.
        sampling = {"temperature": settings.temperature, "top_p": 1.0, "top_k": 0}
        more = sampling | settings.sampling if settings.temperature else {}
        found = self.model.generate(
            input_ids=torch.tensor(ids, device=self.device),
            attention_mask=torch.tensor(mask, device=self.device),
            max_new_tokens=settings.max_tokens,
            do_sample=settings.temperature > 0,
            repetition_penalty=1.0,
            eos_token_id=sorted(self.ends),
            pad_token_id=pad,
            stopping_criteria=StoppingCriteriaList([Stop(self, settings.stop, longest)]),
            **more,
        )
        return [self._unpadded(row[longest:]) for row in found.tolist()]

    def _unpadded(self, tokens: list[int]) -> list[int]:
        """Without what fills a row that ended before the others of its batch."""
        pad = self.tokenizer.pad_token_id
        size = len(tokens)
        while size and tokens[size - 1] == pad and pad not in self.ends:
            size -= 1
        return tokens[:size]

    def end_tokens(self) -> Any:
        return self.model.generation_config.eos_token_id


class Stop(StoppingCriteria):
    """Ends an answer at a stop string, wherever that is not within its reasoning."""

    def __init__(self, model: Folder, stop: tuple[str, ...], start: int) -> None:
        self.model, self.stop, self.start = model, stop, start
        self.tail = max((len(text.encode()) for text in stop), default=0) + 1

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        return torch.tensor([self._stops(row) for row in input_ids], device=input_ids.device)

    def _stops(self, row: Any) -> bool:
        if not self.stop:
            return False
        tail = self.model.decode(row[self.start :][-self.tail :].tolist())
        if not any(text in tail for text in self.stop):
            return False
        return stopped(self.model.decode(row[self.start :].tolist()), self.stop) is not None
