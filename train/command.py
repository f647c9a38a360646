"""Trainer command line: a recipe, TRL's own arguments over it, checks, a run.

```
python -m train.sft --data builds/mix --model checkpoints/base --recipe tulu3_8b --dry-run
accelerate launch --config_file train/accelerate/fsdp2.yaml -m train.sft --data builds/mix ...
```
"""

import argparse
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from trl import ModelConfig, TrlParser

from dataengine.errors import UserError
from train import dry_run, lineage, model_card, training_recipe
from train.clock import Clock
from train.data import open_data
from train.job import Job, Options, Stage
from train.resume import last_checkpoint, refuse_another
from train.start import Start, open_start


def main(stage: Stage, argv: Sequence[str] | None = None) -> None:
    """Run a stage's command. Bad input is one line on stderr and exit code 2."""
    try:
        run(stage, list(sys.argv[1:] if argv is None else argv))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def run(stage: Stage, argv: list[str]) -> Path:
    """Train; returns the folder with the model, its card and its manifest."""
    job = prepare(stage, argv)
    found = stage.check(job)
    out = Path(job.config.output_dir)
    for line in dry_run.lines(stage, job, found):
        say(line)
    if job.options.dry_run:
        return out
    checkpoint = _checkpoint(job, out)
    told, as_run = lineage.lineage(stage.name, job), model_card.recipe(job)
    trainer = _trainer(stage, job)
    trainer.add_callback(Clock())
    trainer.add_callback(lineage.Checkpoints(told))
    lost = len(job.data.train) - len(trainer.train_dataset)
    if lost > 0 and not getattr(job.config, "packing", False):
        found["rows that TRL left out (nothing to train on within the length)"] = lost
    if PartialState().is_main_process:
        lineage.write(out, told)
        (out / "recipe.yaml").write_text(as_run, encoding="utf-8")
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    trainer.save_model(str(out))
    trainer.save_state()
    if PartialState().is_main_process:
        model_card.write(out, stage.name, job, told, trainer.state, found)
    say(f"model, card and curves: {out}")
    return out


def _trainer(stage: Stage, job: Job) -> Any:
    try:
        return stage.trainer(job)
    except UserError:
        raise
    except (ValueError, OSError, ImportError) as error:
        raise UserError(f"TRL refuses: {' '.join(str(error).split())}") from error


def say(line: str) -> None:
    """Print on the main process alone."""
    if PartialState().is_main_process:
        print(line, flush=True)


def prepare(stage: Stage, argv: list[str]) -> Job:
    """Resolve the command line into a job.

    Raises:
        UserError: an unknown recipe or argument, arguments that contradict each other, data that
            is not there, is of another kind, or declares no decontamination.
    """
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    early.add_argument("--recipe")
    named = early.parse_known_args(argv)[0].recipe
    asked_help = {"-h", "--help"} & set(argv)
    chosen = training_recipe.load(stage.name, named) if named else None
    if chosen is None and not asked_help:
        known = sorted(path.stem for path in (training_recipe.SHIPPED / stage.name).glob("*.yaml"))
        raise UserError(f"--recipe is missing: {', '.join(known)}, or a .yaml file")
    trainer = chosen.trainer if chosen else next(iter(stage.configs))
    if trainer not in stage.configs:
        raise UserError(f"--recipe {named}: trainer {trainer} is not one of {stage.name}'s")
    options, config, model = _arguments(stage, chosen, stage.configs[trainer], argv)
    assert chosen is not None
    model.model_name_or_path = options.model
    with PartialState().main_process_first():
        data = open_data(options.data, stage.kind, allow_undeclared=options.allow_undeclared)
    given = frozenset(chosen.arguments) | _given(argv)
    return Job(options, chosen, config, model, data, _start(options, config, model), given)


class _Parser(TrlParser):
    def error(self, message: str) -> Any:
        raise UserError(message)


def _arguments(
    stage: Stage, chosen: training_recipe.Recipe | None, config: type, argv: list[str]
) -> tuple[Options, Any, ModelConfig]:
    types: Any = (stage.options, config, ModelConfig)
    parser = _Parser(types, prog=f"python -m train.{stage.name}")
    parser.allow_abbrev = False
    known = {action.dest for action in parser._actions}
    out = f"runs/{stage.name}-{chosen.name}" if chosen else None
    defaults: dict[str, Any] = {"output_dir": out}
    if not torch.cuda.is_available():
        # most CPUs emulate bf16, TRL's default; a recipe or an argument may still ask for it
        defaults |= {"bf16": False}
    defaults |= chosen.arguments if chosen else {}
    for name in defaults:
        if name not in known:
            where = f"recipe {chosen.name}: " if chosen else ""
            raise UserError(f"{where}{_unknown(name, known)}")
    parser.set_defaults_with_config(**defaults)
    given, strange = parser.parse_known_args(argv)
    if strange:
        raise UserError(_unknown(strange[0], known))
    if chosen and chosen.batch_size and "gradient_accumulation_steps" not in _given(argv):
        parser.set_defaults(gradient_accumulation_steps=_accumulation(chosen, given))
    if given.out:
        parser.set_defaults(output_dir=given.out)
    try:
        parsed: Any = parser.parse_args_into_dataclasses(argv)
    except (ValueError, TypeError) as error:
        raise UserError(" ".join(str(error).split())) from None
    return parsed


def _given(argv: list[str]) -> frozenset[str]:
    return frozenset(w.split("=")[0][2:].replace("-", "_") for w in argv if w[:2] == "--")


def _unknown(name: str, known: set[str]) -> str:
    bare = name.split("=")[0].lstrip("-").replace("-", "_")
    near = get_close_matches(bare, sorted(known), n=1)
    hint = f"; did you mean --{near[0]}?" if near else ""
    return f"{name} is not an argument of this trainer{hint}"


def _accumulation(chosen: training_recipe.Recipe, given: argparse.Namespace) -> int:
    """Micro-batches per optimiser step that give the recipe's batch on this many devices."""
    devices = int(os.environ.get("WORLD_SIZE", "1"))
    at_once = given.per_device_train_batch_size * devices
    assert chosen.batch_size is not None
    if chosen.batch_size % at_once:
        raise UserError(
            f"recipe {chosen.name}: its batch of {chosen.batch_size} is no multiple of "
            f"{given.per_device_train_batch_size} rows x {devices} devices; change "
            "--per_device_train_batch_size, or set --gradient_accumulation_steps yourself"
        )
    return chosen.batch_size // at_once


def _start(options: Options, config: Any, model: ModelConfig) -> Start:
    """The start model, with the template and the EOS that the arguments give it."""
    of = config if hasattr(config, "chat_template_path") else options
    template, eos = getattr(of, "chat_template_path", None), getattr(of, "eos_token", None)
    how = {"revision": model.model_revision, "trust_remote_code": config.trust_remote_code}
    return open_start(options.model, template, eos, grows=of is config, **how)


def _checkpoint(job: Job, out: Path) -> Path | None:
    """Where to go on from: None for a run that starts."""
    checkpoint = last_checkpoint(out)
    if not job.options.resume:
        if checkpoint or (out / "config.json").exists() or (out / "adapter_config.json").exists():
            raise UserError(f"{out}: already holds a run; --resume it, or choose another --out")
        return None
    if checkpoint is None:
        say(f"{out}: no complete checkpoint, starting from the beginning")
        return None
    refuse_another(out, job)
    say(f"resuming from {checkpoint.name}")
    return checkpoint
