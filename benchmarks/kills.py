"""Builds on an engine, somebody killed at a random moment of each: always the same bytes.

    python -m benchmarks.kills --engine ray --seeds 50       # a cluster of three nodes of its own
    python -m benchmarks.kills --engine slurm --seeds 50     # the Slurm that answers here
    python -m benchmarks.kills --engine local --seeds 100

A seed draws whom (Ray: a worker, a node, the driver; Slurm: a process of an element, the driver;
threads: the driver) and when: as the build's folder holds so many files, or shows that its model is
asked, that a step settles, that rows are scattered and none gathered, that a file is half written;
and a little later. Half of the builds scatter (`--compress lz4`), all write many small shards. A
driver that was killed is started again. Then

- `data/` and `dropped/` are held against those of threads undisturbed;
- no step's file may have been made again, but for those of a source that was being generated, which
  is read again from its ledger; nothing half made may be left;
- the model is asked, after the kill, what the ledger has no answer of, and nothing else.

Printed is how many builds ended well, by who was killed and what the folder showed then.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.scale import below, mixture
from benchmarks.teacher import FaultServer, teaching
from dataengine.kernels.cache import cache_folder

ROWS, ASKED = 1_500, 40
BUILD = """
from dataengine import exchange
from dataengine.sources import ingest
from dataengine.stages import shards
ingest.PART_ROWS, exchange.SCATTERED_BYTES, shards.SHARD_BYTES = 150, 300_000, 200_000
from dataengine.command import run_command
from dataengine.build import app
run_command(app)
"""
SETTLE = ("exact_dedup", "near_dedup", "decontaminate", "mix", "split")
VICTIMS = {
    "ray": ("worker", "node", "driver"),
    "slurm": ("element", "driver"),
    "local": ("driver",),
}
MADE = re.compile(r"\d{6}(\.small)?\.arrow|\w+-\d{5}-of-\d{5}\.parquet")
Stamp = tuple[int, int]
"""What tells a file from another of its name: its inode and time."""


def described(folder: Path, teacher: FaultServer) -> Path:
    """A mixture with both dedups, decontamination, and a source that is generated."""
    file = mixture(folder, ROWS)
    told = yaml.safe_load(file.read_text())
    personas = ({"id": f"p{n}", "persona": f"Somebody with {n} goats."} for n in range(ASKED))
    (folder / "personas.jsonl").write_text("".join(json.dumps(p) + "\n" for p in personas))
    told["models"] = {
        "teacher": {
            "backend": "openai",
            "base_url": teacher.url,
            "model": "x",
            "max_concurrency": 4,
        }
    }
    told["sources"].append(
        {
            "name": "generated",
            "recipe": "open_chat",
            "personas": {"path": "personas.jsonl", "licence": "cc-by-4.0"},
            "prompts": "teacher",
            "answers": {"model": "teacher", "keep": "all"},
            "rows": ASKED,
        }
    )
    file.write_text(yaml.safe_dump(told, sort_keys=False))
    return file


def asking(work: Path) -> bool:
    """Whether a generated source is being read."""
    return any(not (folder / "account.json").exists() for folder in work.glob("generate-*"))


def settling(work: Path) -> bool:
    """Whether a step has begun that decides once it knows all parts, and has decided on none."""
    begun = [folder for name in SETTLE for folder in work.glob(f"{name}-*")]
    return any(not any(folder.glob("[!t]*")) for folder in begun)


def scattered(work: Path) -> bool:
    """Whether rows are scattered into files, and no shard is gathered from them yet."""
    gathered = any(work.glob("shards-*/data/*.parquet"))
    return not gathered and any(work.glob("shards-*/scattered/[0-9]*.arrow"))


def mid_write(work: Path) -> bool:
    """Whether a file is half written."""
    return any(work.glob("**/tmp-*.*"))


MOMENTS: dict[str, tuple[Callable[[Path], bool], float]] = {
    "asking": (asking, 0.5),
    "settling": (settling, 0.03),
    "scattered": (scattered, 0.02),
    "mid-write": (mid_write, 0.0),
}
"""How each is told, and the seconds after its first sight in which somebody is killed."""


def moment(work: Path) -> str:
    """What a build's folder shows it to be doing."""
    return "+".join(name for name, (holds, _) in MOMENTS.items() if holds(work)) or "else"


