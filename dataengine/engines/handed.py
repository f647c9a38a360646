"""Jobs handed to other processes: written to one file, opened there, refused by another version.

The file holds the task of each part that is handed out, one after the other, then the job itself
and where each task begins: a worker reads the tasks that it is given, and of rows only their paths.
It is pickled, so whoever can write into the build's folder can run code as the one who builds.
"""

import fcntl
import os
import pickle
import socket
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from dataengine import storage
from dataengine.engines import versions
from dataengine.engines.job import Done, Job, Task, Tasks, perform
from dataengine.errors import UserError

THREADS = (
    "POLARS_MAX_THREADS",
    "NUMBA_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "RAYON_NUM_THREADS",
)
ENVIRONMENT = dict.fromkeys(THREADS, "1")
"""What a worker is started with: it has one CPU, so no library may start threads of its own."""


class Refused(UserError):
    """A worker that would not do the same as the driver."""


@dataclass(frozen=True)
class FileTasks(Tasks):
    """The tasks of a job's file, by part."""

    file: Path
    starts: Mapping[int, int]

    def __getitem__(self, part: int) -> Task:
        with self.file.open("rb") as stream:
            stream.seek(self.starts[part])
            task: Task = pickle.load(stream)
            return task


def hand_out(job: Job, parts: Sequence[int]) -> Path:
    """Write a job and the tasks of `parts` to a file of their own, by one rename."""
    folder = job.context.folder / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{time.time_ns()}.pickle"
    starts = {}
    with storage.writing(file) as partial, partial.open("wb") as out:
        for part in parts:
            starts[part] = out.tell()
            storage.dump(job.tasks[part], out)
        end = out.tell()
        pickle.dump((job.fingerprint, versions.here(), list(parts)), out)
        storage.dump(replace(job, tasks=FileTasks(file, starts)), out)
        out.write(end.to_bytes(8, "little"))
    return file


@lru_cache(maxsize=1)
def opened(file: Path, fingerprint: str) -> Job:
    """The job of a file.

    Raises:
        Refused: it is another job's, or was written by other versions than run here.
    """
    with storage.fetch(file).open("rb") as stream:
        of, there, _ = _head(stream)
        if of != fingerprint:
            raise Refused(f"{file} is the job {of}, not {fingerprint}")
        if other := versions.differences(there):
            raise Refused(
                f"{socket.gethostname()}: the driver has {'; '.join(other)}; install the same there"
            )
        job: Job = pickle.load(stream)
        return job


def parts_in(file: Path) -> list[int]:
    """The parts that a file hands out."""
    with storage.fetch(file).open("rb") as stream:
        return _head(stream)[2]


def _head(stream: BinaryIO) -> tuple[str, dict[str, str], list[int]]:
    """What a file begins to say of its job; the job itself comes next."""
    stream.seek(-8, os.SEEK_END)
    stream.seek(int.from_bytes(stream.read(), "little"))
    head: tuple[str, dict[str, str], list[int]] = pickle.load(stream)
    return head


def perform_here(address: str, fingerprint: str, part: int) -> Done:
    """Do one part of a job that was handed out, by the address of its file. Never raises; what it
    returns can be pickled."""
    try:
        file = storage.local(address)
        job = opened(file, fingerprint)
        with _first_on_this_node(file):
            done = perform(job, part)
    except Exception as error:
        done = Done(part, error)
    return done if done.error is None else done._replace(error=carried(done.error))


def carried(error: BaseException) -> BaseException:
    """An error as it can travel: with its traceback as a note; by name and text where it cannot be
    pickled, since what cannot be brought back would hide what happened."""
    told = "".join(traceback.format_exception(error))
    try:
        error.add_note(f"on {socket.gethostname()}:\n{told}")
        back = pickle.loads(pickle.dumps(error))
        return error if type(back) is type(error) else RuntimeError(told)
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}\non {socket.gethostname()}:\n{told}")


@contextmanager
def _first_on_this_node(file: Path) -> Iterator[None]:
    """The first part of a job on each node is done while the others wait: it compiles the kernels
    that they load."""
    compiled = file.with_suffix(f".{socket.gethostname()}")
    if not compiled.exists():
        with compiled.with_suffix(f"{compiled.suffix}-lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not compiled.exists():
                yield
                compiled.touch()
                return
    yield
