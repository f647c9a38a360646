"""What a model says of the data of all its stages: in its folder, its checkpoints, its card."""

import json
from pathlib import Path

import pytest

QUICK = (
    *("--recipe", "plain", "--per_device_train_batch_size", "4", "--report_to", "none"),
    *("--gradient_checkpointing", "false", "--max_steps", "2", "--save_steps", "1"),
    *("--disable_tqdm", "true"),
)


@pytest.fixture
def sft(tmp_path: Path):
    from train.command import run
    from train.sft import STAGE

    def call(data: Path, model: Path, name: str, *more: str) -> Path:
        argv = ["--data", str(data), "--model", str(model), *QUICK, *more]
        return run(STAGE, [*argv, "--out", str(tmp_path / name)])

    return call


def test_a_checkpoint_is_no_laundry(sft, build, tiny):
    first = sft(build("sft", suites=None, name="leaky"), tiny, "first", "--allow-undeclared")
    told = (first / "dataengine_manifest.json").read_text()
    assert (first / "checkpoint-1" / "dataengine_manifest.json").read_text() == told
    second = sft(build("sft"), first / "checkpoint-1", "second")
    manifest = json.loads((second / "dataengine_manifest.json").read_text())
    assert [s["undeclared"] for s in manifest["stages"]] == [True, False]
    assert "sft (leaky)" in (second / "README.md").read_text()


def test_a_start_model_without_a_manifest_is_unknown_on_every_card(sft, build, tiny):
    first = sft(build("sft", name="one"), tiny, "first")
    second = sft(build("sft", name="two"), first, "second")
    for out in (first, second):
        card = (out / "README.md").read_text()
        assert f"| start model | `{tiny.name}`: unknown what it was trained on" in card


def test_a_manifest_that_is_no_json_is_one_line(sft, build, model_with):
    from dataengine.errors import UserError

    broken = model_with(None, eos="<|end|>", tokens=("<broken>",))
    (broken / "dataengine_manifest.json").write_text("{")
    with pytest.raises(UserError, match=r"dataengine_manifest\.json is not JSON"):
        sft(build("sft"), broken, "out", "--chat_template_path", "train/recipes/tulu.jinja")
