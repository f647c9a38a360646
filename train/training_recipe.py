"""Training recipe: named TRL arguments, where their figures come from, what TRL cannot express.

```yaml
about: Tülu 3 8B, supervised finetuning
source: arXiv 2411.15124, section 4.3 and table 11
base: tulu3_8b            # optional: another recipe of the stage, whose keys these override
trainer: dpo              # which TRL trainer, where a stage has several (dpo, cpo, kto; grpo, rloo)
batch_size: 128           # rows per optimiser step over all devices
differs: [...]            # what the published run did and TRL does otherwise
arguments: {learning_rate: 5.0e-6}   # any TRL argument, in TRL's own name
```
"""

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from dataengine.errors import UserError

Stage = Literal["sft", "dpo", "rm", "rlvr", "distill"]

SHIPPED = Path(__file__).parent / "recipes"


class Recipe(BaseModel):
    """The content of a recipe file, with its base already folded in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    about: str
    source: str
    trainer: Literal["sft", "dpo", "cpo", "kto", "reward", "grpo", "rloo", "distill"]
    batch_size: int | None = None
    differs: tuple[str, ...] = ()
    arguments: dict[str, Any] = {}


def load(stage: Stage, name: str) -> Recipe:
    """The shipped recipe of that name, or the one in the YAML file at that path.

    Raises:
        UserError: no such recipe, or a key that a recipe does not have.
    """
    path = _find(stage, name)
    keys = _read(path)
    base = keys.pop("base", None)
    if base is not None:
        under = load(stage, str(base)).model_dump(exclude={"name"})
        keys = under | keys | {"arguments": under["arguments"] | (keys.get("arguments") or {})}
    arguments = keys.get("arguments") or {}
    template = arguments.get("chat_template_path")
    if template and (path.parent / template).is_file():
        arguments["chat_template_path"] = os.path.relpath(path.parent / template)
    try:
        return Recipe.model_validate({"trainer": _TRAINER[stage], **keys, "name": path.stem})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path}: {where}: {first['msg']}") from None


_TRAINER = {"sft": "sft", "dpo": "dpo", "rm": "reward", "rlvr": "grpo", "distill": "distill"}


def _find(stage: Stage, name: str) -> Path:
    if name.endswith((".yaml", ".yml")):
        if Path(name).is_file():
            return Path(name)
        raise UserError(f"--recipe {name}: no such file")
    path = SHIPPED / stage / f"{name}.yaml"
    if path.is_file():
        return path
    known = sorted(p.stem for p in (SHIPPED / stage).glob("*.yaml"))
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UserError(f"--recipe {name}: {hint}{stage} has {', '.join(known)}, or give a .yaml file")


def _read(path: Path) -> dict[str, Any]:
    try:
        keys = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(keys, dict):
        raise UserError(f"{path}: a recipe is a mapping with `about`, `source` and `arguments`")
    return keys
