"""Chat-template rendering of an eval prompt: its text, and its token ids.

One rendering for training, rewards and evaluation. What the template writes is all there is: the
tokenizer adds no BOS of its own to it, nor a second one.
"""

from collections.abc import Mapping, Sequence
from typing import Any


def text(
    tokenizer: Any,
    turns: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]] | None = None,
    *,
    generation: bool = True,
    **template: Any,
) -> str:
    """The turns under the tokenizer's chat template, with the start of the answer where
    `generation`. `template` are the template's own settings, such as `enable_thinking`."""
    return str(
        tokenizer.apply_chat_template(
            list(turns),
            tools=list(tools) if tools else None,
            tokenize=False,
            add_generation_prompt=generation,
            **template,
        )
    )


def ids(tokenizer: Any, rendered: str) -> list[int]:
    """The token ids of a rendered chat."""
    return list(tokenizer(rendered, add_special_tokens=False)["input_ids"])
