"""On-policy distillation: the student comes nearer to its teacher, with one tokenizer."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dataengine.errors import UserError


@pytest.fixture
def distill(tiny: Path, tmp_path: Path) -> Callable[..., Path]:
    from train.command import run
    from train.distill import STAGE

    def call(data: Path, *more: str) -> Path:
        argv = ["--data", str(data), "--model", str(tiny), "--recipe", "on_policy"]
        quick = ["--gradient_accumulation_steps", "1", "--per_device_train_batch_size", "8"]
        quick += ["--gradient_checkpointing", "false", "--disable_tqdm", "true"]
        quick += ["--save_strategy", "no", "--max_completion_length", "8"]
        return run(STAGE, [*argv, *quick, "--out", str(tmp_path / "student"), *more])

    return call


def test_the_student_comes_nearer(distill, build, tiny, tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    teacher = tmp_path / "teacher"
    model = AutoModelForCausalLM.from_pretrained(tiny)
    torch.manual_seed(1)
    for weights in model.parameters():
        weights.data += 0.1 * torch.randn_like(weights)
    model.save_pretrained(teacher)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(teacher)
    more = ("--teacher_model_name_or_path", str(teacher), "--learning_rate", "2e-2")
    out = distill(build("rlvr"), *more, "--max_steps", "9")
    history = json.loads((out / "trainer_state.json").read_text())["log_history"]
    losses = [entry["loss"] for entry in history if "loss" in entry]
    assert losses[-1] < 0.75 * losses[0]


def test_a_teacher_is_needed_and_one_tokenizer(distill, build, model_with):
    data = build("rlvr")
    with pytest.raises(UserError, match="--teacher_model_name_or_path is missing"):
        distill(data)
    other = str(model_with("qwen2_5"))
    with pytest.raises(UserError, match=r"vocabulary of \d+; .* both need one tokenizer"):
        distill(data, "--teacher_model_name_or_path", other)
