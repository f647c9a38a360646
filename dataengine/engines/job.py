"""Jobs: one step of a build, to be done for each part by itself, whoever does it and where.

A job's part reads the files of a part of rows and writes one file for each of its acts, by one
rename: what is not there yet is what remains to do.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import polars as pl

from dataengine import storage
from dataengine.parts import arrow, framed, mapped, written
from dataengine.quarantine import decide
from dataengine.stages.stage import Context, Stage
from dataengine.view import Table, View

Verb = Literal["look", "apply"]


class Act(NamedTuple):
    """What one stage does to a part."""

    verb: Verb
    stage: Stage


class Task(NamedTuple):
    """What a job's stages are shown of one part, and where each of them writes."""

    view: View
    found: pl.DataFrame | None
    """The survey's table for the part."""
    files: Sequence[Path]


class Tasks(Protocol):
    """The task of each part, by its number."""

    def __getitem__(self, part: int) -> Task: ...

    def made(self, part: int) -> bool:
        """Whether all that a part's task is to write is there."""
        return all(map(storage.exists, self[part].files))

    def missing(self, parts: Iterable[int]) -> list[int]:
        """Those parts whose tasks are not seen to be done, by few requests."""
        return [part for part in parts if not self.made(part)]


@dataclass(frozen=True)
class TableTasks(Tasks):
    """The tasks of a table's parts, made as they are asked for."""

    table: Table
    files: Sequence[Sequence[Path]]
    """Of each act, where its output on each part lies."""
    found: Sequence[pl.DataFrame] = ()
    everybody: bool = False
    """Whether the stages are shown all rows, or those that are alive."""

    def __getitem__(self, part: int) -> Task:
        found = self.found[part] if self.found else None
        files = [held[part] for held in self.files]
        return Task(self.table.view(part, self.everybody), found, files)

    def made(self, part: int) -> bool:
        return all(storage.exists(held[part]) for held in self.files)

    def missing(self, parts: Iterable[int]) -> list[int]:
        asked = [*parts]
        there = storage.listed(held[part] for part in asked for held in self.files)
        return [part for part in asked if any(held[part] not in there for held in self.files)]


@dataclass(frozen=True)
class Job:
    """One step of a build over many parts: what is done to each."""

    acts: tuple[Act, ...]
    fingerprint: str
    """What identifies the step."""
    context: Context
    tasks: Tasks = field(repr=False)

    def __str__(self) -> str:
        return ", ".join(act.stage.label() for act in self.acts)


class Done(NamedTuple):
    """What became of one part: nothing to tell, or why it was not made."""

    part: int
    error: BaseException | None = None
    lost: bool = False
    """Whether the machine was at fault, not the stage: the part may be tried again."""
    spent: tuple[float, ...] = ()
    """CPU seconds of each of the job's acts, where they are known."""


def perform(job: Job, part: int) -> Done:
    """Do a job for one part; what is made already is not made again. Never raises."""
    times = [time.thread_time()]
    try:
        task = job.tasks[part]
        for (verb, stage), file in zip(job.acts, task.files, strict=True):
            if not storage.exists(file):
                _make(job, verb, stage, task, file)
            times.append(time.thread_time())
    except Exception as error:
        return Done(part, error)
    return Done(part, spent=tuple(end - start for start, end in pairwise(times)))


def _make(job: Job, verb: Verb, stage: Stage, task: Task, file: Path) -> None:
    if verb == "apply":
        decide(stage, task.view, task.found).write(task.view.places, file)
    else:
        seen = stage.look(task.view, job.context)
        table = pl.DataFrame() if seen is None else seen
        written(arrow(table), file)


def look_of(file: Path) -> pl.DataFrame | None:
    """What a stage saw of a part; None for nothing, which is a file without columns."""
    found = framed(mapped(file))
    return found if found.width else None
