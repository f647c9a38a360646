"""LoRA adapters to the end: trained on by every stage, merged, their manifest along."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dataengine.errors import UserError

QUICK = (
    *("--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "1"),
    *("--gradient_checkpointing", "false", "--max_steps", "2", "--save_strategy", "no"),
    *("--disable_tqdm", "true", "--logging_steps", "1", "--learning_rate", "1e-2"),
)
ROLLOUTS = (
    *("--num_generations", "4", "--generation_batch_size", "4", "--max_completion_length", "8"),
)
STAGES = {"sft": "plain", "dpo": "tulu3_8b", "rlvr": "tulu31_8b"}
KINDS = {"sft": "sft", "dpo": "preference", "rlvr": "rlvr"}


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., Path]:
    from train import dpo, rlvr, sft
    from train.command import run

    def call(stage: str, data: Path, model: Path, *more: str) -> Path:
        argv = ["--data", str(data), "--model", str(model), "--recipe", STAGES[stage], *QUICK]
        made = {"sft": sft.STAGE, "dpo": dpo.STAGE, "rlvr": rlvr.STAGE}[stage]
        rolled = ROLLOUTS if stage == "rlvr" else ("--max_length", "128")
        return run(made, [*argv, *rolled, "--out", str(tmp_path / f"out-{stage}"), *more])

    return call


@pytest.fixture
def adapter(train, build, tiny, tmp_path) -> Path:
    lora = ("--use_peft", "true", "--lora_target_modules", "all-linear", "--lora_r", "4")
    return train("sft", build("sft", name="first"), tiny, *lora, "--out", str(tmp_path / "lora"))


@pytest.mark.parametrize("stage", ["sft", "dpo", "rlvr"])
def test_each_stage_trains_an_adapter_on(train, build, adapter, stage, tiny):
    from safetensors.torch import load_file

    out = train(stage, build(KINDS[stage], name=f"then-{stage}"), adapter)
    before, after = (load_file(path / "adapter_model.safetensors") for path in (adapter, out))
    assert before.keys() == after.keys()
    assert any(not before[name].equal(after[name]) for name in before) or stage == "rlvr"
    told = json.loads((out / "dataengine_manifest.json").read_text())
    assert [entry["stage"] for entry in told["stages"]] == ["sft", stage]
    assert told["start"]["model"] == tiny.name


def test_the_reference_of_dpo_is_the_adapter_as_it_was(train, build, adapter):
    out = train("dpo", build("preference"), adapter, "--max_steps", "1", "--logging_steps", "1")
    history = json.loads((out / "trainer_state.json").read_text())["log_history"]
    # policy and reference agree before the first step: both log-ratios are 0, the loss is log 2
    assert history[0]["loss"] == pytest.approx(0.6931, abs=1e-3)
    assert history[0]["rewards/margins"] == pytest.approx(0, abs=1e-5)


def test_a_new_adapter_over_an_adapter_is_one_line(train, build, adapter):
    with pytest.raises(UserError, match=r"is a LoRA adapter already.*python -m train\.merge"):
        train("dpo", build("preference"), adapter, "--use_peft", "true")


def test_merged_the_model_says_the_same_and_keeps_its_manifest(adapter, tmp_path, tiny):
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM

    from train.merge import main, merge

    out = tmp_path / "whole"
    main(["--model", str(adapter), "--out", str(out)])
    tokens = torch.tensor([[5, 9, 40, 7]])
    lora, whole = (
        kind.from_pretrained(path)(tokens).logits
        for kind, path in ((AutoPeftModelForCausalLM, adapter), (AutoModelForCausalLM, out))
    )
    assert torch.allclose(lora, whole, atol=1e-4)
    assert not torch.allclose(AutoModelForCausalLM.from_pretrained(tiny)(tokens).logits, whole)
    name = "dataengine_manifest.json"
    assert (out / name).read_text() == (adapter / name).read_text()
    with pytest.raises(UserError, match="already holds a model"):
        merge(adapter, out)
    with pytest.raises(UserError, match=r"no adapter_config\.json there"):
        merge(tiny, tmp_path / "other")
