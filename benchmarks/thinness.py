"""What our trainers cost beside a plain TRL script: `python -m benchmarks.thinness`.

Both arms train the same model on the same build with the same arguments, each run in a process of
its own, A B A B. Compared are the wall and CPU seconds from one step's end to the next, logging
included, and what stands around TRL's `train()`: reading the data, the checks, the manifest, the
card. On a CPU each run has one thread, since two that wait for each other time the machine they
share. With a GPU the same command measures there; give it a model worth it: --width and --depth.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback

from benchmarks import proof, proof_task
from train import training_recipe

ARMS = ("plain TRL", "train/")


def main() -> None:
    """Run both arms of both stages and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--steps", type=int, nargs=2, default=(40, 12), metavar=("SFT", "RLVR"))
    parser.add_argument("--one", nargs=4, metavar=("ARM", "STAGE", "HOME", "STEPS"))
    given = parser.parse_args()
    if given.one:
        arm, stage, home, steps = given.one
        print(json.dumps(one(arm, stage, Path(home), int(steps))))
        return
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        about = proof_task.pretrain(home / "model", 1, given.width, given.depth)
        proof.write_questions(home, proof.Size(), seed=0)
        for stage in ("sft", "rlvr"):
            proof.command(home, "dataengine.build", home / f"{stage}.yaml", "--out",
                          home / f"build-{stage}")  # fmt: skip
        print(f"{about['parameters']:,} parameters on {device}, medians of {given.rounds} rounds\n")
        print("| stage | | a step, ms | CPU ms | a second | around train(), s |")
        print("|---|---|---:|---:|---:|---:|")
        for stage, steps in zip(("sft", "rlvr"), given.steps, strict=True):
            compare(stage, home, steps, given.rounds)


def compare(stage: str, home: Path, steps: int, rounds: int) -> None:
    """The rows of one stage, and the ratio of the two runs of each round."""
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in ARMS}
    for _ in range(rounds):
        for arm in ARMS:
            found[arm].append(run_apart(arm, stage, home, steps))
    for arm in ARMS:
        middle = {key: statistics.median(run[key] for run in found[arm]) for key in found[arm][0]}
        rate = (
            f"{middle['amount'] / middle['wall']:,.0f} {'tokens' if stage == 'sft' else 'samples'}"
        )
        times = f"{1000 * middle['wall']:.1f} | {1000 * middle['cpu']:.1f} | {rate}"
        print(f"| {stage} | {arm} | {times} | {middle['around']:.2f} |")
    shown = []
    for key in ("wall", "cpu"):
        ratios = [b[key] / a[key] for a, b in zip(*found.values(), strict=True)]
        shown.append(f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
    print(f"| {stage} | ratio, by round | {' | '.join(shown)} | | |", flush=True)


def run_apart(arm: str, stage: str, home: Path, steps: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.thinness", "--one", arm, stage, home, steps]
    threads = {} if torch.cuda.is_available() else {"OMP_NUM_THREADS": "1"}
    told = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, env=os.environ | threads
    )
    if told.returncode:
        raise SystemExit(told.stderr[-2000:])
    found: dict[str, float] = json.loads(told.stdout.splitlines()[-1])
    return found


class Steps(TrainerCallback):
    """The wall and CPU clocks at the end of each step."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, float]] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ends.append((time.perf_counter(), time.process_time()))

    def median(self, clock: int) -> float:
        """Seconds from a step's end to the next, by one of the clocks; the first steps warm up."""
        told = [end[clock] for end in self.ends[2:]]
        return statistics.median(b - a for a, b in pairwise(told))


def one(arm: str, stage: str, home: Path, steps: int) -> dict[str, float]:
    """One run of one arm: seconds a step and around `train()`, tokens or samples a step."""
    clock, spent, plain = Steps(), dict[str, Any](), Trainer.train

    def timed(self: Trainer, *args: Any, **more: Any) -> Any:
        self.add_callback(clock)
        began = time.perf_counter()
        done = plain(self, *args, **more)
        spent.update(train=time.perf_counter() - began, trainer=self)
        return done

    Trainer.train = timed  # type: ignore[method-assign]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        if arm == ARMS[0]:
            {"sft": plain_sft, "rlvr": plain_rlvr}[stage](home, Path(out), steps)
        else:
            ours(stage, home, Path(out), steps)
        around = time.perf_counter() - began - spent["train"]
    trainer = spent["trainer"]
    tokens = max((entry.get("num_tokens", 0) for entry in trainer.state.log_history), default=0)
    amount = tokens / steps if stage == "sft" else trainer.args.per_device_train_batch_size
    return {"wall": clock.median(0), "cpu": clock.median(1), "around": around, "amount": amount}


def ours(stage: str, home: Path, out: Path, steps: int) -> None:
    """The arm through `train/`, as its command line runs it."""
    from train import rlvr, sft
    from train.command import run

    words = ["--data", home / f"build-{stage}", "--model", home / "model", "--recipe",
             proof.RECIPES / f"{stage}.yaml", "--out", out / "model", "--max_steps", steps,
             "--logging_steps", 1]  # fmt: skip
    if stage == "rlvr":
        words += ["--use_vllm", "false"]  # which train.rlvr would turn on where there is one
    run({"sft": sft.STAGE, "rlvr": rlvr.STAGE}[stage], [str(word) for word in words])


def plain_sft(home: Path, out: Path, steps: int) -> None:
    """What somebody writes who has read TRL's quickstart."""
    from datasets import load_dataset
    from trl import SFTConfig, SFTTrainer

    config = SFTConfig(**arguments("sft", out, steps))
    rows = load_dataset("parquet", data_files=f"{home}/build-sft/data/train-*.parquet")["train"]
    trainer = SFTTrainer(str(home / "model"), args=config, train_dataset=rows)
    trainer.train()
    trainer.save_model(str(out))


def plain_rlvr(home: Path, out: Path, steps: int) -> None:
    from datasets import load_dataset
    from trl import GRPOConfig, GRPOTrainer

    def reward(completions: list[Any], ground_truth: list[str], **_: Any) -> list[float]:
        answers = [completion[0]["content"].strip() for completion in completions]
        return [float(a == truth) for a, truth in zip(answers, ground_truth, strict=True)]

    config = GRPOConfig(**arguments("rlvr", out, steps))
    rows = load_dataset("parquet", data_files=f"{home}/build-rlvr/data/train-*.parquet")["train"]
    trainer = GRPOTrainer(str(home / "model"), reward, args=config, train_dataset=rows)
    trainer.train()
    trainer.save_model(str(out))


def arguments(stage: Any, out: Path, steps: int) -> dict[str, Any]:
    told = training_recipe.load(stage, str(proof.RECIPES / f"{stage}.yaml")).arguments
    fixed = {"output_dir": str(out), "max_steps": steps, "logging_steps": 1, "report_to": "none"}
    return {**told, **fixed, "bf16": torch.cuda.is_available()}


if __name__ == "__main__":
    main()
