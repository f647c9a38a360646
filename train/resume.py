"""Resuming a run: its last checkpoint, and whether the command is still the one that began it."""

import json
from pathlib import Path
from typing import Any

import yaml

from dataengine.errors import UserError
from train.job import Job, arguments
from train.lineage import MANIFEST, fingerprint, model_name

FREE = (
    *("output_dir", "logging_", "log_", "save_", "eval_", "report_to", "run_name", "push_", "hub_"),
    *("dataloader_", "disable_tqdm", "dataset_num_proc", "per_device_", "use_cpu", "vllm_"),
    *("gradient_accumulation_steps", "gradient_checkpointing", "use_vllm"),
)
"""Arguments (or their beginnings) that may differ: they change no step. The batch is compared as
a whole, so that a run may go on on another number of devices."""


def refuse_another(out: Path, job: Job) -> None:
    """UserError where the command names other data, model, recipe or arguments than the run's."""
    stage = json.loads((out / MANIFEST).read_text(encoding="utf-8"))["stages"][-1]
    path = out / "recipe.yaml"
    begun = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    new = yaml.safe_load(yaml.safe_dump(arguments(job)))
    model = stage.get("model") or {}
    before: dict[str, Any] = {
        "data": stage["fingerprint"],
        "recipe": stage["recipe"],
        "model": model.get("name"),
    }
    now: dict[str, Any] = {
        "data": job.data.fingerprint,
        "recipe": job.recipe.name,
        "model": model_name(job.options.model),
    }
    if before["model"] == now["model"]:
        before["weights of --model"] = model.get("fingerprint")
        now["weights of --model"] = fingerprint(job.options.model)
    before |= {"batch": stage.get("batch"), **_bound(begun.get("arguments") or {})}
    now |= {"batch": job.batch, **_bound(new)}
    differing = [
        f"{name} was {_shown(before.get(name))}, is {_shown(now.get(name))}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if differing:
        raise UserError(
            f"--resume: {out} is another run: {'; '.join(differing)}; give the command that began "
            "it, or choose another --out"
        )


def _bound(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if not name.startswith(FREE)}


def _shown(value: Any) -> str:
    return "TRL's default" if value is None else str(value)


def last_checkpoint(out: Path) -> Path | None:
    """The newest complete checkpoint in a run's folder, or None.

    A kill in the middle of saving leaves a checkpoint without its `trainer_state.json`, which is
    written last, or with half of it; such a one is passed over and written again.
    """
    found = sorted(
        (path for path in out.glob("checkpoint-*") if path.name.rpartition("-")[2].isdigit()),
        key=lambda path: int(path.name.rpartition("-")[2]),
        reverse=True,
    )
    return next((path for path in found if _complete(path)), None)


def _complete(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True
