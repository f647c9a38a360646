"""Access log of the unseen tier: it opens only on request, and every opening is written down."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from dataengine.errors import UserError
from eval.suites import Suite

LOG = "unsealed.jsonl"


def check(suites: Sequence[Suite], unseal: bool) -> list[str]:
    """The unseen suites among these. UserError where they were not asked for, or are not alone."""
    sealed = [suite.name for suite in suites if suite.tier == "unseen"]
    if sealed and not unseal:
        raise UserError(
            f"{', '.join(sealed)}: unseen during development; --unseal opens them, and is recorded"
        )
    if sealed and len(sealed) < len(suites):
        raise UserError("unseen suites are measured alone: no other report may show their numbers")
    return sealed


def record(folder: Path, model: str, sealed: Sequence[str], limit: int | None) -> None:
    """One line in `unsealed.jsonl`, before anything is measured: a broken run has looked too."""
    folder.mkdir(parents=True, exist_ok=True)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    entry = {"when": when, "model": model, "suites": list(sealed), "limit": limit}
    with (folder / LOG).open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry, ensure_ascii=False) + "\n")
