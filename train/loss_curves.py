"""Training curves as one picture, from the trainer's log history."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt

PANELS = {
    "loss": ("loss", "eval_loss"),
    "token accuracy": ("mean_token_accuracy", "eval_mean_token_accuracy"),
    "pairs ranked rightly": ("rewards/accuracies", "eval_rewards/accuracies"),
    "reward margin": ("rewards/margins", "eval_rewards/margins"),
    "reward": ("reward", "verifier/*/score"),
    "verifier errors": ("verifier/error_rate",),
    "KL to the reference": ("kl",),
    "completion length": ("completions/mean_length",),
}
"""The metrics of each panel, as file-name patterns."""


def series(history: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """(step, value) of each numeric metric, in order of steps."""
    found: dict[str, list[tuple[int, float]]] = {}
    for entry in history:
        for name, value in entry.items():
            if name not in ("step", "epoch", "hours") and isinstance(value, int | float):
                found.setdefault(name, []).append((entry["step"], float(value)))
    return found


def draw(history: Sequence[Mapping[str, Any]], path: Path) -> list[str]:
    """Write the picture; returns the names of its panels (none, and no picture, without a log)."""
    metrics = series(history)
    panels: dict[str, list[str]] = {}
    for title, patterns in PANELS.items():
        shown = [name for name in metrics if any(fnmatch(name, pattern) for pattern in patterns)]
        if shown:
            panels[title] = shown
    if not panels:
        return []
    figure, axes = plt.subplots(1, len(panels), figsize=(4 * len(panels), 3), squeeze=False)
    for axis, (title, names) in zip(axes[0], panels.items(), strict=True):
        for name in names:
            axis.plot(*zip(*metrics[name], strict=True), label=name, linewidth=1)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("step", fontsize=8)
        axis.tick_params(labelsize=8)
        if len(names) > 1:
            axis.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return list(panels)
