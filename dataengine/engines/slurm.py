"""The Slurm engine: parts are divided among the elements of a job array (sbatch --array).

An array's name is made from the job that it does and where: Slurm itself keeps the record, so that
a driver that was killed finds its array again, however early it died.
"""

import os
import pickle
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from dataengine import storage
from dataengine.engines.handed import ENVIRONMENT, hand_out, parts_in, perform_here
from dataengine.engines.job import Done, Job
from dataengine.errors import UserError

PAUSE = 2.0
"""Seconds between two questions to the controller."""
SILENT = 30
"""Questions without an answer after which the controller is taken for gone."""


@dataclass(frozen=True)
class Slurm:
    """Runs parts in an array of at most `array` elements of one CPU each."""

    partition: str | None = None
    array: int = 64
    time: str | None = None

    def __post_init__(self) -> None:
        if not shutil.which("sbatch"):
            raise UserError(
                "--engine slurm: there is no sbatch here; run where Slurm's commands are"
            )

    def run(self, job: Job, parts: Sequence[int]) -> Iterator[Done]:
        name = _name(job)
        try:
            yield from self._watch(name, job, parts, None)  # an array that an earlier driver left
            missing = job.tasks.missing(parts)
            if missing:
                file = hand_out(job, missing)
                self._submit(name, file, job.fingerprint, min(self.array, len(missing)))
                yield from self._watch(name, job, missing, file)
        except BaseException:
            _asked("scancel", "--me", f"--name={name}")
            raise

    def _submit(self, name: str, file: Path, fingerprint: str, elements: int) -> None:
        threads = [f"{variable}={value}" for variable, value in ENVIRONMENT.items()]
        module = [sys.executable, "-P", "-m", "dataengine.engines.slurm"]
        wanted = {"partition": self.partition, "time": self.time}
        done = _asked(
            "sbatch",
            f"--job-name={name}",
            f"--array=0-{elements - 1}",
            "--cpus-per-task=1",
            f"--output={_log(file)}-%a.log",
            *(f"--{option}={value}" for option, value in wanted.items() if value),
            f"--wrap={shlex.join(['env', *threads, *module, storage.address(file), fingerprint])}",
        )
        if done.returncode:
            raise UserError(f"--engine slurm: {' '.join(done.stderr.split())}")

    def _watch(
        self, name: str, job: Job, parts: Sequence[int], file: Path | None
    ) -> Iterator[Done]:
        """Tell of parts as their files appear, until no element of the array is left."""
        left, going, silent = list(parts), True, 0
        while going and left:
            done = _asked("squeue", "--me", "--noheader", f"--name={name}", "--format=%i")
            silent = silent + 1 if done.returncode else 0
            if silent == SILENT:
                raise UserError(f"--engine slurm: squeue: {' '.join(done.stderr.split())}")
            going = bool(done.returncode or done.stdout.strip())  # asked before files are looked at
            missing = job.tasks.missing(left)
            yield from map(Done, sorted({*left}.difference(missing)))
            failed = storage.listed(_failure(file, part) for part in missing) if file else ()
            for told in sorted(failed):
                yield pickle.loads(storage.fetch(told).read_bytes())
            left = [part for part in missing if not file or _failure(file, part) not in failed]
            if going and left:
                time.sleep(PAUSE)


def _name(job: Job) -> str:
    said = f"{storage.address(job.context.folder)} {job.fingerprint}"
    return f"dataengine-{blake2b(said.encode(), digest_size=8).hexdigest()}"


def _asked(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True)


def _log(file: Path) -> Path:
    """Where elements write: beside the job's file, or in /tmp of each node where that is an object
    of a store, which Slurm does not write to."""
    return Path("/tmp") / file.stem if storage.named(file) != str(file) else file.with_suffix("")


def _failure(file: Path, part: int) -> Path:
    """Where an element tells why it could not make a part."""
    return file.with_suffix(f".{part}.failed")


def main() -> None:
    """An element of the array: its share of the parts, one after the other."""
    address, fingerprint = sys.argv[1:]
    file = storage.local(address)
    element = int(os.environ["SLURM_ARRAY_TASK_ID"])
    for part in parts_in(file)[element :: int(os.environ["SLURM_ARRAY_TASK_COUNT"])]:
        done = perform_here(address, fingerprint, part)
        if done.error:
            with storage.writing(_failure(file, part)) as partial:
                partial.write_bytes(pickle.dumps(done))


if __name__ == "__main__":
    main()
