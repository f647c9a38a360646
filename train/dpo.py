"""Preference tuning: `python -m train.dpo --data DIR --model DIR --recipe NAME`.

The recipe's `trainer` picks TRL's: dpo (all its losses, `sigmoid_norm` is Tülu 3's), cpo (SimPO,
which needs no reference), kto (each side of a pair on its own).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer
from trl.experimental.cpo import CPOConfig

from dataengine.errors import UserError
from train import kto, render
from train.checks import check_ends, check_rendering, check_weights, worth_checking
from train.command import main
from train.cpo import RenderedCPOTrainer
from train.job import ChatOptions, Job, Stage
from train.trl_model import shared_arguments
from train.truncation import cut_pairs

TRAINERS = {"dpo": DPOTrainer, "cpo": RenderedCPOTrainer, "kto": KTOTrainer}


def check(job: Job) -> dict[str, Any]:
    """Every answer is rendered whole and ends, and no pair becomes equal under truncation."""
    rows = worth_checking(job.data.train, ("prompt", *sides(job)))
    for side in sides(job):
        check_weights(rows, side, frozenset({1}))
    found = check_rendering(job.tokenizer, _conversations(job, rows))
    check_ends(job.tokenizer, _conversations(job, rows), job.start.ends)
    job.refuse_beyond_window(lambda window: _cut(job, window)["truncated"])
    counts = _cut(job, job.config.max_length)
    return found | {f"pairs {name}": number for name, number in counts.items()}


def sides(job: Job) -> tuple[str, ...]:
    """The columns of answers: two for pairs, one for rows of KTO's own."""
    if "completion" not in job.data.train.column_names:
        return ("chosen", "rejected")
    if job.recipe.trainer != "kto":
        raise UserError(
            f"--data {job.options.data}: holds single completions with a label; of the recipes "
            "only kto trains on them"
        )
    return ("completion",)


def _conversations(job: Job, rows: Any) -> Iterator[tuple[render.Row, render.Turns]]:
    for row in rows:
        for side in sides(job):
            yield row, row["prompt"] + row[side]


def _cut(job: Job, length: int | None) -> dict[str, int]:
    return cut_pairs(job.tokenizer, job.data.train, length)


def length(job: Job, row: Mapping[str, Any]) -> int:
    """Tokens of a row's answers, each with its prompt, as far as `max_length` keeps them."""
    return sum(
        job.cut(len(render.ids(job.tokenizer, row["prompt"] + row[side], row)))
        for side in sides(job)
    )


def trainer(job: Job) -> Any:
    """TRL's trainer for the recipe over the job's pairs."""
    name, given = job.recipe.trainer, shared_arguments(job)
    if name == "kto":
        train, validation, seed = job.data.train, job.validation, job.config.seed
        given["train_dataset"] = kto.interleaved(train, seed)
        given["eval_dataset"] = kto.interleaved(validation, seed) if validation else None
    if name == "cpo":
        del given["quantization_config"]
    return TRAINERS[name](**given)


STAGE = Stage(
    "dpo",
    "preference",
    {"dpo": DPOConfig, "cpo": CPOConfig, "kto": KTOConfig},
    check,
    length,
    trainer,
    ChatOptions,
)

if __name__ == "__main__":
    main(STAGE)
