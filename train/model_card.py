"""Model card: its data, its recipe as run, its curves."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml

from train import loss_curves
from train.job import Job, arguments
from train.lineage import MANIFEST, covered, model_name

LIBRARIES = ("trl", "transformers", "torch", "accelerate", "datasets", "peft")


def recipe(job: Job) -> str:
    """The content of recipe.yaml: the recipe as it is run."""
    resolved = job.recipe.model_dump(mode="json") | {"arguments": arguments(job)}
    return str(yaml.safe_dump(resolved, sort_keys=True, allow_unicode=True))


def write(
    out: Path, stage: str, job: Job, told: dict[str, Any], state: Any, found: dict[str, Any]
) -> None:
    """Write README.md and loss_curves.png into the model's folder.

    Args:
        told: the model's lineage.
        state: the trainer's final state, for steps, hours and curves.
        found: what the stage's checks found, as shown in the plan.
    """
    panels = loss_curves.draw(state.log_history, out / "curves.png")
    hours = max((entry.get("hours", 0.0) for entry in state.log_history), default=0.0)
    lines = [
        *_front(stage, job),
        f"# {out.resolve().name}",
        "",
        f"{job.recipe.about}, from `{model_name(job.options.model)}`.",
        "",
        *_warning(told),
        "| | |",
        "|---|---|",
        f"| data | {told['stages'][-1]['data']}, fingerprint `{job.data.fingerprint}` |",
        *_start(told),
        f"| manifest | [{MANIFEST}]({MANIFEST}) |",
        f"| decontaminated against | {', '.join(sorted(covered(told))) or 'nothing declared'} |",
        f"| recipe | `{job.recipe.name}` ([as run](recipe.yaml)); {job.recipe.source} |",
        f"| steps | {state.global_step:,} |",
        f"| hours | {hours:.3f} on {hardware()} |",
        f"| libraries | {', '.join(f'{name} {version(name)}' for name in LIBRARIES)} |",
        *(f"| {name} | {value} |" for name, value in found.items()),
        "",
        *([f"![{', '.join(panels)}](loss_curves.png)", ""] if panels else []),
        *(["Where this run differs from the published one:", ""] if job.recipe.differs else []),
        *(f"- {line}" for line in job.recipe.differs),
    ]
    (out / "README.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def hardware() -> str:
    """The devices of the run, as a person would name them."""
    devices = int(os.environ.get("WORLD_SIZE", "1"))
    if torch.cuda.is_available():
        return f"{devices} x {torch.cuda.get_device_name(0)}"
    cores = f"{platform.machine()} CPU, {os.cpu_count()} cores"
    return cores if devices == 1 else f"{cores}, {devices} processes"


def _front(stage: str, job: Job) -> list[str]:
    keys: dict[str, Any] = {"library_name": "transformers", "tags": ["trl", stage]}
    if not Path(job.options.model).is_dir():
        keys["base_model"] = job.options.model
    if not Path(job.data.where).is_dir():
        keys["datasets"] = [job.data.where.partition("@")[0]]
    return ["---", yaml.safe_dump(keys, sort_keys=True).rstrip(), "---", ""]


def _start(told: dict[str, Any]) -> list[str]:
    if told["start"].get("manifest") != "unknown":
        return []
    name = told["start"]["model"]
    return [f"| start model | `{name}`: unknown what it was trained on (it has no {MANIFEST}) |"]


def _warning(told: dict[str, Any]) -> list[str]:
    silent = [f"{s['stage']} ({s['data']})" for s in told["stages"] if s["undeclared"]]
    if not silent:
        return []
    return [
        "> **Undeclared decontamination.** The training data does not say which eval suites it was "
        f"decontaminated against: {', '.join(silent)}. Any score of this model may be a leak.",
        "",
    ]
