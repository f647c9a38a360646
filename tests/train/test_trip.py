"""The README's trip: the demo's build, trained with the recipe that the README names."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(ROOT / "examples", folder / "examples")
    command = [sys.executable, "-m", "dataengine.build", "quickstart.yaml", "--out", "built"]
    done = subprocess.run(command, cwd=folder / "examples", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "examples" / "built"


def test_tulu3_8b_trains_the_demos_build_and_says_what_it_replaces(demo, tiny, tmp_path, capsys):
    from train.command import run
    from train.sft import STAGE

    argv = ["--data", str(demo), "--model", str(tiny), "--recipe", "tulu3_8b", "--max_steps", "1"]
    more = ["--max_length", "256", "--gradient_accumulation_steps", "4", "--disable_tqdm", "true"]
    out = run(STAGE, [*argv, *more, "--out", str(tmp_path / "sft")])
    said = capsys.readouterr().out
    assert "note: the chat template train/recipes/tulu.jinja replaces the model's own" in said
    assert "check: trained tokens: '' + answer + '<|end|>', in " in said
    assert "check: answers cut: " in said
    assert (out / "model.safetensors").is_file()


def test_a_batch_larger_than_the_data_is_said(demo, tiny, tmp_path, capsys):
    from train.command import run
    from train.sft import STAGE

    argv = ["--data", str(demo), "--model", str(tiny), "--recipe", "tulu3_8b", "--dry-run"]
    more = ["--max_length", "512", "--gradient_accumulation_steps", "4096"]
    run(STAGE, [*argv, *more, "--out", str(tmp_path / "sft")])
    said = capsys.readouterr().out
    assert re.search(
        r"note: the batch is larger than the data \(\d+ rows\): each step is an epoch", said
    )
