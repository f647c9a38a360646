"""The funnel: of every source the rows read, where each went, and the sum that proves it."""

from typing import Any, NamedTuple

import polars as pl

from dataengine.built import Built
from dataengine.errors import UserError

SOURCES = 100
"""Sources that have a line of their own; the others share one."""
REST = "other sources"
READING = "reading"


class Line(NamedTuple):
    """One source's way: read + copied = published + the sum of what each stage lost."""

    source: str
    read: int
    copied: int
    lost: list[int]
    """Rows lost at each of the funnel's steps."""
    published: int


class Step(NamedTuple):
    """A column: a stage, or what every source's reader lost."""

    label: str
    stages: list[int]
    """The stages' places in the build."""


class Funnel(NamedTuple):
    """Lines of sources, and their sum."""

    steps: list[Step]
    lines: list[Line]
    total: Line


def funnel(built: Built, lost: pl.DataFrame) -> Funnel:
    """The funnel by stage and source; `lost` is `built.lost()`.

    Raises:
        UserError: the tables on disk are not what the manifest counts.
    """
    manifest = built.manifest
    _agree(built, lost)
    steps = _steps(manifest)
    lines = [_line(source, steps, lost, n) for n, source in enumerate(manifest["sources"])]
    if len(lines) > SOURCES:
        lines = [*lines[:SOURCES], _sum(REST, lines[SOURCES:])]
    return Funnel(steps, lines, _sum("all", lines))


def _agree(built: Built, lost: pl.DataFrame) -> None:
    held = dict(lost.group_by("number").agg(pl.col("rows").sum()).iter_rows())
    for number, stage in enumerate(built.manifest["stages"]):
        counted = stage["dropped"] + stage["failed"]
        if held.get(number, 0) != counted:
            raise UserError(
                f"{built.folder}: {stage['label']}: manifest.json counts {counted:,} rows that "
                f"went, and dropped/ holds {held.get(number, 0):,}; build again to mend it"
            )


def _steps(manifest: dict[str, Any]) -> list[Step]:
    """Readers are one step, each being of one source; so is each stage that lost a row."""
    readers = len(manifest["sources"])
    later = [
        Step(stage["label"], [number])
        for number, stage in enumerate(manifest["stages"])
        if number >= readers and stage["dropped"] + stage["failed"]
    ]
    return [Step(READING, list(range(readers))), *later]


def step_of(manifest: dict[str, Any], number: int) -> str:
    """The step of the stage at a place."""
    return READING if number < len(manifest["sources"]) else manifest["stages"][number]["label"]


def _line(source: dict[str, Any], steps: list[Step], lost: pl.DataFrame, reader: int) -> Line:
    later = pl.col("number") >= len(steps[0].stages)
    named = pl.col("source") == source["name"]
    mine = lost.filter((later & named) | (pl.col("number") == reader))
    by_stage = dict(mine.group_by("number").agg(pl.col("rows").sum()).iter_rows())
    went = [sum(by_stage.get(number, 0) for number in step.stages) for step in steps]
    # Only mixing makes rows, as copies: what is published and was not read is one.
    copied = source["rows"] + sum(went) - source["rows_read"]
    return Line(source["name"], source["rows_read"], copied, went, source["rows"])


def _sum(name: str, lines: list[Line]) -> Line:
    return Line(
        name,
        sum(line.read for line in lines),
        sum(line.copied for line in lines),
        [sum(column) for column in zip(*(line.lost for line in lines), strict=True)],
        sum(line.published for line in lines),
    )
