"""Reward model on preference pairs: `python -m eval.reward --model DIR --data BUILD`.

How often the chosen answer's reward is higher than the rejected one's, by source, with intervals.
The model is a sequence classifier with one label, as `train.rm` and TRL's RewardTrainer make it.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from dataengine.errors import UserError
from eval import prompt
from eval.stats import interval

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
Pair = dict[str, Any]


@app.command()
def main(
    model: Annotated[str, typer.Option(help="A reward model's folder or Hub id")],
    data: Annotated[str, typer.Option(help="A build of kind preference, or a Hub dataset")],
    split: Annotated[str, typer.Option(help="Which split's pairs")] = "validation",
    out: Annotated[Path | None, typer.Option(help="Write the rewards to this Parquet file")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Answers at once")] = 8,
) -> None:
    """Ask a reward model for the rewards of both answers of each pair."""
    try:
        told = pairs(data, split)
        rewards = scored(model, told, batch)
    except UserError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    if out:
        rewards.write_parquet(out)
    typer.echo(table(rewards))


def pairs(data: str, split: str) -> list[Pair]:
    """The pairs of a split. UserError where there are none."""
    from datasets import load_dataset

    try:
        rows = load_dataset(data, split=split)
    except Exception as error:  # no such folder, repository or split: each client has its own kinds
        said = " ".join(str(error).split())[:200]
        raise UserError(f"--data {data}: no split {split!r} can be read: {said}") from None
    missing = {"prompt", "chosen", "rejected"} - set(rows.column_names)
    if missing:
        raise UserError(f"--data {data}: no pairs; {', '.join(sorted(missing))} are not there")
    return list(rows)


def scored(model: str, told: Sequence[Pair], batch: int) -> pl.DataFrame:
    """One row a pair: its id and source, and the rewards of its two answers."""
    import torch

    tokenizer, judge = loaded(model)
    texts = [
        prompt.ids(tokenizer, rendered(tokenizer, pair, side))
        for pair in told
        for side in ("chosen", "rejected")
    ]
    rewards: list[float] = []
    with torch.no_grad():
        for ids in _batches(texts, batch):
            padded = tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(judge.device)
            rewards += judge(**padded).logits[:, 0].float().tolist()
    return pl.DataFrame(
        {
            "id": [str(pair.get("id", number)) for number, pair in enumerate(told)],
            "source": [str(pair.get("source", "")) for pair in told],
            "chosen": rewards[::2],
            "rejected": rewards[1::2],
        }
    )


def loaded(model: str) -> tuple[Any, Any]:
    """Tokenizer and reward model, on the GPU where there is one. UserError where it is none."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(model)
        if config.num_labels != 1 or "ForSequenceClassification" not in str(config.architectures):
            raise ValueError("it is no reward model (a sequence classifier of one label)")
        tokenizer = AutoTokenizer.from_pretrained(model)
        judge = AutoModelForSequenceClassification.from_pretrained(model)
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise UserError(f"--model: {model} cannot be asked: {said}") from None
    return tokenizer, judge.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def rendered(tokenizer: Any, pair: Pair, side: str) -> str:
    """A whole conversation with one of its answers, as training renders it."""
    tools = pair.get("tools")
    tools = json.loads(tools) if isinstance(tools, str) else tools
    settings = pair.get("chat_template_kwargs") or {}
    turns = [*pair["prompt"], *pair[side]]
    try:
        return prompt.text(tokenizer, turns, tools, generation=False, **settings)
    except Exception as error:  # templates raise what they like
        said = " ".join(str(error).split())[:200]
        raise UserError(f"{pair.get('id', '?')}: the chat template refuses it: {said}") from None


def _batches(texts: list[list[int]], size: int) -> Iterator[list[list[int]]]:
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


def table(rewards: pl.DataFrame) -> str:
    """Markdown: accuracy (a tie is wrong) and the mean margin, by source and in all."""
    rows = ["| source | accuracy | 95 % CI | margin | n |", "|---|---:|---:|---:|---:|"]
    sources = rewards.partition_by("source", maintain_order=True)
    several = [(str(part["source"][0]), part) for part in sources] if len(sources) > 1 else []
    for name, part in [*several, ("all", rewards)]:
        margins = part["chosen"] - part["rejected"]
        found = interval((margins > 0).cast(pl.Float64).to_list())
        bounds = f"{found.low * 100:.1f} to {found.high * 100:.1f}"
        margin = f"{sum(margins) / len(margins):.3f}"
        rows.append(f"| {name} | {100 * found.mean:.1f} | {bounds} | {margin} | {len(part):,} |")
    return "\n".join(rows)


if __name__ == "__main__":
    app()
