"""Driving: parts that are missing are handed out until none is, or one cannot be made."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from dataengine import storage
from dataengine.engines.job import Done, Job
from dataengine.errors import UserError

ATTEMPTS = 3
"""How often a part is handed out before the machine is not to blame any more."""
LAG = 10
"""Seconds that a shared file system may take to show a file that another machine wrote."""


class Engine(Protocol):
    """Who runs a job's parts: one verb, in any order, wherever it likes. A part that it does not
    come back with, or that it says was lost, is handed out again."""

    def run(self, job: Job, parts: Sequence[int]) -> Iterator[Done]:
        """Have the parts made; tells of each as soon as it is."""
        ...


def drive(engine: Engine, job: Job, parts: int, done: Callable[[Done], None]) -> None:
    """Have every part of a job made, and tell `done` of each as it is. A part is made when its
    files are there, whatever was told of it.

    Raises:
        UserError: a part was lost three times.
        Exception: what a stage raised, with the part's number as a note.
    """

    tasks = job.tasks
    missing = tasks.missing(range(parts))
    for part in {*range(parts)}.difference(missing):
        done(Done(part))
    lost: Counter[int] = Counter()
    why: dict[int, BaseException] = {}
    while missing:
        expected = {*missing}
        for told in engine.run(job, missing):
            if told.error and not told.lost:
                raise _named(told.error, job, told.part)
            if told.error:
                why[told.part] = told.error
                expected.discard(told.part)
            else:
                done(told)
        missing = tasks.missing(missing)
        _wait_for(tasks.made, expected.intersection(missing))
        missing = tasks.missing(missing)
        lost.update(missing)
        for part in missing:
            if lost[part] == ATTEMPTS:
                raise UserError(_given_up(job, part, why.get(part)))


def _wait_for(made: Callable[[int], bool], parts: Iterable[int]) -> None:
    """Wait until the files of parts are seen, as long as a file system may lag."""
    until = time.monotonic() + LAG
    while not all(map(made, parts)) and time.monotonic() < until:
        time.sleep(LAG / 20)


def _named(error: BaseException, job: Job, part: int) -> BaseException:
    """An error of a stage with the part that it was raised on; bad input is told as it is."""
    if not isinstance(error, UserError):
        rows = job.tasks[part].view.part
        error.add_note(f"{job}: raised on part {part} ({storage.named(rows.file)})")
    return error


def _given_up(job: Job, part: int, why: BaseException | None) -> str:
    told = f"{type(why).__name__}: {' '.join(str(why).split())[:300]}" if why else "no word of it"
    rows, logs = job.tasks[part].view.part.file, job.context.folder / "jobs"
    return (
        f"{job}: part {part} ({storage.named(rows)}) was lost {ATTEMPTS} times with the "
        f"worker that had it ({told}; logs, if any, are in {storage.named(logs)}). Give "
        "workers more memory or time and run again: what is made is kept"
    )
