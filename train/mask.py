"""Assistant mask: which tokens of a conversation are its assistant's turns.

Where the template marks them with `{% generation %}`, or TRL has a marked twin of it, the marks
say so. Elsewhere (Llama 3.1 to 3.3, Mistral, ChatML's many kin) a turn is what the conversation
gains by it: what is rendered up to its end, less the prompt that asks for it.
"""

from collections.abc import Mapping
from itertools import groupby
from typing import Any, NamedTuple

from transformers import PreTrainedTokenizerBase
from trl.chat_template_utils import get_training_chat_template, has_generation_markers

from dataengine.errors import UserError
from train import render

ANCHOR = 40
"""Characters before a turn that must stand there too, where earlier turns are rendered anew."""


class Masked(NamedTuple):
    """A conversation's token ids, and the [start, end) of each assistant turn in them."""

    ids: list[int]
    spans: list[tuple[int, int]]


def marked_template(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """The tokenizer's template with marks, or TRL's marked twin of it; None where there is none."""
    own = tokenizer.get_chat_template()
    if has_generation_markers(own):
        return own
    try:
        return get_training_chat_template(tokenizer)
    except ValueError:
        return None


def masked(
    tokenizer: PreTrainedTokenizerBase, row: Mapping[str, Any], template: str | None
) -> Masked:
    """The row's tokens and its assistant turns, under `marked_template`.

    Raises:
        UserError: the template cannot render the row, or renders a turn otherwise once others
            follow it.
    """
    if template is None:
        return _by_rendering(tokenizer, row)
    found = render.apply(
        tokenizer,
        row["messages"],
        row,
        chat_template=template,
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    spans, at = [], 0
    for trained, stretch in groupby(found["assistant_masks"]):
        length = len(list(stretch))
        if trained:
            spans.append((at, at + length))
        at += length
    return Masked(list(found["input_ids"]), spans)


def columns(
    row: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase, template: str | None
) -> dict[str, list[int]]:
    """The row as TRL takes it tokenized: turns of weight 0 are read and not learned."""
    tokens, spans = masked(tokenizer, row, template)
    turns = assistant_turns(row)
    refuse_other_number(row, turns, spans, tokens, tokenizer)
    mask = [0] * len(tokens)
    for turn, (start, end) in zip(turns, spans, strict=True):
        if turn.get("weight") != 0:
            mask[start:end] = [1] * (end - start)
    return {"input_ids": tokens, "assistant_masks": mask}


def assistant_turns(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The assistant's turns of a row."""
    return [turn for turn in row["messages"] if turn["role"] == "assistant"]


def refuse_other_number(
    row: Mapping[str, Any],
    turns: list[Mapping[str, Any]],
    spans: list[tuple[int, int]],
    tokens: list[int],
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    """UserError unless each assistant turn is one unbroken stretch of trained tokens."""
    if len(spans) != len(turns):
        found = " | ".join(render.decode(tokenizer, tokens[start:end]) for start, end in spans)
        raise UserError(
            f"assistant-only loss: row {row.get('id', '?')} has {len(turns)} assistant turns, but "
            f"its trained tokens form {len(spans)} stretches: {render.short(found)}"
        )


def _by_rendering(tokenizer: PreTrainedTokenizerBase, row: Mapping[str, Any]) -> Masked:
    turns = row["messages"]
    whole = render.text(tokenizer, turns, row)
    found: Any = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
    offsets = found["offset_mapping"]
    spans: list[tuple[int, int]] = []
    at = 0
    for number, turn in enumerate(turns):
        if turn["role"] != "assistant":
            continue
        asked = render.text(tokenizer, turns[:number], row, generation=True)
        answered = render.text(tokenizer, turns[: number + 1], row)
        gained = answered[len(asked) :] if answered.startswith(asked) else ""
        start = len(asked) if whole.startswith(answered) else _again(whole, asked, gained, at)
        if not gained.strip() or start < at:
            raise UserError(
                f"assistant-only loss: row {row.get('id', '?')}: the chat template has no "
                "{% generation %} marks, and renders assistant turn "
                f"{len(spans) + 1} otherwise once it is answered or others follow; add the marks, "
                "take such rows out, or train on all tokens with --assistant_only_loss false"
            )
        at = start + len(gained)
        inside = [i for i, (a, b) in enumerate(offsets) if a >= start and b <= at and a < b]
        spans.append((inside[0], inside[-1] + 1) if inside else (0, 0))
    return Masked(list(found["input_ids"]), spans)


def _again(whole: str, asked: str, gained: str, at: int) -> int:
    """Where the turn begins in a text whose earlier turns are written anew; -1 for nowhere."""
    anchor = asked[-ANCHOR:]
    place = whole.find(anchor + gained, max(0, at - len(anchor)))
    return place + len(anchor) if place >= 0 else -1
