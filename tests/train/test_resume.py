"""A run killed in the middle goes on: the same steps, the same losses, on one process and two."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from train.resume import last_checkpoint

ROOT = Path(__file__).resolve().parents[2]

QUICK = (
    *("--recipe", "plain", "--per_device_train_batch_size", "2"),
    *("--gradient_accumulation_steps", "1", "--gradient_checkpointing", "false"),
    *("--logging_steps", "1", "--learning_rate", "1e-3", "--num_train_epochs", "2"),
    *("--save_strategy", "steps", "--save_steps", "4", "--disable_tqdm", "true"),
)

ENVIRONMENT = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def losses(out: Path) -> dict[int, float]:
    history = json.loads((out / "trainer_state.json").read_text())["log_history"]
    return {entry["step"]: entry["loss"] for entry in history if "loss" in entry}


@pytest.fixture
def arguments(tiny: Path, build: Callable[..., Path]) -> list[str]:
    return ["--data", str(build("sft", rows=20)), "--model", str(tiny), *QUICK]


def test_killed_and_resumed_equals_never_killed(arguments, tmp_path):
    from train.command import run
    from train.sft import STAGE

    whole = run(STAGE, [*arguments, "--out", str(tmp_path / "whole")])
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "train.sft", *arguments, "--out", str(out)]
    child = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    for _ in range(1200):
        if last_checkpoint(out) or child.poll() is not None:
            break
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert last_checkpoint(out) and not (out / "model.safetensors").exists()
    run(STAGE, [*arguments, "--out", str(out), "--resume"])
    assert sorted(losses(out)) == sorted(losses(whole)) == list(range(1, 21))
    assert losses(out) == pytest.approx(losses(whole), abs=1e-5)
    assert "| steps | 20 |" in (out / "README.md").read_text()


def test_a_half_written_checkpoint_is_passed_over(tmp_path):
    for step, state in ((4, "{}"), (8, "{}"), (12, '{"global'), (16, None)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-8"
    assert last_checkpoint(tmp_path / "checkpoint-16") is None


@pytest.fixture
def begun(arguments: list[str], tmp_path: Path) -> list[str]:
    """The arguments of a run that has made two steps."""
    from train.command import run
    from train.sft import STAGE

    given = [*arguments, "--out", str(tmp_path / "out"), "--save_steps", "2", "--max_steps", "2"]
    run(STAGE, given)
    return given


def resumed(given: list[str], *more: str) -> str:
    from dataengine.errors import UserError
    from train.command import run
    from train.sft import STAGE

    with pytest.raises(UserError) as caught:
        run(STAGE, [*given, *more, "--resume"])
    return str(caught.value)


def test_resuming_as_another_run_is_refused_with_the_differences(begun, build, model_with):
    other = str(build("sft", rows=6, name="other"))
    assert "data was" in resumed([other if a == begun[1] else a for a in begun])
    said = resumed(begun, "--learning_rate", "5e-2", "--max_steps", "3")
    assert "learning_rate was 0.001, is 0.05; max_steps was 2, is 3" in said
    said = resumed(begun, "--recipe", "tulu3_8b", "--gradient_accumulation_steps", "4")
    assert "recipe was plain, is tulu3_8b" in said and "batch was 2, is 8" in said
    other = model_with("qwen2_5")
    assert f", is {other.name};" in resumed(begun, "--model", str(other))


def test_resuming_from_other_weights_under_the_same_name_is_refused(begun, tiny, tmp_path):
    twin = tmp_path / "elsewhere" / tiny.name
    shutil.copytree(tiny, twin)
    weights = twin / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "weights of --model was" in resumed(begun, "--model", str(twin))


def test_what_changes_no_step_may_change(begun, tmp_path):
    from train.command import run
    from train.sft import STAGE

    halved = ("--per_device_train_batch_size", "1", "--gradient_accumulation_steps", "2")
    run(STAGE, [*begun, "--logging_steps", "2", *halved, "--resume"])


def on_two_processes(
    arguments: list[str], out: Path, program: list[str], environment: dict[str, str]
) -> str:
    """A training program on two CPU processes of one row each; returns what it printed.

    accelerate 1.15 starts several CPU processes under MPI alone, so torchrun does it, which is
    what `accelerate launch` itself calls for GPUs.
    """
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    more = ("--per_device_train_batch_size", "1", "--use_cpu", "true", "--out", str(out))
    done = subprocess.run(
        [*launch, *program, *arguments, *more],
        cwd=ROOT,
        env=ENVIRONMENT | {"ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_two_processes_keep_the_batch_and_the_losses(arguments, tmp_path):
    from train.command import run
    from train.sft import STAGE

    arguments += ["--max_steps", "4"]
    one = run(STAGE, [*arguments, "--out", str(tmp_path / "one")])
    out = tmp_path / "two"
    told = on_two_processes(arguments, out, ["-m", "train.sft"], {})
    assert "effective batch: 2 = 1 rows x 2 devices x 1 accumulation steps" in told
    assert told.count("model, card and curves") == 1
    assert losses(out) == pytest.approx(losses(one), rel=0.02)
    assert "2 processes" in (out / "README.md").read_text()


SHARDED_ON_CPU = """
from accelerate.state import AcceleratorState, DistributedType, PartialState

