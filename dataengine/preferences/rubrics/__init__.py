"""Judge rubrics: one Markdown file for each aspect, named as the aspect is; other packages name
theirs, which are texts, in the entry-point group `dataengine.rubrics`."""

from pathlib import Path
from typing import Any

from dataengine.registry import Registry

DEFAULT = ("helpfulness", "honesty", "instruction_following", "truthfulness")
"""UltraFeedback's four aspects (Cui et al. 2023)."""


def _text(name: str, found: Any) -> str:
    if not isinstance(found, str):
        raise TypeError(f"a rubric is a text, not {type(found).__name__}")
    return found.strip()


REGISTRY: Registry[str] = Registry(
    "aspect",
    own=lambda: {
        file.stem: lambda file=file: file.read_text("utf-8")  # type: ignore[misc]
        for file in Path(__file__).parent.glob("*.md")
    },
    fit=_text,
    groups=("dataengine.rubrics",),
)


def names() -> tuple[str, ...]:
    """Every aspect that has a rubric, sorted."""
    return REGISTRY.names()


def text(aspect: str) -> str:
    """The rubric of an aspect."""
    return REGISTRY.get(aspect)
