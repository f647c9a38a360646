"""What rows and engines cost: wall, CPU, memory of each process, bytes written, overhead.

    python -m benchmarks.scale                  # 10,000 and 100,000 rows, threads and Ray
    python -m benchmarks.scale --rows 1000000 --engines local --workers 2

A mixture over made chats of 0.9 KB (one in twenty a copy with a word changed, one in a hundred with
an eval item in it): filters, both dedups, decontamination, split, shards. Each build is the command
itself, in a folder of its own, from nothing, after a small one that compiles the kernels. Its
processes are looked at ten times a second: *driver* is the command, *worker* the largest of Ray's
workers, *own* what of the driver's memory is no file (pages of files go when others need memory),
less what a build of 100 rows holds, by row. CPU is that of all processes, Ray's own too; written is
what they wrote in all. *x wall* and *x CPU* are against threads with as many workers, in this run.
Seconds are of this machine and of what else it did; CPU and bytes tell more where it did much.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

import yaml

WORDS = [f"{a}{b}{c}" for a, b, c in product("bdfgklmnprst", "aeiou", ["la", "ne", "rit", "so"])]
ITEMS = 200


@dataclass
class Seen:
    """A build's processes as they were seen."""

    wall: float = 0.0
    cpu: dict[int, float] = field(default_factory=dict)
    written: dict[int, int] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)
    """Bytes at their highest: of `driver`, `own`, `worker`."""
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def used(self) -> float:
        """CPU seconds of all of them."""
        return sum(self.cpu.values())

    def look(self, root: int) -> None:
        """Look at a process and all below it."""
        for pid in below(root):
            try:
                stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                status = dict(
                    line.split(":", 1)
                    for line in Path(f"/proc/{pid}/status").read_text().splitlines()
                )
                io = dict(
                    line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines()
                )
            except (OSError, ValueError):
                continue  # it has ended
            if "VmHWM" not in status:
                continue
            self.cpu[pid] = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
            self.written[pid] = int(io["wchar"])
            name = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            if pid == root:
                self._most("driver", status["VmHWM"])
                self._most("own", status["RssAnon"])
            elif name.startswith("ray::"):
                self._most("worker", status["VmHWM"])

    def _most(self, who: str, told: str) -> None:
        self.most[who] = max(self.most.get(who, 0), int(told.split()[0]) << 10)


def below(root: int) -> Iterator[int]:
    """A process and its descendants."""
    yield root
    for task in Path(f"/proc/{root}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from below(int(child))


def chats(rows: int, file: Path, items: list[str]) -> None:
    """Made chats as JSON lines; the same for the same number of rows."""
    draw = random.Random(rows)
    recent: list[tuple[str, str]] = []
    with file.open("w") as out:
        for number in range(rows):
            if recent and draw.random() < 0.05:
                asked, answer = draw.choice(recent)
                answer = answer.replace(" la", " so", 1) if draw.random() < 0.5 else answer
            else:
                said = draw.choices(WORDS, k=150)
                asked, answer = " ".join(said[:30]), " ".join(said[30:])
                if draw.random() < 0.01:
                    asked += " " + draw.choice(items)
            recent = [*recent[-500:], (asked, answer)]
            turns = [
                {"role": "user", "content": f"{number} {asked}"},
                {"role": "assistant", "content": answer},
            ]
            out.write(json.dumps({"messages": turns}) + "\n")


def mixture(folder: Path, rows: int) -> Path:
    """A mixture over that many rows."""
    folder.mkdir(parents=True)
    draw = random.Random(0)
    items = [" ".join(draw.choices(WORDS, k=30)) for _ in range(ITEMS)]
    chats(rows, folder / "chats.jsonl", items)
    (folder / "evals").mkdir()
    with (folder / "evals" / "gsm8k.jsonl").open("w") as out:
        for number, item in enumerate(items):
            out.write(json.dumps({"id": str(number), "prompt": item, "answer": "4"}) + "\n")
    described = {
        "name": "scale",
        "seed": 1,
        "sources": [{"name": "chats", "path": "chats.jsonl", "licence": "other"}],
        "filters": ["empty_turns", "identity", "repetition", {"length": {"max_chars": 20_000}}],
        "dedup": {"exact": True, "minhash": True},
        "decontaminate": {"against": ["gsm8k"], "path": "evals"},
        "splits": {"train": 0.98, "validation": 0.02},
    }
    file = folder / "mixture.yaml"
    file.write_text(yaml.safe_dump(described, sort_keys=False))
    return file


def build(described: Path, out: Path, engine: str, workers: int) -> Seen:
    """Build by the command, from nothing, and look on."""
    command = [sys.executable, "-m", "dataengine.build", str(described), "--out", str(out)]
    options = ["--engine", engine, "--workers", str(workers), "--json"]
    seen, started = Seen(), time.perf_counter()
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=told)
        while process.poll() is None:
            seen.look(process.pid)
            time.sleep(0.1)
        seen.wall = time.perf_counter() - started
        if process.returncode:
            told.seek(0)
            raise SystemExit(told.read().decode())
    for file in out.glob(".work/*/account.json"):
        account = json.loads(file.read_text())
        seen.stages[account["label"]] = account["seconds"]
    shutil.rmtree(out)
    return seen


def main() -> None:
    """Build at each size with each engine, and print one table."""
    parser = argparse.ArgumentParser(description="What rows and engines cost.")
    parser.add_argument("--rows", default="10000,100000")
    parser.add_argument("--engines", default="local,ray")
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--stages", action="store_true", help="print each stage's seconds too")
    options = parser.parse_args()
    print(
        f"{'rows':>10}  {'engine':<6}{'workers':>8}{'wall s':>9}{'CPU s':>8}{'driver GiB':>12}"
        f"{'worker GiB':>12}{'own B/row':>11}{'written GB':>12}{'x wall':>8}{'x CPU':>8}",
        flush=True,
    )
    engines = options.engines.split(",")
    with tempfile.TemporaryDirectory() as folder:
        small = mixture(Path(folder) / "small", 100)
        build(small, Path(folder) / "out", "local", 2)  # compiles the kernels
        idle = build(small, Path(folder) / "out", "local", 1).most["own"]
        for rows in map(int, options.rows.split(",")):
            described = mixture(Path(folder) / str(rows), rows)
            local: dict[int, Seen] = {}
            for engine, workers in product(engines, map(int, options.workers.split(","))):
                seen = build(described, Path(folder) / "out", engine, workers)
                if engine == "local":
                    local[workers] = seen
                _print(rows, engine, workers, seen, idle, local.get(workers))
                for label, seconds in seen.stages.items() if options.stages else ():
                    print(f"{'':>12}{label:<28}{seconds:>8.2f} s", flush=True)
            shutil.rmtree(described.parent)


def _print(rows: int, engine: str, workers: int, seen: Seen, idle: int, local: Seen | None) -> None:
    worker = f"{seen.most['worker'] / 2**30:.2f}" if "worker" in seen.most else "-"
    times = (seen.wall / local.wall, seen.used / local.used) if local else ()
    print(
        f"{rows:>10,}  {engine:<6}{workers:>8}{seen.wall:>9.1f}{seen.used:>8.1f}"
        f"{seen.most['driver'] / 2**30:>12.2f}{worker:>12}"
        f"{(seen.most['own'] - idle) / rows:>11.0f}"
        f"{sum(seen.written.values()) / 1e9:>12.2f}" + "".join(f"{n:>8.2f}" for n in times),
        flush=True,
    )


if __name__ == "__main__":
    main()
