"""The reward model: a score that ranks chosen above rejected, loaded as anybody serves it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dataengine.errors import UserError


@pytest.fixture
def rm(tiny: Path, tmp_path: Path) -> Callable[..., Path]:
    from train.command import run
    from train.rm import STAGE

    def call(data: Path, *more: str) -> Path:
        argv = ["--data", str(data), "--model", str(tiny), "--recipe", "tulu3_8b"]
        quick = ["--gradient_accumulation_steps", "1", "--per_device_train_batch_size", "8"]
        quick += ["--gradient_checkpointing", "false", "--disable_tqdm", "true"]
        quick += ["--save_strategy", "no", "--max_length", "128", "--learning_rate", "1e-2"]
        return run(STAGE, [*argv, *quick, "--out", str(tmp_path / "rm"), *more])

    return call


def rows(**more: float) -> list[dict]:
    return [
        {
            "id": f"{n:032x}",
            "prompt": [{"role": "user", "content": f"hello {n}"}],
            "chosen": [{"role": "assistant", "content": "red"}],
            "rejected": [{"role": "assistant", "content": "blue"}],
            **more,
        }
        for n in range(16)
    ]


def test_the_score_ranks_the_pairs_it_learned(rm, build):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    out = rm(build("preference", rows=rows()), "--num_train_epochs", "8")
    model = AutoModelForSequenceClassification.from_pretrained(out)
    tokenizer = AutoTokenizer.from_pretrained(out)
    assert model.config.num_labels == 1
    scores = []
    for answer in ("red", "blue"):
        turns = [*rows()[0]["prompt"], {"role": "assistant", "content": answer}]
        tokens = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)
        with torch.no_grad():
            scores.append(model(**tokens).logits.item())
    assert scores[0] > scores[1] + 1
    card = (out / "README.md").read_text()
    assert "Tülu 3 8B, reward model" in card
    told = json.loads((out / "dataengine_manifest.json").read_text())
    assert told["stages"][-1]["stage"] == "rm"


def test_a_margin_column_changes_no_loss(rm, build, tmp_path):
    first = []
    for name, more in (("plain", {}), ("margins", {"margin": 50.0})):
        one = ("--max_steps", "1", "--out", str(tmp_path / f"rm-{name}"))
        out = rm(build("preference", rows=rows(**more), name=name), *one)
        first.append(json.loads((out / "trainer_state.json").read_text())["log_history"][0]["loss"])
    assert first[0] == first[1]


def test_pairs_that_are_left_out_are_counted(rm, build, capsys):
    long = rows()
    long[0]["rejected"] = [{"role": "assistant", "content": "xyz " * 200}]
    rm(build("preference", rows=long), "--dry-run")
    assert "check: pairs dropped: 1\n" in capsys.readouterr().out


def test_an_adapter_is_merged_first(rm, build, tmp_path):
    (tmp_path / "lora").mkdir()
    (tmp_path / "lora" / "adapter_config.json").write_text("{}")
    with pytest.raises(UserError, match="names no base_model_name_or_path"):
        rm(build("preference"), "--model", str(tmp_path / "lora"))
