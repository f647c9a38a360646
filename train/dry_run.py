"""Dry run: what a run will do, worked out before it does it (`--dry-run`)."""

from typing import Any

from eval.suites import shipped
from train import lineage
from train.checks import spaced
from train.job import Job, Stage, arguments

SAMPLE = 1000
"""Rows whose tokens are counted for the estimate."""


def lines(stage: Stage, job: Job, found: dict[str, Any]) -> list[str]:
    """What the run will do, as lines for a person: the dry run's output."""
    size = estimate(stage, job)
    return [
        f"{stage.name}: {job.recipe.about} ({job.recipe.name})",
        f"source: {job.recipe.source}",
        *(f"differs: {line}" for line in job.recipe.differs),
        *(f"  {name}: {value}" for name, value in sorted(arguments(job).items())),
        *(f"check: {name}: {value}" for name, value in found.items()),
        *_replaced(job),
        *_coverage(job),
        f"rows: {len(job.data.train):,}",
        f"effective batch: {size['batch']} = {size['how']}",
        *_more_than_the_data(size),
        f"steps: {size['steps']:,}",
        f"tokens: {size['tokens']:,}{size['basis']}",
    ]


def estimate(stage: Stage, job: Job) -> dict[str, Any]:
    """Effective batch, optimiser steps and tokens of the run; tokens from a sample of rows."""
    config, rows, batch = job.config, len(job.data.train), job.batch
    sample = spaced(job.data.train, SAMPLE)
    counted = sum(stage.length(job, row) for row in sample)
    tokens_per_pass = counted * rows // max(len(sample), 1)
    passed = rows
    if getattr(config, "packing", False):
        passed = -(-tokens_per_pass // config.max_length)
    elif generations := getattr(config, "num_generations", None):
        passed = rows * generations * getattr(config, "num_iterations", 1)
        tokens_per_pass *= generations
    elif job.recipe.trainer == "kto" and "completion" not in job.data.train.column_names:
        passed = 2 * rows  # each side of a pair is a row of its own
    per_epoch = max(-(-passed // batch), 1)
    steps = config.max_steps if config.max_steps > 0 else round(per_epoch * config.num_train_epochs)
    exact = "" if len(sample) == rows else f" (from {len(sample)} rows)"
    return {
        "batch": batch,
        "passed": passed,
        "how": f"{config.per_device_train_batch_size} rows x {job.devices} devices x "
        f"{config.gradient_accumulation_steps} accumulation steps",
        "steps": steps,
        "tokens": tokens_per_pass * steps // per_epoch,
        "basis": exact,
    }


def _replaced(job: Job) -> list[str]:
    if not job.start.replaced:
        return []
    template = arguments(job)["chat_template_path"]
    return [f"note: the chat template {template} replaces the model's own, and is saved with it"]


def _more_than_the_data(size: dict[str, Any]) -> list[str]:
    if size["batch"] <= size["passed"]:
        return []
    return [
        f"note: the batch is larger than the data ({size['passed']:,} rows): each step is an "
        "epoch; set --gradient_accumulation_steps"
    ]


def _coverage(job: Job) -> list[str]:
    """Which of the suites that are about to be measured the training data was not checked for."""
    wanted = job.options.suites or ["development"]
    tiers = {suite.tier for suite in shipped().values()}
    asked = [name for name in wanted if name not in tiers] + [
        suite.name for suite in shipped().values() if suite.tier in wanted
    ]
    told = lineage.covered(lineage.lineage("", job))
    silent = [name for name in asked if name not in told]
    return [f"not decontaminated against: {', '.join(silent)}"] if silent else []
