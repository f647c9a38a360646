"""RL from verifiable rewards: `python -m train.rlvr --data DIR --model DIR --recipe NAME`.

GRPO with the rewards of `eval/verifiers`, by the row's `verifier` and `ground_truth` columns. A
verifier that could not decide gives no reward: the sample leaves the group's mean and spread, and
`verifier/error_rate` counts it. Each verifier has its curve, `verifier/NAME/score`.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import torch
from datasets import Dataset
from trl import GRPOConfig, GRPOTrainer, get_peft_config, get_quantization_config
from trl.import_utils import is_vllm_available

from dataengine.errors import UserError
from eval.verifiers.registry import verifier
from eval.verifiers.verdict import Unavailable, VerifierError
from eval.verifiers.weighted import parts
from train import render
from train.checks import check_rendering, worth_checking
from train.command import main
from train.job import ChatOptions, Job, Stage, model_arguments
from train.model import start_model
from train.reward import RolloutReward


def check(job: Job) -> dict[str, Any]:
    """Every verifier can run, every prompt is rendered whole, and one batch of them is there."""
    rows, config = job.data.train, job.config
    names = named_verifiers(rows)
    for name, (number, first) in names.items():
        try:
            refuse_unready(name)
        except VerifierError as error:
            raise UserError(
                f"--data {job.options.data}: {number} rows (first: {first}) name the verifier "
                f"{name}, which cannot run here: {error}"
            ) from None
    config.chat_template_kwargs = variables(job)
    prompts = worth_checking(rows, ("prompt",))
    found = check_rendering(job.tokenizer, ((row, row["prompt"]) for row in prompts))
    needed = config.generation_batch_size // config.num_generations
    if len(rows) < needed:
        raise UserError(
            f"--data {job.options.data}: {len(rows)} prompts are fewer than the {needed} of one "
            f"generation batch ({config.generation_batch_size} samples, {config.num_generations} a "
            "prompt), so no step would be made; set --generation_batch_size"
        )
    return {"verifiers": ", ".join(names), **found}


def named_verifiers(rows: Dataset) -> dict[str, tuple[int, str]]:
    """The verifiers that rows name, parts of weighted ones too: how many rows, and the first."""
    found: dict[str, tuple[int, str]] = {}
    ids = rows["id"] if "id" in rows.column_names else range(len(rows))
    for row, name, truth in zip(ids, rows["verifier"], rows["ground_truth"], strict=True):
        for each in {name} | (_parts(truth) if name == "weighted" else set()):
            count, first = found.get(each, (0, str(row)))
            found[each] = (count + 1, first)
    return dict(sorted(found.items()))


def _parts(truth: str) -> set[str]:
    try:
        return {part.verifier for part in parts(truth)}
    except VerifierError:
        return set()  # a label that cannot be read is an error of its own row


def refuse_unready(name: str) -> None:
    """UnknownVerifier, or Unavailable where what it needs is not here."""
    found = verifier(name)
    found.ready()
    if found.takes("ask"):
        raise Unavailable("it asks a model, and none is given")


def variables(job: Job) -> dict[str, Any]:
    """The template's variables for every prompt: the arguments', else what all rows agree on.

    TRL gives one set of them to all prompts of a run.
    """
    rows = job.data.train
    if job.config.chat_template_kwargs or "chat_template_kwargs" not in rows.column_names:
        return dict(job.config.chat_template_kwargs or {})
    given = Counter(json.dumps(v or {}, sort_keys=True) for v in rows["chat_template_kwargs"])
    if len(given) > 1:
        told = "; ".join(f"{value} in {count} rows" for value, count in given.most_common(3))
        raise UserError(
            f"--data {job.options.data}: rows differ in chat_template_kwargs ({told}), and TRL "
            "renders all prompts of a run alike; split them in the mixture, or give "
            "--chat_template_kwargs"
        )
    return dict(json.loads(next(iter(given), "{}")))


def length(job: Job, row: Mapping[str, Any]) -> int:
    """Tokens of a prompt and of the longest completion that may follow it."""
    prompt = render.ids(job.tokenizer, row["prompt"], row, generation=True)
    return len(prompt) + job.config.max_completion_length


def trainer(job: Job) -> GRPOTrainer:
    """TRL's trainer over the job's prompts; vLLM generates where there is a GPU and vLLM."""
    config = model_arguments(job)
    if torch.cuda.is_available() and is_vllm_available() and "use_vllm" not in job.given:
        config.use_vllm = True
    return GRPOTrainer(
        model=start_model(job),
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


STAGE = Stage("rlvr", "rlvr", {"grpo": GRPOConfig}, check, length, trainer, ChatOptions)

if __name__ == "__main__":
    main(STAGE)
