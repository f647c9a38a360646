"""On-policy distillation: `python -m train.distill --data DIR --model DIR --recipe on_policy
--teacher_model_name_or_path DIR`.

TRL's DistillationTrainer over the prompts of an rlvr build: the student answers, the teacher says
of each of its tokens how likely it was. No verifier is asked.
"""

from typing import Any

from transformers import AutoTokenizer
from trl import DistillationConfig, DistillationTrainer

from dataengine.errors import UserError
from train import rlvr
from train.command import main
from train.job import ChatOptions, Job, Stage
from train.trl_model import shared_arguments


def check(job: Job) -> dict[str, Any]:
    """The teacher reads the same tokens, and every prompt is rendered whole."""
    teacher = job.config.teacher_model_name_or_path
    if not teacher:
        raise UserError("--teacher_model_name_or_path is missing: the model to learn from")
    try:
        theirs = AutoTokenizer.from_pretrained(teacher).get_vocab()
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(f"--teacher_model_name_or_path {teacher}: no tokenizer: {first}") from None
    ours = job.tokenizer.get_vocab()
    if ours != theirs:
        differing = sum(theirs.get(token) != number for token, number in ours.items())
        raise UserError(
            f"--teacher_model_name_or_path {teacher}: {differing:,} of the student's "
            f"{len(ours):,} tokens have another number or none in its vocabulary of "
            f"{len(theirs):,}; likelihoods are compared by number, so both need one tokenizer"
        )
    return {"teacher": teacher, **rlvr.check_prompts(job)}


def trainer(job: Job) -> DistillationTrainer:
    """TRL's trainer over the job's prompts."""
    return DistillationTrainer(
        teacher_model=job.config.teacher_model_name_or_path, **shared_arguments(job)
    )


STAGE = Stage(
    "distill",
    "rlvr",
    {"distill": DistillationConfig},
    check,
    rlvr.length,
    trainer,
    ChatOptions,
)

if __name__ == "__main__":
    main(STAGE)
