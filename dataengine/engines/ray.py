"""The Ray engine: each part is a task of a Ray cluster (docs.ray.io); only paths travel."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from dataengine import storage
from dataengine.engines.handed import ENVIRONMENT, hand_out, perform_here
from dataengine.engines.job import Done, Job
from dataengine.errors import UserError

PATIENCE = 6
"""Seconds that a cluster has to answer; Ray's own client asks a dead one for minutes."""


@contextmanager
def connected(workers: int, address: str | None = None) -> Iterator["Ray"]:
    """An engine on the cluster at an address (HOST:PORT, or `auto`, which finds the one that runs
    on this machine); without one at RAY_ADDRESS, else on one of its own on this machine, with a CPU
    for each of `workers`, which ends with it. A cluster that was there goes on.

    Raises:
        UserError: Ray is not installed, or no cluster answers.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        import ray
    except ImportError:
        raise UserError(
            "--engine ray needs the extra `ray`: pip install -e '.[ray]' in a checkout"
        ) from None
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    own: dict[str, Any] = {"num_cpus": workers, "include_dashboard": False}
    if address != "local":
        _refuse_dead(address)
        own = {}
    ray.init(
        address,
        runtime_env={"env_vars": ENVIRONMENT},
        log_to_driver=False,
        logging_level=logging.WARNING,
        **own,
    )
    try:
        yield Ray(ray)
    finally:
        ray.shutdown()


def _refuse_dead(address: str) -> None:
    """Ask a cluster for its status in a process that ends, as Ray's client does not."""
    asks = f"from ray.scripts.scripts import main; import signal; signal.alarm({PATIENCE}); main()"
    asked = [sys.executable, "-c", asks, "status", "--address", address]
    done = subprocess.run(asked, capture_output=True, text=True)
    if done.returncode == -signal.SIGALRM:
        raise UserError(
            f"--address {address}: no Ray cluster answered there within {PATIENCE} seconds; start "
            "one (ray start --head), or leave the address out to run on this machine alone"
        )
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["ray status failed"]
        raise UserError(f"--address {address}: {said[0]}")


class Ray:
    """Runs parts as tasks of one CPU each. Ray itself retries nothing: the driver counts."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._task = ray.remote(num_cpus=1, max_retries=0)(perform_here)

    def run(self, job: Job, parts: Sequence[int]) -> Iterator[Done]:
        file = storage.address(hand_out(job, parts))
        left, waiting = iter(parts), dict[Any, int]()
        ahead = 2 * max(1, int(self._ray.cluster_resources().get("CPU", 0)))
        try:
            while True:
                for part in islice(left, ahead - len(waiting)):
                    waiting[self._task.remote(file, job.fingerprint, part)] = part
                if not waiting:
                    return
                for ref in self._ray.wait([*waiting], num_returns=1)[0]:
                    yield self._done(ref, waiting.pop(ref))
        finally:
            for ref in waiting:
                self._ray.cancel(ref)

    def _done(self, ref: Any, part: int) -> Done:
        from ray import exceptions

        try:
            done: Done = self._ray.get(ref)
            return done
        except (exceptions.RayTaskError, exceptions.RuntimeEnvSetupError) as error:
            return Done(part, error)  # our own code is not there, or cannot be started
        except exceptions.RayError as error:
            return Done(part, error, lost=True)
