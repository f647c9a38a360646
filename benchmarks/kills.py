"""Builds on an engine, somebody killed at a random moment of each: always the same bytes.

    python -m benchmarks.kills --engine ray --seeds 50       # a cluster of three nodes of its own
    python -m benchmarks.kills --engine slurm --seeds 50     # the Slurm that answers here
    python -m benchmarks.kills --engine local --seeds 50

A seed draws whom (Ray: a worker, a node, the driver; Slurm: a process of an element, the driver;
threads: the driver) and when: as the build's folder holds so many files, and up to half a second
later, so that it also falls into `settle` and into the middle of a write. A driver that was killed
is started again. Then `data/` and `dropped/` are held against those of threads undisturbed; printed
is how many builds ended with the same bytes, by whom was killed.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.scale import below, mixture

ROWS, PART_ROWS = 1_500, 150
BUILD = (
    f"import sys, dataengine.sources.ingest as i; i.PART_ROWS = {PART_ROWS}\n"
    "from dataengine.command import run_command; from dataengine.build import app\n"
    "run_command(app)"
)
VICTIMS = {
    "ray": ("worker", "node", "driver"),
    "slurm": ("element", "driver"),
    "local": ("driver",),
}


class Trial:
    """One build that somebody is killed in."""

    def __init__(self, described: Path, out: Path, options: list[str], cluster: Any) -> None:
        self.out, self.cluster = out, cluster
        self.command = [sys.executable, "-c", BUILD, str(described), "--out", str(out), *options]

    def run(self, victim: str | None, when: int, later: float) -> str:
        """Build; returns who was killed, if anybody."""
        driver = self._start()
        killed = "nobody"
        while driver.poll() is None and victim:
            if len(files(self.out)) >= when:
                time.sleep(later)
                if self._kill(victim, driver):
                    killed, victim = victim, None
            time.sleep(0.01)
        status = driver.wait()
        while killed == "driver" and status == -signal.SIGKILL:
            driver = self._start()
            status = driver.wait()
        if status:
            raise SystemExit(f"the build ended with {status}; see what it said above")
        return killed

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=self._log())

    def _log(self) -> Any:
        return (self.out.parent / f"{self.out.name}.log").open("ab")

    def _kill(self, victim: str, driver: subprocess.Popen[bytes]) -> bool:
        if victim == "driver":
            driver.kill()
            return True
        if victim == "node":
            node = random.choice([*self.cluster.worker_nodes])
            self.cluster.remove_node(node, allow_graceful=False)
            self.cluster.add_node(num_cpus=1)
            return True
        at_work = [*(_workers() if victim == "worker" else _elements(self.out))]
        for pid in random.sample(at_work, min(1, len(at_work))):
            os.kill(pid, signal.SIGKILL)
        return bool(at_work)


def _workers() -> Iterator[int]:
    """The workers of our own cluster that do parts."""
    return (pid for pid in below(os.getpid()) if _said(pid).startswith("ray::perform_here"))


def _elements(out: Path) -> Iterator[int]:
    """The processes of elements of a build's arrays."""
    pids = (int(folder.name) for folder in Path("/proc").glob("[0-9]*"))
    part = f"dataengine.engines.slurm {out}/"
    return (pid for pid in pids if part in _said(pid) and "python" in _said(pid).split()[0])


def _said(pid: int) -> str:
    """The command line of a process; empty where it has ended."""
    try:
        told = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return told.replace(b"\0", b" ").decode(errors="replace").strip()


def files(out: Path) -> list[Path]:
    """What a build has made so far."""
    return [*out.rglob("*.arrow"), *out.rglob("*.parquet")]


def shown(out: Path) -> dict[str, bytes]:
    """What it shows of rows."""
    found = [*out.glob("data/*"), *out.glob("dropped/*")]
    return {str(file.relative_to(out)): file.read_bytes() for file in sorted(found)}


@contextmanager
def cluster_for(engine: str) -> Iterator[Any]:
    """Three nodes of Ray on this machine, where that is the engine."""
    if engine != "ray":
        yield None
        return
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1)
        yield cluster
    finally:
        cluster.shutdown()


def main() -> None:
    """Build once undisturbed, then once a seed, and print one line for each kind of victim."""
    parser = argparse.ArgumentParser(description="Builds in which somebody is killed.")
    parser.add_argument("--engine", choices=[*VICTIMS], default="ray")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    ended: Counter[tuple[str, bool]] = Counter()
    with tempfile.TemporaryDirectory() as folder, cluster_for(options.engine) as cluster:
        described, out = mixture(Path(folder) / "mixture", ROWS), Path(folder) / "out"
        engine = ["--engine", options.engine, "--workers", "2"]
        engine += ["--address", cluster.address] if cluster else []
        Trial(described, Path(folder) / "calm", ["--workers", "2"], None).run(None, 0, 0)
        calm, most = shown(Path(folder) / "calm"), len(files(Path(folder) / "calm"))
        for seed in range(options.first, options.first + options.seeds):
            random.seed(seed)
            victim, when = random.choice(VICTIMS[options.engine]), random.randint(1, most)
            trial = Trial(described, out, engine, cluster)
            killed = trial.run(victim, when, random.random() / 2)
            same = shown(out) == calm
            ended[killed, same] += 1
            if not same:
                print(f"seed {seed}: other bytes after the {killed} was killed", flush=True)
            shutil.rmtree(out)
    for (killed, same), count in sorted(ended.items()):
        print(f"{options.engine:<6}{killed:<8} killed: {count:>3} builds, same bytes: {same}")
    sys.exit(any(not same for _, same in ended))


if __name__ == "__main__":
    main()
