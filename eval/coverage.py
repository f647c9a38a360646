"""Decontamination coverage: the suites that a model's training data was checked against."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from dataengine.errors import UserError
from eval.suites import Suite

MANIFEST = "dataengine_manifest.json"

Mark = Literal["covered", "not covered", "other items", "unknown start", "unknown"]
SIGNS: dict[Mark, str] = {
    "covered": "",
    "not covered": "†",
    "other items": "‡",
    "unknown start": "?",
    "unknown": "?",
}
MEANING: dict[Mark, str] = {
    "not covered": "the training data was not decontaminated against this suite",
    "other items": "the training data was decontaminated against other items under this name",
    "unknown start": "the training data was decontaminated against this suite, but training began "
    f"from a model without {MANIFEST}: nothing is known of that model's data",
    "unknown": f"the model has no {MANIFEST}: nothing is known of its training data",
}


@dataclass(frozen=True)
class Coverage:
    """Suites by name with the hash of the items that were protected, or None without a manifest.

    `start` says whether the model that training began from has told its data too.
    """

    suites: dict[str, str | None] | None
    start: bool = False

    def mark(self, suite: Suite) -> Mark:
        if self.suites is None:
            return "unknown"
        if suite.name not in self.suites:
            return "not covered"
        protected = self.suites[suite.name]
        if not suite.missing and protected not in (None, suite.hash):
            return "other items"
        return "covered" if self.start else "unknown start"


def coverage(model: str) -> Coverage:
    """What a model's manifest declares. UserError where it cannot be read."""
    file = manifest(model)
    if file is None:
        return Coverage(None)
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        names = told["decontamination"]["suites"]
        hashes = [_hashes(stage["manifest"]) for stage in told.get("stages", [])]
        start = told.get("start", {}).get("manifest", "unknown") != "unknown"
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"{file}: not a model's manifest ({error!r}); train again or remove it"
        ) from None
    return Coverage({name: _same(name, hashes) for name in names}, start)


def manifest(model: str) -> Path | None:
    """The manifest's file: in the model's folder, beside a run's `checkpoint-N`, or in a Hub
    repository. None where there is none, and for a server."""
    folder = Path(model)
    if folder.is_dir():
        run = [folder.resolve().parent] if folder.resolve().name.startswith("checkpoint-") else []
        return next((p / MANIFEST for p in (folder, *run) if (p / MANIFEST).is_file()), None)
    if "://" in model or model.count("/") != 1:
        return None
    from transformers.utils import cached_file

    try:
        found = cached_file(model, MANIFEST, _raise_exceptions_for_missing_entries=False)
    except OSError:  # offline, or no such repository
        return None
    return Path(found) if found else None


def _hashes(manifest: dict[str, Any]) -> dict[str, str | None]:
    told = manifest.get("decontamination") or {}
    return {suite["name"]: suite.get("hash") for suite in told.get("suites", [])}


def _same(name: str, stages: list[dict[str, str | None]]) -> str | None:
    """The hash that all stages protected; where they differ, one that equals no suite's."""
    seen = {stage[name] for stage in stages if stage.get(name)}
    return next(iter(seen)) if len(seen) == 1 else "various" if seen else None
