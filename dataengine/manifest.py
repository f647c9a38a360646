"""The manifest: one JSON file that says what a dataset is made of, how, and with what.

It is Hub-safe (no absolute paths, no secrets, no times) and the same for the same build.
"""

import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dataengine import __version__
from dataengine.account import Finished
from dataengine.engines.versions import libraries
from dataengine.models.model_config import ModelConfig
from dataengine.plan import Plan
from dataengine.publish.config import Publish
from dataengine.stages.stage import Reader

SECTIONS = ("generation", "preferences", "models")
"""Figures of a source that have a place of their own in the manifest."""


def manifest(plan: Plan, finished: list[Finished]) -> dict[str, Any]:
    """The manifest of a finished build, ready for JSON. Its shape is in docs/build.md."""
    mixture = plan.mixture
    accounts = [f.account for f in finished]
    written = accounts[-1].figures
    found = {account.name: account for account in accounts}
    return {
        "manifest": 1,
        "name": mixture.name,
        "kind": mixture.kind,
        "seed": mixture.seed,
        **({"preview": {"records": plan.limit}} if plan.limit else {}),
        **_about(mixture.publish),
        "fingerprint": accounts[-1].fingerprint,
        "engine": {"version": __version__, "git": git_commit()},
        "libraries": libraries(),
        "sources": _sources(plan, finished, written["composition"]),
        "stages": [_stage(account) for account in accounts],
        "splits": written["splits"],
        "splits_without_rows": [name for name in mixture.splits if name not in written["splits"]],
        "composition": written["composition"],
        "lengths": written["lengths"],
        "decontamination": found["decontaminate"].figures if "decontaminate" in found else None,
        "tokens": written["tokens"],
        "generation": [a.figures["generation"] for a in accounts if "generation" in a.figures],
        "preferences": [a.figures["preferences"] for a in accounts if "preferences" in a.figures],
        "models": [m for a in accounts for m in a.figures.get("models", [])],
    }


def _about(publish: Publish | None) -> dict[str, Any]:
    """The publisher's own words, for the card."""
    words = publish.words() if publish else None
    return {"about": words._asdict()} if words else {}


def _sources(plan: Plan, finished: list[Finished], composition: Any) -> list[dict[str, Any]]:
    rows: dict[str, int] = {}
    for line in composition:
        rows[line["source"]] = rows.get(line["source"], 0) + line["rows"]
    return [
        {
            "name": source.name,
            **{"licence": source.licence, "skill": source.skill, "language": source.language},
            "amount": str(source.amount),
            **_asked(plan.mixture.models, source.names),
            **{k: v for k, v in done.account.figures.items() if k not in SECTIONS},
            "rows_read": done.account.rows_in,
            "rows": rows.get(source.name, 0),
        }
        for source, step, done in zip(plan.mixture.sources, plan, finished, strict=False)
        if isinstance(step.stage, Reader)
    ]


def _asked(models: Mapping[str, ModelConfig], names: Mapping[str, str]) -> dict[str, Any]:
    """The models that a source asked, each with its terms and what it was asked as."""
    keys: dict[str, list[str]] = {}
    for key, name in names.items():
        keys.setdefault(name, []).append(key)
    told = [
        {"name": name, "model": models[name].known_as, "licence": models[name].licence, "as": used}
        for name, used in keys.items()
    ]
    return {"asked": told} if told else {}


def _stage(account: Any) -> dict[str, Any]:
    curve = {k: v for k, v in account.figures.items() if k == "curve"}
    return {**account.model_dump(exclude={"seconds", "figures"}), **curve}


@cache
def git_commit() -> str | None:
    """The commit of the engine's own checkout, where it runs from one."""
    try:
        asked = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return asked.stdout.strip()
