"""Reward model: `python -m train.rm --data DIR --model DIR --recipe NAME`.

TRL's RewardTrainer over pairs: a Bradley-Terry loss, a score at the last token. The model is a
sequence classification model with one label, as vLLM and transformers serve it.
"""

from typing import Any

from trl import RewardConfig, RewardTrainer

from dataengine.errors import UserError
from train import dpo
from train.command import main
from train.job import Job, Stage
from train.trl_model import shared_arguments


def check(job: Job) -> dict[str, Any]:
    """The pairs are rendered whole; those that TRL leaves out as too long are counted."""
    if job.start.adapter:
        raise UserError(
            f"--model {job.options.model}: is a LoRA adapter of a causal model; merge it first "
            "(python -m train.merge)"
        )
    found = dpo.check(job)
    too_long = found.pop("pairs truncated")  # TRL leaves them out whole
    return found | {"pairs dropped": too_long}


def trainer(job: Job) -> RewardTrainer:
    """TRL's trainer over the job's pairs; a `margin` column would change its loss unasked."""
    train, validation = (
        rows.remove_columns([name for name in ("margin",) if name in rows.column_names])
        if rows is not None
        else None
        for rows in (job.data.train, job.validation)
    )
    return RewardTrainer(
        **shared_arguments(job) | {"train_dataset": train, "eval_dataset": validation}
    )


STAGE = Stage("rm", "preference", {"reward": RewardConfig}, check, dpo.length, trainer)

if __name__ == "__main__":
    main(STAGE)
