"""Training-data lineage: the manifest that says what data a model has seen in every stage so far.

It lies beside the model and in each of its checkpoints. `eval.run` reads it.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.utils import cached_file

from dataengine.errors import UserError
from train.data import declared
from train.job import Job

MANIFEST = "dataengine_manifest.json"
ENDS = 1 << 16
"""Bytes at each end of a file of weights that its fingerprint reads."""


def lineage(stage: str, job: Job) -> dict[str, Any]:
    """Training-data manifest: this stage's data after those of `--model`.

    A suite counts as decontaminated against only where every stage's data was. A start model
    without a manifest is unknown, as `start` says.
    """
    before = earlier(job.options.model)
    where = job.data.where
    name = model_name(job.options.model)
    now = {
        "stage": stage,
        "recipe": job.recipe.name,
        "model": {"name": name, "fingerprint": fingerprint(job.options.model)},
        "batch": job.batch,
        "data": Path(where).resolve().name if Path(where).is_dir() else where,
        "fingerprint": job.data.fingerprint,
        "undeclared": not job.data.suites,
        "manifest": job.data.manifest or {},
    }
    stages = [*(before or {}).get("stages", ()), now]
    everywhere = frozenset.intersection(*(declared(s["manifest"]) for s in stages))
    start = {"model": name, "manifest": "unknown"}
    return {
        "dataengine_manifest": 1,
        "start": start if before is None else before.get("start", start),
        "undeclared": any(s["undeclared"] for s in stages),
        "decontamination": {"suites": sorted(everywhere)},
        "stages": stages,
    }


def covered(told: dict[str, Any]) -> frozenset[str]:
    """The suites that all of a model's training data was decontaminated against."""
    return frozenset(told["decontamination"]["suites"])


def earlier(model: str) -> dict[str, Any] | None:
    """The manifest of a model's folder or of its Hub repository; None where there is none."""
    try:
        path = cached_file(model, MANIFEST, _raise_exceptions_for_missing_entries=False)
    except OSError:  # offline, or no such repository: loading the model will say so
        return None
    try:
        return dict(json.loads(Path(path).read_text(encoding="utf-8"))) if path else None
    except ValueError as error:
        raise UserError(f"--model {model}: {MANIFEST} is not JSON: {error}") from None


def write(folder: Path, told: dict[str, Any]) -> None:
    """Write the manifest beside a model."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(told, indent=1, sort_keys=True) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


class Checkpoints(TrainerCallback):
    """Writes the manifest into each checkpoint: a checkpoint is a model to start from."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.is_world_process_zero:
            write(Path(args.output_dir or "") / f"checkpoint-{state.global_step}", self.told)


def model_name(model: str) -> str:
    """A Hub name, or a folder's own name: no path of this machine."""
    return Path(model).resolve().name if Path(model).is_dir() else model


def fingerprint(model: str) -> str | None:
    """A hash of a folder's weights (each file's name, size and ends); None for a Hub name."""
    if not Path(model).is_dir():
        return None
    digest = hashlib.blake2b(digest_size=16)
    files = [p for p in Path(model).iterdir() if p.suffix in (".safetensors", ".bin")]
    for path in sorted(files):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(ENDS))
            file.seek(max(0, size - ENDS))
            digest.update(file.read(ENDS))
    return digest.hexdigest()
