"""What the driver holds of each row while a step is settled.

    python -m benchmarks.settle                              # a million rows, 2 threads
    python -m benchmarks.settle --rows 4000000 --threads 8

Rows of one word, whose ids, digests and sketches are random, lie in parts as a build's do, and one
in fifty has a copy. Each step is settled in a process of its own, first over one part, then over
all. Printed is the most anonymous memory (no page of a file) above what the process had before the
second, by row, and its CPU seconds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from dataengine.parts import SMALL, Part, compact, mapped, write, written
from dataengine.row import schema
from dataengine.shuffle import Shuffled
from dataengine.stages.exact_dedup import ExactDedup
from dataengine.stages.mix import Mix
from dataengine.stages.near_dedup import NearDedup
from dataengine.stages.shards import SHARD_BYTES
from dataengine.stages.stage import Context
from dataengine.view import Table

ROWS = 8_192
COPIES = 50


def rows(folder: Path, count: int) -> None:
    """Write parts, and beside each what near-dedup saw of it."""
    from dataengine.dedup.minhash import Bands

    draw = np.random.default_rng(1)
    said = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    table = compact(pl.DataFrame([{"messages": said}] * ROWS, schema=schema("sft")))
    permutations = Bands.of(0.8).permutations
    for number in range(count // ROWS):
        random = draw.integers(0, 256, (ROWS, 32 + permutations), dtype=np.uint8)
        random[::COPIES, 16:] = random[1::COPIES, 16:][: len(random[::COPIES])]
        small = {
            "id": [r.tobytes() for r in random[:, :16]],
            "row": np.arange(ROWS),
            "bytes": np.full(ROWS, 900),
            "digest": [r.tobytes() for r in random[:, 16:32]],
            "prompt": np.zeros(ROWS, np.uint64),
        }
        write(folder, number, table, pl.DataFrame(small, schema=SMALL))
        look = {
            "bytes": random[:, 32:],
            "tokens": np.full(ROWS, 9),
            "shingles": np.full(ROWS, 5),
            "keys": random[:, 32:40].copy().view(np.uint64)[:, 0],
        }
        written(pl.DataFrame(look).to_arrow(), folder / f"{number:06d}.look.arrow")


def table_of(folder: Path, count: int) -> Table:
    """The first parts of a folder, with the columns that the shuffle reads."""
    parts = tuple(Part(folder, number, ROWS) for number in range(count))
    table = Table("sft", parts, ("s",) * count)
    for number in range(count):
        columns = {"place": range(ROWS), "copies": 1, "split": "train"}
        table.add(number, pl.DataFrame(columns, schema_overrides={"place": pl.UInt32}))
    return table


def settle(step: str, folder: Path, threads: int, table: Table) -> None:
    """Settle one step over a table."""
    looks: list[pl.DataFrame] = []
    if step == "near_dedup":
        files = (folder / f"{part.number:06d}.look.arrow" for part in table.parts)
        looks = [pl.from_arrow(mapped(file)) for file in files]  # type: ignore[misc]
    with tempfile.TemporaryDirectory(dir=folder) as scratch, ThreadPoolExecutor(threads) as pool:
        context = Context("sft", 0, threads, Path(scratch), Path(scratch), pool)
        steps = {
            "exact_dedup": lambda: ExactDedup().settle([], table, context).parts,
            "near_dedup": lambda: NearDedup().settle(looks, table, context).parts,
            "mix": lambda: Mix(amounts={"s": ("fraction", 0.5)}).settle([], table, context).parts,
            "shards": lambda: shuffle(table, Path(scratch)),
        }
        for _ in steps[step]() or ():
            pass


def shuffle(table: Table, folder: Path) -> None:
    """Order the rows, and name them shard by shard and then part by part, as writers ask."""
    found = Shuffled.of(table, 0, SHARD_BYTES, folder)
    for number in range(len(found.buckets)):
        found.bucket(number)
    for _ in found.of_parts(range(len(table.parts) + 1), folder):
        pass


@contextmanager
def _most() -> Iterator[dict[str, int]]:
    """The most anonymous memory of this process above what it has now."""
    before, found, ended = _anonymous(), {"bytes": 0}, threading.Event()

    def look() -> None:
        while not ended.wait(0.005):
            found["bytes"] = max(found["bytes"], _anonymous() - before)

    thread = threading.Thread(target=look)
    thread.start()
    yield found
    ended.set()
    thread.join()


def _anonymous() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) << 10


def main() -> None:
    """Settle each step, and print a line for it."""
    parser = argparse.ArgumentParser(description="What the driver holds of each row.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        parts = len([*options.folder.glob("*.rows.arrow")])
        settle(options.step, options.folder, options.threads, table_of(options.folder, 1))
        table = table_of(options.folder, parts)
        started = time.process_time()
        with _most() as most:
            settle(options.step, options.folder, options.threads, table)
        by_row, cpu = most["bytes"] / (parts * ROWS), time.process_time() - started
        print(f"{options.step:<14}{by_row:>8.0f} B/row{cpu:>9.1f} CPU-s")
        return
    with tempfile.TemporaryDirectory() as folder:
        rows(Path(folder), options.rows)
        for step in ("exact_dedup", "near_dedup", "mix", "shards"):
            command = [sys.executable, "-m", "benchmarks.settle", "--step", step]
            told = ["--folder", folder, "--threads", str(options.threads)]
            subprocess.run([*command, *told], check=True, env=os.environ)


if __name__ == "__main__":
    main()
