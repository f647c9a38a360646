"""Truncation: what a cut at `max_length` tokens takes from the rows, counted before training."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from dataengine.errors import UserError
from train import render
from train.mask import marked_template, masked


def cut_conversations(
    tokenizer: PreTrainedTokenizerBase, rows: Dataset, max_length: int | None, *, all_tokens: bool
) -> dict[str, int]:
    """What a cut at `max_length` takes from conversations.

    Returns:
        {"rows cut", "tokens cut", "answers cut", "rows without any answer left"}, all zero where
        nothing is cut. An answer that is cut is trained without its end.
    """
    names = ("rows cut", "tokens cut", "answers cut", "rows without any answer left")
    counts = Counter(dict.fromkeys(names, 0))
    if max_length is None:
        return dict(counts)
    template = None if all_tokens else marked_template(tokenizer)
    for row in rows:
        if _bytes(row, row["messages"]) < max_length:
            continue
        if all_tokens:
            tokens, spans = render.ids(tokenizer, row["messages"], row), [(0, 1)]
        else:
            tokens, spans = masked(tokenizer, row, template)
        if len(tokens) <= max_length:
            continue
        counts["rows cut"] += 1
        counts["tokens cut"] += len(tokens) - max_length
        counts["answers cut"] += sum(end > max_length for _, end in spans)
        counts["rows without any answer left"] += all(start >= max_length for start, _ in spans)
    return dict(counts)


def cut_pairs(
    tokenizer: PreTrainedTokenizerBase, rows: Dataset, max_length: int | None
) -> dict[str, int]:
    """How many pairs a cut at `max_length` tokens shortens, empties, or makes equal.

    A pair whose two sides agree up to the cut teaches that an answer is better than itself.

    Returns:
        {"truncated": pairs with a side cut, "dropped": pairs whose prompt alone fills the length
        (TRL leaves them out)}.

    Raises:
        UserError: some pairs would be equal; how many, and the longest common start.
    """
    counts = Counter({"truncated": 0, "dropped": 0})
    equal: list[str] = []
    if max_length is None:
        return dict(counts)
    for row in rows:
        sides = [row[name] for name in ("chosen", "rejected", "completion") if name in row]
        if max(_bytes(row, row["prompt"] + side) for side in sides) < max_length:
            continue
        prompt = render.ids(tokenizer, row["prompt"], row, generation=True)
        whole = [render.ids(tokenizer, row["prompt"] + side, row) for side in sides]
        counts["truncated"] += max(map(len, whole)) > max_length
        if len(prompt) >= max_length:
            counts["dropped"] += 1
        elif len(whole) == 2 and whole[0][:max_length] == whole[1][:max_length]:
            equal.append(str(row.get("id", "?")))
    if equal:
        raise UserError(
            f"{len(equal)} of {len(rows)} pairs are equal once cut to max_length={max_length} "
            f"tokens (first: {equal[0]}); raise --max_length, or drop them with a length filter "
            "in the mixture"
        )
    return dict(counts)


def _bytes(row: Mapping[str, Any], turns: Sequence[Mapping[str, Any]]) -> float:
    """Bytes that the rendered turns have at most. A token is at least a byte, so a row with fewer
    is not cut; tools have none, since templates lay them out in ways of their own."""
    if render.arguments(row)["tools"]:
        return float("inf")
    return 256 + sum(len(json.dumps(turn, ensure_ascii=False).encode()) + 64 for turn in turns)
