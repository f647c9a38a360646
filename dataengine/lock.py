"""The lock: the mixture as it was built, with every source pinned to what was read."""

import os
from pathlib import Path
from typing import Any

import yaml

from dataengine.account import Finished
from dataengine.document import Document
from dataengine.plan import Plan
from dataengine.sources import REGISTRY as SOURCES
from dataengine.sources import further

REBUILDS = "# Rebuilds the same bytes: python -m dataengine.build mixture.lock.yaml\n"
PREVIEW = "# Of a preview of at most {limit:,} records a source; building this file reads all.\n"
WRITTEN = "# Written by the build; edit the mixture, not this file.\n"
PINS = ("content", "revision")
PARTS = (
    "candidates",
    "scores",
    "annotations",
    "prompts",
    "from",
    "exclude",
    "personas",
    "documents",
)
"""Parts of a source that name tables or builds of their own."""
LOCAL = {"path", "personas", "candidates"}
"""Keys of a source that may name files beside the mixture."""
REACHING = {"decontaminate", "dedup", "tokenizer"}
"""Keys of the mixture itself that may."""


def lock(document: Document, plan: Plan, finished: list[Finished], out: Path) -> str:
    """The text of mixture.lock.yaml.

    Paths stay as they were written, since rows name them; `base` says where they start from.
    """
    data: dict[str, Any] = {**document.data}
    start = document.file.parent / (data.get("base") or ".")
    for key in REACHING & data.keys():
        data[key] = _untied(data[key], start)
    words = plan.mixture.publish.words() if plan.mixture.publish else None
    if words:
        about = _relative(data["publish"]["about"], start)
        data["publish"] = data["publish"] | {"about": about, "content": words.content}
    local = LOCAL.union(further())  # which may have files as well
    if words or any(entry.keys() & local for entry in data["sources"]) or REACHING & data.keys():
        data["base"] = os.path.relpath(start.resolve(), out.resolve())
    data["sources"] = [
        _pinned(entry, done.account.figures, start)
        for entry, done in zip(data["sources"], finished, strict=False)
    ]
    head = PREVIEW.format(limit=plan.limit) if plan.limit else REBUILDS
    return head + WRITTEN + yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)


def _pinned(entry: Any, figures: Any, start: Path) -> Any:
    """A source, or a table that it names, with paths told from `base` and pins to what was read:
    a lock is published, a home folder is not."""
    if isinstance(entry, list):
        found = figures if isinstance(figures, list) else [{}] * len(entry)
        return [_pinned(one, told, start) for one, told in zip(entry, found, strict=True)]
    if not isinstance(entry, dict):
        return _relative(entry, start) if isinstance(entry, str) else entry
    told = figures if isinstance(figures, dict) else {}
    theirs = [key for key in further() if key in entry]
    named = ("path", "build", *theirs)
    paths = {key: _relative(entry[key], start) for key in named if key in entry}
    parts = {key: _pinned(entry[key], told.get(key), start) for key in PARTS if key in entry}
    takes = SOURCES.get(theirs[0]).model_fields if theirs else PINS
    return entry | paths | parts | {key: told[key] for key in PINS if key in told and key in takes}


def same(lock: Any, mixture: Any) -> bool:
    """Whether a lock was made from this mixture: the same but for pins and where paths start."""
    if isinstance(lock, dict) and isinstance(mixture, dict):
        keys = (lock.keys() | mixture.keys()) - {"base", *PINS}
        return all(key in lock and key in mixture and same(lock[key], mixture[key]) for key in keys)
    if isinstance(lock, list) and isinstance(mixture, list):
        return len(lock) == len(mixture) and all(map(same, lock, mixture))
    absolute = isinstance(mixture, str) and Path(mixture).is_absolute()
    return bool(lock == mixture) or (absolute and Path(mixture).name == Path(str(lock)).name)


def _untied(value: Any, start: Path) -> Any:
    """The value with every path in it told from `base`."""
    if isinstance(value, dict):
        return {key: _untied(inner, start) for key, inner in value.items()}
    if isinstance(value, list):
        return [_untied(inner, start) for inner in value]
    return _relative(value, start) if isinstance(value, str) else value


def _relative(path: Any, start: Path) -> Any:
    absolute = isinstance(path, str) and Path(path).is_absolute()
    return os.path.relpath(path, start.resolve()) if absolute else path
