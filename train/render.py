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
from eval import prompt

Row = Mapping[str, Any]
Turns = Sequence[Mapping[str, Any]]


def arguments(row: Row) -> dict[str, Any]:
    """What a row tells the template beside its turns: its tools and its own variables."""
    tools = row.get("tools")
    if isinstance(tools, str):
        tools = json.loads(tools)
    return {"tools": tools or None, **(row.get("chat_template_kwargs") or {})}


def apply(tokenizer: PreTrainedTokenizerBase, turns: Turns, row: Row, **options: Any) -> Any:
    """`apply_chat_template` with the row's tools and variables.

    Raises:
        UserError: the template refuses the turns; which row, and what it says.
    """
    try:
        given: Any = list(turns)
        return tokenizer.apply_chat_template(given, **options, **arguments(row))
    except (TemplateError, TypeError, ValueError, KeyError) as error:
        said = " ".join(str(error).split())
        raise UserError(
            f"row {row.get('id', '?')}: the chat template cannot render it: {said}; take such rows "
            "out in the mixture, or choose another template"
        ) from None


def text(
    tokenizer: PreTrainedTokenizerBase, turns: Turns, row: Row, generation: bool = False
) -> str:
    """The conversation as the template writes it; with `generation` up to the answer's begin."""
    return str(apply(tokenizer, turns, row, add_generation_prompt=generation, tokenize=False))


def ids(
    tokenizer: PreTrainedTokenizerBase, turns: Turns, row: Row, generation: bool = False
) -> list[int]:
    """The token ids of `text`."""
    return encode(tokenizer, text(tokenizer, turns, row, generation))


def encode(tokenizer: PreTrainedTokenizerBase, written: str) -> list[int]:
    """The token ids of rendered text: nothing is added to it."""
    return prompt.ids(tokenizer, written)


def decode(tokenizer: PreTrainedTokenizerBase, tokens: Sequence[int]) -> str:
    """The text of tokens, special ones too, blanks as they are."""
    return str(tokenizer.decode(list(tokens), clean_up_tokenization_spaces=False))


def left_out(written: str, turns: Turns, row: Row) -> str | None:
    """What a template left out of the text it wrote, or None: a turn's words, or a tool."""
    for turn in turns:
        content = turn.get("content")
        said = content.strip() if isinstance(content, str) else ""
        quoted = json.dumps(said, ensure_ascii=False)[1:-1]
        if turn["role"] != "assistant" and said not in written and quoted not in written:
            return f"the {turn['role']} turn {short(said)}"
    for tool in arguments(row)["tools"] or ():
        name = tool.get("function", tool).get("name", "")
        if name not in written:
            return f"the tool {name}"
    return None


def short(told: str) -> str:
    """Text as a message quotes it."""
    return repr(told if len(told) <= 120 else f"{told[:80]} … {told[-30:]}")
