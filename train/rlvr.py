"""RL from verifiable rewards: `python -m train.rlvr --data DIR --model DIR --recipe NAME`.

GRPO, or RLOO by the recipe's `trainer`, with the rewards of `eval/verifiers`, by the row's
`verifier` and `ground_truth` columns. A verifier that could not decide gives no reward: the sample
leaves the group's mean and spread, and `verifier/error_rate` counts it. Each verifier has its
curve, `verifier/NAME/score`.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers.utils import get_json_schema
from trl import (
    GRPOConfig,
    GRPOTrainer,
    RLOOConfig,
    RLOOTrainer,
)
from trl.import_utils import is_vllm_available

from dataengine.errors import UserError
from eval.verifiers.registry import verifier
from eval.verifiers.verdict import Unavailable, VerifierError
from train import render, rollout_judge, tools
from train.checks import check_rendering, worth_checking
from train.command import main
from train.job import Job, RolloutOptions, Stage
from train.rollout_judge import Judge
from train.rollout_reward import RolloutReward, named
from train.trl_model import shared_arguments

TRAINERS = {"grpo": GRPOTrainer, "rloo": RLOOTrainer}


def check(job: Job) -> dict[str, Any]:
    """Every verifier can run, every prompt is rendered whole, and one batch of them is there."""
    rows, config = job.data.train, job.config
    if job.options.judge:
        rollout_judge.read(job.options.judge)
    check_tools(job)
    names = named_verifiers(rows)
    for name, (number, first) in names.items():
        try:
            refuse_unready(name, bool(job.options.judge))
        except VerifierError as error:
            raise UserError(
                f"--data {job.options.data}: {number} rows (first: {first}) name the verifier "
                f"{name}, which cannot run here: {error}"
            ) from None
    needed = config.generation_batch_size // config.num_generations
    if len(rows) < needed:
        raise UserError(
            f"--data {job.options.data}: {len(rows)} prompts are fewer than the {needed} of one "
            f"generation batch ({config.generation_batch_size} samples, {config.num_generations} a "
            "prompt), so no step would be made; set --generation_batch_size"
        )
    return {"verifiers": ", ".join(names), **check_prompts(job)}


def check_prompts(job: Job) -> dict[str, Any]:
    """Every prompt is rendered whole, and has room for an answer in the model's window."""
    rows = job.data.train
    job.config.chat_template_kwargs = variables(job)
    prompts = worth_checking(rows, ("prompt",))
    offered = [as_trl_renders(job, row) for row in prompts]
    found = check_rendering(job.tokenizer, ((row, row["prompt"]) for row in offered))
    window = job.start.window
    beyond = sum(length(job, row) > window for row in prompts) if window else 0
    if beyond:
        raise UserError(
            f"{beyond} of {len(prompts)} prompts looked at leave no room for "
            f"{job.config.max_completion_length} tokens in the model's window of {window}; set "
            "--max_completion_length, or drop them with a length filter in the mixture"
        )
    return found


def named_verifiers(rows: Dataset) -> dict[str, tuple[int, str]]:
    """The verifiers that rows name, parts of weighted ones too: how many rows, and the first."""
    found: dict[str, tuple[int, str]] = {}
    ids = rows["id"] if "id" in rows.column_names else range(len(rows))
    for row, name, truth in zip(ids, rows["verifier"], rows["ground_truth"], strict=True):
        for each in {asked for asked, _ in named(name, truth)}:
            count, first = found.get(each, (0, str(row)))
            found[each] = (count + 1, first)
    return dict(sorted(found.items()))


def refuse_unready(name: str, judged: bool) -> None:
    """Raise UnknownVerifier, or Unavailable where what a verifier needs is not here."""
    found = verifier(name)
    found.ready()
    if found.takes("ask") and not judged:
        raise Unavailable("it asks a model, and none is given; give --judge rollout_judge.yaml")


def check_tools(job: Job) -> None:
    """Import the tools, and refuse rows that offer others: TRL offers all prompts the same."""
    job.tools = tools.load(job.options.tools)
    if job.tools and job.recipe.trainer != "grpo":
        raise UserError(f"--tools: TRL's {job.recipe.trainer} calls none; take a grpo recipe")
    if "tools" not in job.data.train.column_names:
        return
    known = {function.__name__ for function in job.tools}
    missing: Counter[str] = Counter()
    for row in job.data.train:
        offered = render.arguments(row)["tools"] or ()
        missing.update({tool.get("function", tool)["name"] for tool in offered} - known)
    if missing:
        told = ", ".join(f"{name} (in {count} rows)" for name, count in missing.most_common(5))
        raise UserError(
            f"--data {job.options.data}: rows offer tools that nothing here would run: {told}; "
            "give them as --tools MODULE:FUNCTION"
        )


def as_trl_renders(job: Job, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with the tools and variables that TRL gives to every prompt of the run."""
    schemas = [get_json_schema(function) for function in job.tools]
    return {**row, "tools": schemas, "chat_template_kwargs": job.config.chat_template_kwargs}


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
    row = as_trl_renders(job, row)
    prompt = render.ids(job.tokenizer, row["prompt"], row, generation=True)
    return len(prompt) + job.config.max_completion_length


def trainer(job: Job) -> Any:
    """TRL's trainer over the job's prompts; vLLM generates where there is a GPU and vLLM."""
    given = shared_arguments(job)
    config = given["args"]
    if torch.cuda.is_available() and is_vllm_available() and "use_vllm" not in job.given:
        config.use_vllm = True
    asked = None
    if job.options.judge:
        asked = Judge(rollout_judge.read(job.options.judge), Path(config.output_dir) / "judge")
    if job.tools:
        given["tools"] = job.tools
    return TRAINERS[job.recipe.trainer](
        reward_funcs=RolloutReward(job.tokenizer, config.chat_template_kwargs or {}, asked),
        **given,
    )


STAGE = Stage(
    "rlvr",
    "rlvr",
    {"grpo": GRPOConfig, "rloo": RLOOConfig},
    check,
    length,
    trainer,
    RolloutOptions,
)

if __name__ == "__main__":
    main(STAGE)
