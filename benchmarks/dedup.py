"""Near-dedup beside its peers: whole processes over one corpus of Parquet parts, in one table.

    python benchmarks/dedup.py plant 100000 FOLDER --data DIR
    python benchmarks/dedup.py run FOLDER [--peers PYTHON] [--threads 1 2]

`PYTHON` is an interpreter with rensa, datasketch, daft and pyarrow, in an environment of its own.
"Recall" is over planted copies whose Jaccard index with their original (5-word shingles) is 0.85
or more; "wrong" counts rows dropped for a row that they share less than 0.7 with.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

WORDS_A_ROW = 400
PART = 50_000
COPIES = 0.1
EDITS = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
"""Shares of words replaced in a copy: with 5-word shingles, 0.01 makes about J = 0.9."""
THRESHOLD = 0.8
WORD = re.compile(r"\w+")


def sentences(data: Path) -> list[str]:
    """Real sentences of the training sets in `data`, as raw material."""
    found: set[str] = set()
    for path in sorted((data / "train").glob("*.jsonl")):
        for line in path.open():
            for turn in json.loads(line)["messages"]:
                found.update(s for s in turn["content"].split(". ") if 30 < len(s) < 300)
    return sorted(found)


def chat(rng: random.Random, pool: list[str]) -> list[str]:
    """The words of one row: sentences in random order, about `WORDS_A_ROW` words."""
    words: list[str] = []
    size = rng.randint(WORDS_A_ROW // 2, WORDS_A_ROW * 3 // 2)
    while len(words) < size:
        words += pool[rng.randrange(len(pool))].split()
    return words


def edited(rng: random.Random, words: list[str], share: float, pool: list[str]) -> list[str]:
    """A copy with this share of its words replaced, each somewhere at random."""
    copy = list(words)
    for _ in range(round(share * len(copy))):
        copy[rng.randrange(len(copy))] = pool[rng.randrange(len(pool))].split()[0]
    return copy


def shingles(text: str) -> set[str]:
    words = WORD.findall(text.lower())
    return {" ".join(words[i : i + 5]) for i in range(len(words) - 4)}


def jaccard(first: str, second: str) -> float:
    a, b = shingles(first), shingles(second)
    return len(a & b) / len(a | b)


def plant(rows: int, folder: Path, data: Path, seed: int = 1) -> None:
    """Write a corpus, a tenth of it copies of an earlier row, and `planted.json` about those."""
    import polars as pl

    rng, pool = random.Random(seed), sentences(data)
    folder.mkdir(parents=True, exist_ok=True)
    planted = []
    for number, start in enumerate(range(0, rows, PART)):
        table: list[dict] = []
        originals: list[tuple[int, list[str]]] = []
        for row in range(start, min(start + PART, rows)):
            if originals and rng.random() < COPIES:
                original, words = rng.choice(originals)
                words = edited(rng, words, rng.choice(EDITS), pool)
            else:
                original, words = row, chat(rng, pool)
                originals = [*originals[-2000:], (row, words)]
            cut = len(words) // 3
            said = " ".join(words[:cut]), " ".join(words[cut:])
            turns = [
                {"role": r, "content": c} for r, c in zip(("user", "assistant"), said, strict=True)
            ]
            table.append({"id": f"{row:032x}", "source": f"source-{row % 3}", "messages": turns})
            if original != row:
                before = table[original - start]["messages"]
                texts = (" ".join(t["content"] for t in both) for both in (before, turns))
                planted.append((f"{original:032x}", f"{row:032x}", jaccard(*texts)))
        pl.DataFrame(table).write_parquet(folder / f"part-{number:05d}.parquet")
    (folder / "planted.json").write_text(json.dumps(planted))


def rows_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Ids and texts of a corpus, for the peers that are called row by row."""
    import pyarrow.parquet as pq

    for path in sorted(folder.glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(1000, columns=["id", "messages"]):
            for row in batch.to_pylist():
                yield row["id"], " ".join(turn["content"] for turn in row["messages"])


def dataengine(folder: Path, threads: int) -> list[tuple[str, str]]:
    from dataengine.dedup import near

    parts = sorted(folder.glob("*.parquet"))
    with tempfile.TemporaryDirectory() as scratch:
        found = near.duplicates(parts, "row", THRESHOLD, threads=threads)
        found.write_parquet(Path(scratch) / "evidence.parquet")
    return found.select("id", "duplicate_of").rows()


def rensa(folder: Path, threads: int) -> list[tuple[str, str]]:
    from rensa import RMinHash, RMinHashLSH

    lsh = RMinHashLSH(threshold=THRESHOLD, num_perm=128, num_bands=16)
    kept: list[tuple[str, RMinHash]] = []
    found = []
    for id_, text in rows_of(folder):
        signature = RMinHash(num_perm=128, seed=1)
        signature.update(list(shingles(text)))
        for other in lsh.query(signature):
            if kept[other][1].jaccard(signature) >= THRESHOLD:
                found.append((id_, kept[other][0]))
                break
        else:
            lsh.insert(len(kept), signature)
            kept.append((id_, signature))
    return found


def datasketch(folder: Path, threads: int) -> list[tuple[str, str]]:
    from datasketch import MinHash, MinHashLSH

    lsh, found = MinHashLSH(threshold=THRESHOLD, num_perm=128), []
    kept: dict[str, MinHash] = {}
    for id_, text in rows_of(folder):
        signature = MinHash(num_perm=128)
        signature.update_batch([s.encode() for s in shingles(text)])
        for other in lsh.query(signature):
            if kept[other].jaccard(signature) >= THRESHOLD:
                found.append((id_, other))
                break
        else:
            lsh.insert(id_, signature)
            kept[id_] = signature
    return found


def daft(folder: Path, threads: int) -> list[tuple[str, str]]:
    import daft
    import numpy as np
    from daft import col

    frame = daft.read_parquet(str(folder / "*.parquet"))
    text = col("messages").list_map(daft.element()["content"]).list_join(" ")
    text = text.normalize(remove_punct=True, lowercase=True, nfd_unicode=True, white_space=True)
    frame = frame.select("id", text.minhash(num_hashes=128, ngram_size=5, seed=1).alias("minhash"))
    table = frame.to_arrow()
    ids = table["id"].to_pylist()
    flat = table["minhash"].combine_chunks().flatten().to_numpy().reshape(len(ids), 128)
    first: dict[bytes, int] = {}
    found = []
    for row in range(len(ids)):
        signature = flat[row]
        keys = [bytes([band]) + signature[8 * band : 8 * band + 8].tobytes() for band in range(16)]
        others = {first[key] for key in keys if key in first}
        alike = [o for o in sorted(others) if np.mean(flat[o] == signature) >= THRESHOLD]
        if alike:
            found.append((ids[row], ids[alike[0]]))
        else:
            for key in keys:
                first.setdefault(key, row)
    return found


TOOLS = {f.__name__: f for f in (dataengine, rensa, datasketch, daft)}


def measure(python: str, tool: str, folder: Path, threads: int) -> dict[str, float | int | str]:
    """Run one tool in a process of its own: seconds, CPU seconds, peak memory, what it found."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = [python, __file__, "tool", tool, str(folder), str(threads), out.name]
        start = time.perf_counter()
        process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": "."})
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        if status:
            raise SystemExit(f"{tool} failed; its message is above")
        found = json.loads(Path(out.name).read_text())
    return {
        "tool": tool,
        "threads": threads,
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss / 1024**2,
        **quality(folder, found),
    }


def quality(folder: Path, found: list[tuple[str, str]]) -> dict[str, float | int]:
    planted = [(a, b) for a, b, j in json.loads((folder / "planted.json").read_text()) if j >= 0.85]
    gone = {id_ for id_, _ in found}
    caught = sum(a in gone or b in gone for a, b in planted)
    wanted = {id_ for pair in found for id_ in pair}
    texts = {id_: text for id_, text in rows_of(folder) if id_ in wanted}
    wrong = sum(jaccard(texts[a], texts[b]) < 0.7 for a, b in found)
    return {"dropped": len(found), "recall": caught / len(planted), "wrong": wrong}


def run(folder: Path, peers: str | None, threads: list[int]) -> None:
    jobs = [(sys.executable, "dataengine", n) for n in threads]
    jobs += [(peers, tool, 2) for tool in ("daft", "rensa", "datasketch")] if peers else []
    print(f"| {'tool':11} | threads | wall s | CPU s | peak GiB | dropped | recall | wrong |")
    print("|---|---|---|---|---|---|---|---|")
    for job in jobs:
        r = measure(job[0], job[1], folder, job[2])
        print(
            f"| {r['tool']:11} | {r['threads']:7} | {r['wall']:6.1f} | {r['cpu']:5.1f} "
            f"| {r['peak']:8.2f} | {r['dropped']:7} | {r['recall']:6.4f} | {r['wrong']:5} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    planting = commands.add_parser("plant")
    planting.add_argument("rows", type=int)
    planting.add_argument("folder", type=Path)
    planting.add_argument("--data", type=Path, required=True, help="see benchmarks/README.md")
    running = commands.add_parser("run")
    running.add_argument("folder", type=Path)
    running.add_argument("--peers")
    running.add_argument("--threads", type=int, nargs="+", default=[2])
    tool = commands.add_parser("tool")
    for name, kind in (("name", str), ("folder", Path), ("threads", int), ("out", Path)):
        tool.add_argument(name, type=kind)
    given = parser.parse_args()
    if given.command == "plant":
        plant(given.rows, given.folder, given.data)
    elif given.command == "run":
        run(given.folder, given.peers, given.threads)
    else:
        given.out.write_text(json.dumps(TOOLS[given.name](given.folder, given.threads)))


if __name__ == "__main__":
    main()