class Trial:
    """One build that somebody is killed in, and all that is seen of its files."""

    def __init__(self, file: Path, out: Path, options: list[str], teacher: FaultServer) -> None:
        self.out, self.work, self.teacher = out, out / ".work", teacher
        self.command = [sys.executable, "-c", BUILD, str(file), "--out", str(out), *options]
        self.seen: dict[Path, Stamp] = {}
        self.again: set[Path] = set()
        self.asked = 0

    def run(self, victim: str | None, due: Callable[[Path], bool], cluster: Any) -> tuple[str, str]:
        """Build; returns who was killed, if anybody, and at what moment."""
        asked, killed, at = self.teacher.asked.total(), "nobody", "-"
        driver = self._start()
        while driver.poll() is None:
            if victim and due(self.work) and self._kill(victim, driver, cluster):
                killed, at, victim = victim, moment(self.work), None
            self._look()
            time.sleep(0.002 if victim else 0.05)
        if killed == "driver" and driver.wait() == -signal.SIGKILL:
            time.sleep(0.2)  # what it asked has reached the teacher
            self.asked = (
                answers(self.out) - self.teacher.asked.total() + asked
            )  # what was in flight, off
            driver = self._start()
            while driver.poll() is None:
                self._look()
                time.sleep(0.05)
        if driver.wait():
            raise SystemExit(self._log.read_text())
        self.asked += self.teacher.asked.total() - asked
        return killed, at

    @property
    def left(self) -> list[str]:
        """What a process that died had begun, and nobody cleared away."""
        indices = Path(os.environ["DECONTAM_CACHE"]) / "indices"
        return [str(file) for file in [*self.work.glob("**/tmp*"), *indices.glob("tmp*")]]

    @property
    def _log(self) -> Path:
        return self.out.with_suffix(".log")

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("wb") as log:
            return subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=log)

    def _look(self) -> None:
        """Take note of every file; one that was seen otherwise before was made again."""
        for file in files(self.work):
            try:
                stat = file.stat()
            except FileNotFoundError:
                continue
            stamp = stat.st_ino, stat.st_mtime_ns
            if self.seen.setdefault(file, stamp) != stamp:
                self.again.add(file)

    def _kill(self, victim: str, driver: subprocess.Popen[bytes], cluster: Any) -> bool:
        if victim == "driver":
            driver.kill()
            driver.wait()
            return True
        if victim == "node":
            node = random.choice([*cluster.worker_nodes])
            cluster.remove_node(node, allow_graceful=False)
            cluster.add_node(num_cpus=1)
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


def files(work: Path) -> Iterator[Path]:
    """What steps have made so far: parts, looks, decisions, scattered rows, shards. A generated
    source that was killed is read anew, from its ledger."""
    for folder, _, names in os.walk(work):
        for name in names:
            if MADE.fullmatch(name) and "/generate-" not in folder and "/tmp-" not in folder:
                yield Path(folder, name)


def answers(out: Path) -> int:
    """How many answers a build's ledger holds."""
    if not (out / "ledger.sqlite").exists():
        return 0
    with closing(sqlite3.connect(out / "ledger.sqlite")) as ledger:
        return int(
            ledger.execute("SELECT count(*) FROM calls WHERE outcome = 'answered'").fetchone()[0]
        )


def shown(out: Path) -> dict[str, bytes]:
    """What a build shows of rows."""
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


def drawn(name: str, most: int) -> Callable[[Path], bool]:
    """When to kill: a while after a moment is seen, or at a number of files that is drawn."""
    count, holds = random.randint(1, most), lambda work: len([*files(work)]) >= count
    due, seconds = MOMENTS.get(name, (holds, 0.5))
    later = [random.random() * seconds]

    def now(work: Path) -> bool:
        held = due(work)
        while held and later:
            time.sleep(later.pop())
        return held

    return now


def main() -> None:
    """Build once undisturbed, then once a seed, and print one line for each kind of death."""
    parser = argparse.ArgumentParser(description="Builds in which somebody is killed.")
    parser.add_argument("--engine", choices=[*VICTIMS], default="ray")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    ended: Counter[tuple[str, str, str]] = Counter()
    with (
        tempfile.TemporaryDirectory() as folder,
        cluster_for(options.engine) as cluster,
        teaching() as teacher,
    ):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder() / "kernels"))
        os.environ["DECONTAM_CACHE"] = str(Path(folder) / "cache")  # of indices alone, then
        file, out = described(Path(folder) / "mixture", teacher), Path(folder) / "out"
        engine = ["--engine", options.engine, "--workers", "2"]
        engine += ["--address", cluster.address] if cluster else []
        calm = Trial(file, Path(folder) / "calm", ["--workers", "2"], teacher)
        calm.run(None, asking, None)
        wanted = shown(calm.out)
        for seed in range(options.first, options.first + options.seeds):
            random.seed(seed)
            victim, name = random.choice(VICTIMS[options.engine]), random.choice([*MOMENTS, "else"])
            name = name if victim == "driver" else "else"  # others do parts, and nothing beside
            scatters = name == "scattered" or random.random() < 0.5
            more = ["--compress", "lz4"] if scatters else []
            trial = Trial(file, out, engine + more, teacher)
            killed, at = trial.run(victim, drawn(name, len(calm.seen)), cluster)
            wrong = {
                "other bytes": shown(out) != wanted,
                f"made again: {sorted(map(str, trial.again))}": bool(trial.again),
                f"left: {trial.left}": bool(trial.left),
                f"asked {trial.asked} times, not {calm.asked}": trial.asked != calm.asked,
            }
            told = "; ".join(what for what, is_so in wrong.items() if is_so)
            ended[killed, at, "NOT well" if told else "well"] += 1
            if told:
                print(f"seed {seed}: {killed} killed, {at}: {told}", flush=True)
            shutil.rmtree(out)
    for (killed, at, how), count in sorted(ended.items()):
        print(
            f"{options.engine:<6} {killed:<8} killed, {at or '-':<20} {count:>4} builds ended {how}"
        )
    sys.exit(any(how != "well" for _, _, how in ended))


if __name__ == "__main__":
    main()
