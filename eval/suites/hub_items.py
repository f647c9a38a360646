"""Hub datasets as suites, by `datasets`: each at one commit, or missing with the reason."""

import os
from collections.abc import Iterator
from typing import Any

from eval.suites.suite import Hub, Rows, Suite


def fetch(suites: list[Suite], allowed: bool | None = None) -> None:
    """Attach to each suite its Hub dataset at its resolved commit, or add to `missing` why not.

    `allowed` is by default the absence of HF_HUB_OFFLINE. After the first failure to reach the Hub
    no other suite tries: a machine without a network waits once.
    """
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}
    unreachable = None if (not offline if allowed is None else allowed) else "the Hub is off"
    for suite in suites:
        if suite.hub is None:
            continue
        reason = unreachable
        if reason is None:
            try:
                suite._commit, suite._rows = _open(suite.hub)
                suite._missing = None
                continue
            except Exception as error:  # gated, renamed, no network: each client has its own kinds
                reason = f"{suite.hub.dataset} on the Hub: {_line(error)}"
                if _no_answer(error):
                    reason = unreachable = f"the Hub cannot be reached ({_line(error)})"
        suite._missing = f"{suite._missing}, and {reason}"


def _open(hub: Hub) -> tuple[str, Rows]:
    from datasets import load_dataset
    from huggingface_hub import HfApi

    commit = HfApi().dataset_info(hub.dataset, revision=hub.revision, timeout=10).sha
    configs = hub.config if isinstance(hub.config, list) else [hub.config]
    parts = [
        (config, load_dataset(hub.dataset, config, split=hub.split, revision=commit))
        for config in configs
    ]

    def rows() -> Iterator[tuple[str, Any]]:
        for config, part in parts:
            for number, row in enumerate(part):
                where = f"{hub.dataset}@{commit}:{config or hub.split}:{number}"
                yield where, {"config": config, **row}

    return str(commit), rows


def _no_answer(error: BaseException) -> bool:
    """No answer at all, whichever HTTP client was under it."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"TransportError", "ConnectionError", "TimeoutError"})


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
