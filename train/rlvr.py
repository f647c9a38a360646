"""RL from verifiable rewards: `python -m train.rlvr --data DIR --model DIR --recipe NAME`.

GRPO with the rewards of `eval/verifiers`, by the row's `verifier` and `ground_truth` columns. A
verifier that could not decide gives no reward: the sample leaves the group's mean and spread, and
`verifier/error_rate` counts it. Each verifier has its curve, `verifier/NAME/score`.
"""

from collections.abc import Mapping
from typing import Any

import torch
from trl import GRPOConfig, GRPOTrainer, get_peft_config, get_quantization_config
from trl.import_utils import is_vllm_available

from dataengine.errors import UserError
from eval.verifiers.registry import require
from eval.verifiers.verdict import UnknownVerifier
from train.checks import rendered
from train.command import main
from train.job import Job, Stage, model_arguments
from train.reward import RolloutReward


def check(job: Job) -> dict[str, Any]:
    """Every verifier that a row names is one there is."""
    names = sorted(job.data.train.unique("verifier"))
    for name in names:
        try:
            require(name)
        except UnknownVerifier as error:
            raise UserError(f"--data {job.options.data}: {error}") from None
    return {"verifiers": ", ".join(names)}


def length(job: Job, row: Mapping[str, Any]) -> int:
    """Tokens of a prompt and of the longest completion that may follow it."""
    prompt = rendered(job.tokenizer, row["prompt"], row, generation=True)
    return len(prompt) + job.config.max_completion_length


def trainer(job: Job) -> GRPOTrainer:
    """TRL's trainer over the job's prompts; vLLM generates where there is a GPU and vLLM."""
    config = model_arguments(job)
    if torch.cuda.is_available() and is_vllm_available() and "use_vllm" not in job.given:
        config.use_vllm = True
    return GRPOTrainer(
        model=job.options.model,
        reward_funcs=RolloutReward(
            tokenizer=job.tokenizer, variables=config.chat_template_kwargs or {}
        ),
        args=config,
        train_dataset=job.data.train,
        eval_dataset=job.validation,
        processing_class=job.tokenizer,
        quantization_config=get_quantization_config(job.model),
        peft_config=get_peft_config(job.model),
    )


STAGE = Stage("rlvr", "rlvr", {"grpo": GRPOConfig}, check, length, trainer)

if __name__ == "__main__":
    main(STAGE)
