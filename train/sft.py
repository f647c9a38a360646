"""Supervised finetuning: `python -m train.sft --data DIR --model DIR --recipe NAME`."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelerate import PartialState
from datasets import Dataset
from transformers import AutoTokenizer
from trl import SFTConfig, SFTTrainer

from train import mask, render
from train.checks import (
    check_assistant_mask,
    check_ends,
    check_rendering,
    check_weights,
    shown,
    worth_checking,
)
from train.command import main
from train.job import Job, Stage, model_arguments
from train.trl_model import shared_arguments
from train.truncation import cut_conversations


def check(job: Job) -> dict[str, Any]:
    """What is trained is the assistant's turns, all and whole, or a UserError says why not."""
    config, tokenizer = job.config, job.tokenizer
    rows = worth_checking(job.data.train, ("messages",))
    only = config.assistant_only_loss
    check_weights(rows, "messages", frozenset({0, 1} if only else {1}))
    found = check_rendering(tokenizer, ((row, row["messages"]) for row in rows))
    if only:
        mask_found = check_assistant_mask(tokenizer, rows, job.start.ends)
        found["trained tokens"] = shown(mask_found)
        found["share of tokens trained"] = f"{mask_found['trained']:,} of {mask_found['tokens']:,}"
    else:
        found["trained tokens"] = "all of every row (assistant_only_loss is off)"
        check_ends(tokenizer, ((row, row["messages"]) for row in rows), job.start.ends)
    job.refuse_beyond_window(lambda window: _cut(job, window)["rows cut"])
    # these two packings split what is longer, and lose nothing of it
    splits = config.packing and config.packing_strategy in ("bfd_split", "wrapped")
    cut = {} if splits else _cut(job, config.max_length)
    return found | {name: f"{count:,}" for name, count in cut.items() if count}


def _cut(job: Job, length: int | None) -> dict[str, int]:
    whole = not job.config.assistant_only_loss
    return cut_conversations(job.tokenizer, job.data.train, length, all_tokens=whole)


def length(job: Job, row: Mapping[str, Any]) -> int:
    """Tokens of a row, as far as `max_length` keeps them."""
    if job.config.assistant_only_loss:
        return job.cut(len(mask.masked(job.tokenizer, row, job.marked_template).ids))
    return job.cut(len(render.ids(job.tokenizer, row["messages"], row)))


def trainer(job: Job) -> SFTTrainer:
    """TRL's trainer over the job's rows, tokenized and masked as they were checked."""
    config = copy.copy(model_arguments(job))
    train, validation = job.data.train, job.validation
    if config.assistant_only_loss:
        train = tokenized(job, train)
        validation = tokenized(job, validation) if validation is not None else None
        config.assistant_only_loss = False  # the mask is made
    own = {"args": config, "train_dataset": train, "eval_dataset": validation}
    return SFTTrainer(**shared_arguments(job) | own | {"processing_class": _tokenizer(job)})


def tokenized(job: Job, rows: Dataset) -> Dataset:
    """The rows as token ids and the mask of what is learned."""
    with PartialState().main_process_first():
        return rows.map(
            mask.columns,
            fn_kwargs={"tokenizer": job.tokenizer, "template": job.marked_template},
            remove_columns=rows.column_names,
            num_proc=job.config.dataset_num_proc,
            desc="Tokenizing",
        )


def _tokenizer(job: Job) -> Any:
    """The tokenizer for TRL: untouched where TRL copies a model's template and tokens itself."""
    template = job.config.chat_template_path
    if template and not Path(template).is_file():
        return AutoTokenizer.from_pretrained(job.options.model)
    return job.tokenizer


STAGE = Stage("sft", "sft", {"sft": SFTConfig}, check, length, trainer)

if __name__ == "__main__":
    main(STAGE)
