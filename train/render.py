"""Chat-template rendering: the token ids of a conversation, alike in training and in rollouts.

What the template writes is the whole text. No BOS and no EOS is added to it, and none is taken
away: TRL's SFT, DPO, KTO and GRPO, vLLM's chat endpoint and `transformers` do the same, so a model
meets at inference what it met in training.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from dataengine.errors import UserError

Turns = Sequence[Mapping[str, Any]]


def arguments(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a row tells the template beside its turns: its tools and its own variables."""
    tools = row.get("tools")
    if isinstance(tools, str):
        tools = json.loads(tools)
    return {"tools": tools or None, **(row.get("chat_template_kwargs") or {})}


def text(
    tokenizer: PreTrainedTokenizerBase,
    turns: Turns,
    row: Mapping[str, Any],
    generation: bool = False,
    template: str | None = None,
) -> str:
    """The conversation as the template writes it; with `generation` up to where an answer begins.

    Raises:
        UserError: the template refuses the turns; which row, and what it says.
    """
    try:
        return str(
            tokenizer.apply_chat_template(
                list(turns),
                chat_template=template,
                add_generation_prompt=generation,
                tokenize=False,
                **arguments(row),
            )
        )
    except (TemplateError, TypeError, ValueError, KeyError) as error:
        said = " ".join(str(error).split())
        raise UserError(
            f"row {row.get('id', '?')}: the chat template cannot render it: {said}; take the row "
            "out in the mixture, or choose another template"
        ) from None


def ids(
    tokenizer: PreTrainedTokenizerBase,
    turns: Turns,
    row: Mapping[str, Any],
    generation: bool = False,
    template: str | None = None,
) -> list[int]:
    """The token ids of `text`."""
    written = text(tokenizer, turns, row, generation, template)
    return list(tokenizer(written, add_special_tokens=False)["input_ids"])
