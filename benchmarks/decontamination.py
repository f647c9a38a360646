"""Time and memory of decontamination, whole process, side by side.

    python -m benchmarks.decontamination --data DIR [--rows N] [--parquet] [--peers PYTHON]

The corpus is made by recombining real rows: each chat is the turns of several rows of the training
sets, about 2.6 KB, and one row in a hundred holds an eval item. "first run ever" compiles the
kernels and builds the index, "cold" builds the index, "cached" maps the one on disk. The peer is
AI2 decon (PyPI `decontaminate`, Python 3.12), its rows cut into 16 files so that it uses all cores.
Background load makes wall times noisy: compare within a run.
"""

import argparse
import gzip
import json
import os
import shutil
import subprocess
import sys
import time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import corpus as recombined
from benchmarks.fetch import DATA


def split(path: Path, folder: Path, parts: int = 16) -> None:
    """The corpus as the peer reads it: one text a line, in `parts` files."""
    folder.mkdir(exist_ok=True)
    files = [(folder / f"{part:02}.jsonl").open("w") for part in range(parts)]
    for number, line in enumerate(path.open()):
        text = "\n".join(m["content"] for m in json.loads(line)["messages"])
        files[number % parts].write(json.dumps({"text": text}) + "\n")
    for file in files:
        file.close()


def timed(name: str, command: list[str], size: int, **environment: str) -> dict[str, Any]:
    """Run `command` to its end; wall, CPU and peak memory of that process and its children."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    errors = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status:
        print(f"{name} failed: {errors[-400:]}", file=sys.stderr)
    cpu = usage.ru_utime + usage.ru_stime
    print(
        f"{name:34} {wall:8.1f} {cpu:8.1f} {usage.ru_maxrss / 1048576:9.2f} "
        f"{size / wall / 1e6:9.0f} {size / cpu / 1e6:12.0f}",
        flush=True,
    )
    return {"wall": wall, "cpu": cpu, "failed": bool(status)}


def peer_command(python: str, evals: Path, corpus: Path, work: Path) -> list[str]:
    reference = work / "reference"
    reference.mkdir(exist_ok=True)
    for file in evals.glob("*.jsonl"):
        with gzip.open(reference / f"{file.name}.gz", "wt") as out:
            for number, line in enumerate(file.open()):
                item = json.loads(line)
                record = {
                    "doc_id": number,
                    "eval_key": file.stem,
                    "eval_instance_index": number,
                    "split": "test",
                    "question": item["prompt"],
                    "answer": item.get("answer") or "",
                    "passage": item.get("passage") or "",
                    "fingerprint": f"{file.stem}{number}",
                    "is_correct": True,
                }
                out.write(json.dumps(record) + "\n")
    folders = ", ".join(repr(str(f)) for f in (corpus, reference, work / "report"))
    return [python, "-c", f"import decon; decon.detect(decon.Config({folders}))"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="see benchmarks/README.md")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--work", type=Path, default=Path("/tmp/decontamination"))
    parser.add_argument("--peers", help="a Python with `decontaminate` installed")
    parser.add_argument("--parquet", action="store_true", help="the same rows as Parquet too")
    options = parser.parse_args()
    options.work.mkdir(exist_ok=True)
    corpus = options.work / f"rows-{options.rows}.jsonl"
    if not corpus.exists():
        recombined.write(options.data, options.rows, corpus)
    size = corpus.stat().st_size
    cache = options.work / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    load = os.getloadavg()[0]
    print(f"{options.rows:,} rows, {size / 1e6:,.0f} MB, {os.cpu_count()} cores, load {load:.1f}\n")
    print(f"{'':34} {'wall s':>8} {'CPU s':>8} {'peak GiB':>9} {'MB/s':>9} {'MB/CPU-s':>12}")

    def ours(rows: Path, threads: int) -> list[str]:
        return [sys.executable, "-m", "decontam", "check", "--rows", str(rows), "--suites",
                str(options.data / "evals"), "--out", str(options.work / "out"), "--cache",
                str(cache), "--threads", str(threads)]  # fmt: skip

    first = options.work / "first.jsonl"
    with corpus.open() as rows, first.open("w") as out:
        out.writelines(islice(rows, 20))
    kept = {"DECONTAM_CACHE": str(options.work / "kernels")}
    shutil.rmtree(kept["DECONTAM_CACHE"], ignore_errors=True)
    ours_timed = partial(timed, **kept)
    ours_timed("decontam, first run ever, 20 rows", ours(first, 2), first.stat().st_size)
    ours_timed("decontam, cached, 20 rows", ours(first, 2), first.stat().st_size)
    shutil.rmtree(cache)
    cold = ours_timed("decontam, cold index, 2 threads", ours(corpus, 2), size)
    cached = ours_timed("decontam, cached index, 2 threads", ours(corpus, 2), size)
    ours_timed("decontam, cached index, 1 thread", ours(corpus, 1), size)
    if options.parquet:
        table = corpus.with_suffix(".parquet")
        if not table.exists():
            convert = (
                f"import polars as p; p.scan_ndjson({str(corpus)!r}).sink_parquet({str(table)!r})"
            )
            subprocess.run([sys.executable, "-c", convert], check=True)
        ours_timed("decontam, cached, zstd Parquet", ours(table, 2), size)
    timed("wc -w", ["wc", "-w", str(corpus)], size)
    if options.peers:
        parts = options.work / f"parts-{options.rows}"
        if not parts.exists():
            split(corpus, parts)
        command = peer_command(options.peers, options.data / "evals", parts, options.work)
        peer = timed("AI2 decon, 16 files", command, size)
        if peer["failed"]:
            return
        print(f"\nAI2 decon / cold: {peer['wall'] / cold['wall']:.1f}x,", end=" ")
        print(f"/ cached: {peer['wall'] / cached['wall']:.1f}x (wall)")


if __name__ == "__main__":
    main()
