"""Judge rubrics: one Markdown file for each aspect, named as the aspect is."""

from functools import cache
from pathlib import Path

DEFAULT = ("helpfulness", "honesty", "instruction_following", "truthfulness")
"""UltraFeedback's four aspects (Cui et al. 2023)."""


@cache
def names() -> tuple[str, ...]:
    """Every aspect that has a rubric, sorted."""
    return tuple(sorted(file.stem for file in Path(__file__).parent.glob("*.md")))


@cache
def text(aspect: str) -> str:
    """The rubric of an aspect."""
    return (Path(__file__).parent / f"{aspect}.md").read_text("utf-8").strip()
