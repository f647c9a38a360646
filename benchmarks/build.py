"""What a whole build costs: `python -m benchmarks.build --data DIR [--rows N ...]`.

DIR/train holds training sets and DIR/evals eval suites, as JSON lines. The build reads all of
DIR/train or, with --rows, corpora of N chats recombined from its exchanges, with copies and leaks;
filters, both dedups, decontamination against all suites, split, shards. It runs in a process and a
folder of its own, from nothing, after a small one that compiles the kernels; then once more with
one filter changed. --demo first builds the demo in a clean checkout, where nothing is compiled.
--against COMMIT does the same with another commit's code, before and after ours in turn. Compare
ratios of one run, not seconds of different machines.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from benchmarks import corpus
from benchmarks.fetch import DATA

HERE = Path(__file__).parent.parent
JOB = {
    "seed": 42,
    "filters": [
        "empty_turns", "identity", "knowledge_cutoff", "repetition",
        {"length": {"max_tokens": 4096}},
    ],
    "dedup": {"exact": True, "minhash": {"threshold": 0.8}},
    "splits": {"train": 0.98, "validation": 0.02},
}  # fmt: skip
COPIES = 0.05


class Cost(NamedTuple):
    """What one build took: seconds of wall and CPU, GiB of memory and GB of disk at their highest,
    the seconds of the stages that ran, and the rows that it published."""

    wall: float
    cpu: float
    memory: float
    disk: float
    stages: dict[str, float]
    rows: int


def main() -> None:
    """Build, and print one table."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        work = Path(folder)
        if options.demo:
            with _checkout("HEAD", work) as clean:
                assert clean
                demo = clean / "examples" / "quickstart.yaml"
                for name in ("demo", "demo again"):
                    _print(name, build(demo, clean, work / "out"))
                    shutil.rmtree(work / "out")
        warm = _mixture(work / "warm", options.data, 300)
        with _checkout(options.against, work) as other:
            codes = {"here": HERE} | ({options.against: other} if other else {})
            for code in codes.values():
                build(warm, code, work / "out")
                shutil.rmtree(work / "out")
            for rows in options.rows or [None]:
                mixture = _mixture(work, options.data, rows)
                for name, code in options.rounds * [*codes.items()]:
                    _print(name, build(mixture, code, work / "out"))
                    changed = _changed(mixture)
                    _print("  a filter changed", build(changed, code, work / "out"))
                    shutil.rmtree(work / "out")


def build(mixture: Path, code: Path, out: Path) -> Cost:
    """Build a mixture by the code of a checkout."""
    started, when = time.perf_counter(), time.time()
    command = [sys.executable, "-m", "dataengine.build", str(mixture), "--out", str(out), "--json"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    environment = os.environ | {"PYTHONPATH": str(code)}
    process = subprocess.Popen(command, cwd=code, env=environment, **quiet)  # type: ignore[call-overload]
    with _highest(out) as disk:
        told = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    if status:
        raise SystemExit(told.decode())
    manifest = json.loads((out / "manifest.json").read_text())
    accounts = {
        stage["label"]: out / ".work" / f"{stage['name']}-{stage['fingerprint'][:16]}"
        for stage in manifest["stages"]
    }
    stages = {
        label: json.loads((folder / "account.json").read_text())["seconds"]
        for label, folder in accounts.items()
        if (folder / "account.json").stat().st_mtime >= when
    }
    return Cost(
        wall,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss / 2**20,
        disk["bytes"] / 1e9,
        stages,
        manifest["stages"][-1]["kept"],
    )


@contextmanager
def _highest(folder: Path) -> Iterator[dict[str, int]]:
    """The most bytes that a folder held, looked at twice a second."""
    found, ended = {"bytes": 0}, threading.Event()

    def look() -> None:
        while not ended.wait(0.5):
            found["bytes"] = max(found["bytes"], sum(dict(_blocks(folder)).values()))

    thread = threading.Thread(target=look)
    thread.start()
    yield found
    ended.set()
    thread.join()


def _blocks(folder: Path) -> Iterator[tuple[int, int]]:
    """The bytes that each file takes, by its inode: a file of two names is there once."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            held = path.stat()
            yield held.st_ino, held.st_blocks * 512


def _mixture(folder: Path, data: Path, rows: int | None) -> Path:
    folder.mkdir(exist_ok=True)
    if rows:
        corpus.write(data, rows, folder / "corpus.jsonl", COPIES)
        files = [folder / "corpus.jsonl"]
    else:
        files = sorted((data / "train").glob("*.jsonl"))
    described: dict[str, Any] = {
        "name": "benchmark",
        "sources": [{"name": f.stem, "path": str(f), "licence": "other"} for f in files],
        **JOB,
        "decontaminate": {
            "against": ["development", "unseen", "safety", "extra"],
            "path": str(data / "evals"),
        },
    }
    size = sum(file.stat().st_size for file in files) / 1e9
    print(f"{len(files)} files, {size:.3f} GB", file=sys.stderr)
    file = folder / "mixture.yaml"
    file.write_text(yaml.safe_dump(described, sort_keys=False))
    return file


def _changed(mixture: Path) -> Path:
    """The same mixture with another limit of length."""
    described = yaml.safe_load(mixture.read_text())
    described["filters"][-1]["length"]["max_tokens"] -= 96
    file = mixture.with_name("changed.yaml")
    file.write_text(yaml.safe_dump(described, sort_keys=False))
    return file


@contextmanager
def _checkout(commit: str | None, folder: Path) -> Iterator[Path | None]:
    """Another commit's code in a folder of its own."""
    if commit is None:
        yield None
        return
    other = folder / commit
    tree = ["git", "-C", str(HERE), "worktree"]
    subprocess.run([*tree, "add", "--quiet", "--detach", str(other), commit], check=True)
    yield other
    subprocess.run([*tree, "remove", "--force", str(other)], check=True)


def _print(name: str, cost: Cost) -> None:
    print(
        f"{name:<18}{cost.wall:>8.1f} s wall{cost.cpu:>8.1f} CPU-s{cost.memory:>7.2f} GiB memory"
        f"{cost.disk:>7.2f} GB disk{cost.rows:>10,} rows"
    )
    for label, seconds in cost.stages.items():
        if seconds >= 0.05:
            print(f"    {label:<28}{seconds:>8.2f} s")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What a whole build costs.")
    parser.add_argument("--data", type=Path, default=DATA, help="holds train/ and evals/")
    parser.add_argument(
        "--rows", type=int, nargs="+", help="of recombined corpora; without: DIR/train"
    )
    parser.add_argument("--demo", action="store_true", help="the demo too, with nothing compiled")
    parser.add_argument("--against", metavar="COMMIT", help="build by its code too")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--work", type=Path, help="where to build; 2.5 times the corpus is needed")
    options = parser.parse_args()
    options.data = options.data.resolve()
    return options


if __name__ == "__main__":
    main()
