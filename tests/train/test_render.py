"""One rendering: each trainer's tokens are the chat template's, no BOS or EOS more or fewer."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BOS = ("<s>", "<|im_start|>", "<|im_end|>")
QUICK = (
    *("--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "1"),
    *("--gradient_checkpointing", "false", "--max_steps", "1", "--report_to", "none"),
)


@pytest.fixture
def with_bos(model_with: Callable[..., Path], tmp_path: Path) -> Path:
    """A model whose tokenizer puts a BOS before text, as Llama's does; its template writes none."""
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = model_with("qwen2_5", tokens=BOS)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.bos_token = "<s>"
    number = tokenizer.convert_tokens_to_ids("<s>")
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", number)]
    )
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(tmp_path / "bos")
    tokenizer.save_pretrained(tmp_path / "bos")
    assert tokenizer("red")["input_ids"][0] == number
    return tmp_path / "bos"


@pytest.fixture
def trainer(with_bos: Path, tmp_path: Path) -> Callable[..., tuple[Any, Any]]:
    """A stage's TRL trainer, and the job that it was made of."""
    from train import dpo, rlvr, sft
    from train.command import prepare

    def make(stage: str, recipe: str, data: Path, *more: str) -> tuple[Any, Any]:
        made = {"sft": sft.STAGE, "dpo": dpo.STAGE, "rlvr": rlvr.STAGE}[stage]
        argv = ["--data", str(data), "--model", str(with_bos), "--recipe", recipe, *QUICK, *more]
        job = prepare(made, [*argv, "--out", str(tmp_path / "out")])
        made.check(job)
        return made.trainer(job), job

    return make


def test_sft(trainer, build):
    from train import render

    made, job = trainer("sft", "plain", build("sft"))
    for row, tokens in zip(job.data.train, made.train_dataset["input_ids"], strict=True):
        assert tokens == render.ids(job.tokenizer, row["messages"], row)


@pytest.mark.parametrize("recipe", ["dpo", "simpo"])
def test_pairs(trainer, build, recipe):
    from train import render

    made, job = trainer("dpo", recipe, build("preference"))
    for row, tokens in zip(job.data.train, made.train_dataset, strict=True):
        prompt = render.ids(job.tokenizer, row["prompt"], row, generation=True)
        for side in ("chosen", "rejected"):
            whole = render.ids(job.tokenizer, row["prompt"] + row[side], row)
            if recipe == "simpo":
                assert tokens[f"{side}_input_ids"] == whole
                labels = tokens[f"{side}_labels"]
                assert labels == [-100] * len(prompt) + whole[len(prompt) :]
            else:
                assert tokens["prompt_ids"] + tokens[f"{side}_ids"] == whole
                assert tokens["prompt_ids"] == prompt


def test_rollouts(trainer, build):
    from train import render

    few = ("--num_generations", "4", "--generation_batch_size", "4")
    made, job = trainer("rlvr", "tulu31_8b", build("rlvr"), *few, "--max_completion_length", "8")
    rows = list(job.data.train)
    ids, _, _ = made._tokenize_prompts([row["prompt"] for row in rows])
    assert ids == [render.ids(job.tokenizer, row["prompt"], row, generation=True) for row in rows]
