"""lm-evaluation-harness models that answer with `Reply`: whole, with reasoning, whether cut."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from dataengine.errors import UserError
from eval import prompt
from eval.tasks.kept import Kept, Request
from eval.tasks.reply import Reply, Settings
from eval.verifiers.response import has_tag, is_tag, opens_thought, reopened

Keep = Callable[[int, Reply], None]
SLICE = 512
"""Prompts that go to vLLM together: it batches by itself, and a run that breaks off loses these."""


class Answering:
    """A model's side of `generate_until`. The harness's own takes the reasoning away, and stops at
    a stop string within it."""

    kept: Kept

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[Reply]:
        asked = [(text, Settings(**settings["reply"])) for text, settings in map(_args, requests)]
        return self.kept.through(asked, self.replies)

    def chat(self, turns: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]] = ()) -> str:
        """The turns and tools as a prompt."""
        raise NotImplementedError

    def replies(self, requests: Sequence[Request], keep: Keep) -> None:
        """Ask, and hand each reply over as it comes, under its request's number."""
        raise NotImplementedError


class InProcess(Answering):
    """A model whose tokenizer and weights are here. What runs it gives token ids for token ids,
    for so many prompts `together`; `template` are the chat template's settings."""

    tokenizer: Any
    max_length: int
    together: int
    template: dict[str, Any]

    def complete(self, prompts: list[list[int]], settings: Settings) -> list[list[int]]:
        """The token ids after each prompt, up to `settings.max_tokens`; several at once."""
        raise NotImplementedError

    def chat(self, turns: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]] = ()) -> str:
        """As training renders it. UserError where the template refuses the turns or the tools."""
        try:
            text = prompt.text(self.tokenizer, turns, tools, **self.template)
        except Exception as error:  # templates raise what they like
            roles = ", ".join(turn["role"] for turn in turns)
            raise UserError(
                f"the model's chat template refuses the turns {roles}: "
                f"{' '.join(str(error).split())[:200]}"
            ) from None
        told = [tool["function"]["name"] for tool in tools]
        told += [turn["content"].strip() for turn in turns if turn["role"] == "system"]
        lost = [one for one in told if one not in text]
        if lost:
            raise UserError(f"the model's chat template leaves out what it is given: {lost[0]!r}")
        return text

    def encode(self, text: str, chat: bool) -> list[int]:
        """A rendered chat has the special tokens that its template wrote; other text gets those
        that the tokenizer adds."""
        return prompt.ids(self.tokenizer, text) if chat else list(self.tokenizer(text)["input_ids"])

    def replies(self, requests: Sequence[Request], keep: Keep) -> None:
        from tqdm import tqdm

        prompts = [self.encode(text, settings.chat) for text, settings in requests]
        order = sorted(range(len(requests)), key=lambda at: -len(prompts[at]))
        settings = requests[0][1]
        room = self.max_length - settings.max_tokens
        for start in tqdm(range(0, len(order), self.together), desc="answers", disable=None):
            places = order[start : start + self.together]
            given = self.complete([prompts[at][-room:] for at in places], settings)
            for at, tokens in zip(places, given, strict=True):
                reply = self.read(tokens, requests[at][0], settings)
                keep(at, reply._replace(clipped=len(prompts[at]) > room))

    def read(self, tokens: list[int], asked: str, settings: Settings) -> Reply:
        """Generated tokens as a reply: up to the end token, or to a stop string in the answer."""
        end = next((at for at, token in enumerate(tokens) if token in self.ends), None)
        text = self.decode(tokens[:end])
        text = reopened(text) if opens_thought(asked) else text
        cut = end is None and len(tokens) >= settings.max_tokens
        return Reply(text, cut).stopped(settings.stop)

    def decode(self, tokens: list[int]) -> str:
        """The text without special tokens, but for those that mark a thought or a call."""
        kept = [token for token in tokens if token not in self.hidden]
        return str(self.tokenizer.decode(kept, skip_special_tokens=False))

    @cached_property
    def hidden(self) -> set[int]:
        special = set(self.tokenizer.all_special_ids)
        named = {token: str(self.tokenizer.convert_ids_to_tokens(token)) for token in special}
        return {token for token, name in named.items() if not is_tag(name) and not _calls(name)}

    @cached_property
    def ends(self) -> set[int]:
        """The tokens that end an answer: the model's own, and its tokenizer's."""
        own = self.end_tokens()
        several = own if isinstance(own, list) else [own]
        return {token for token in (*several, self.tokenizer.eos_token_id) if token is not None}

    def end_tokens(self) -> Any:
        """`eos_token_id` of the model's generation config."""
        raise NotImplementedError

    @property
    def thinks(self) -> bool:
        """Whether the chat template speaks of thoughts, so that a stop string may stand in one."""
        return has_tag(str(self.tokenizer.chat_template or ""))


def _calls(name: str) -> bool:
    return "tool" in name.lower() or "python_tag" in name


def _args(request: Any) -> tuple[str, dict[str, Any]]:
    text, settings = request.args
    return text, settings