plain = AcceleratorState.__init__


def sharded(self, *args, fsdp_plugin=None, **more):
    plain(self, *args, fsdp_plugin=fsdp_plugin, **more)
    if fsdp_plugin is not None:
        self.fsdp_plugin, self.distributed_type = fsdp_plugin, DistributedType.FSDP
        PartialState._shared_state["distributed_type"] = self.distributed_type


AcceleratorState.__init__ = sharded

from train.command import main
from train.sft import STAGE

main(STAGE)
"""
"""`train.sft` where accelerate 1.15 heeds its FSDP settings on CPUs too: it does on devices alone,
and would train unsharded without a word."""


def test_fsdp2_as_shipped_shards_and_keeps_the_losses(arguments, tmp_path):
    """The environment that accelerate makes of fsdp2.yaml, on two CPU processes in float32."""
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils.launch import prepare_multi_gpu_env
    from transformers import AutoModelForCausalLM

    from train.command import run
    from train.sft import STAGE

    config = str(ROOT / "train" / "accelerate" / "fsdp2.yaml")
    given = ["--config_file", config, "--num_processes", "2", "--mixed_precision", "no", "-m", "x"]
    launch, _, _ = _validate_launch_command(launch_command_parser().parse_args(given))
    made = prepare_multi_gpu_env(launch)
    made = {name: made[name] for name in made if name.startswith(("FSDP_", "ACCELERATE_"))}
    assert (made["ACCELERATE_USE_FSDP"], made["FSDP_VERSION"]) == ("true", "2")
    arguments += ["--max_steps", "4"]
    one = run(STAGE, [*arguments, "--out", str(tmp_path / "one")])
    out, program = tmp_path / "sharded", tmp_path / "program.py"
    program.write_text(SHARDED_ON_CPU)
    on_two_processes(arguments, out, [str(program)], made)
    assert losses(out) == pytest.approx(losses(one), rel=0.02)
    # as accelerate saves a sharded optimiser; a plain one is optimizer.pt
    assert (out / "checkpoint-4" / "optimizer.bin").exists()
    whole, joined = (AutoModelForCausalLM.from_pretrained(path) for path in (one, out))
    for name, weights in whole.named_parameters():
        assert joined.get_parameter(name).allclose(weights, atol=1e-4), name


def test_accelerate_launches_the_trainers(arguments, tmp_path):
    out = tmp_path / "launched"
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    done = subprocess.run(
        [*launch, "-m", "train.sft", *arguments, "--max_steps", "2", "--out", str(out)],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "| steps | 2 |" in (out / "README.md").read_text()


@pytest.mark.parametrize("name", ["fsdp2", "zero3"])
def test_the_shipped_accelerate_configs_are_accelerates(name):
    from accelerate.commands.config.config_args import load_config_from_file

    path = ROOT / "train" / "accelerate" / f"{name}.yaml"
    config = load_config_from_file(str(path))
    assert config.num_processes == 8 and config.mixed_precision == "bf16"
    told = {
        "fsdp2": ("fsdp_config", "fsdp_version", 2),
        "zero3": ("deepspeed_config", "zero_stage", 3),
    }
    section, key, value = told[name]
    assert getattr(config, section)[key] == value
