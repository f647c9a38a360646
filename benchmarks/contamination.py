"""Precision and recall of decontamination on labelled, planted rows, side by side.

    python -m benchmarks.contamination [--data benchmarks/data] [--suites NAME ...] [--per-kind 60]

Items of the suites in DATA/evals are planted in turns of DATA/train as `decontam selftest` plants
them, kind by kind, with rows that only look like leaks, and as many rows of published train splits
(`SPLITS`), which are clean although their problems are of the same kinds as the suites'. Each
method says which rows to drop. A row counts as right where it should be dropped and is, or should
stay and does; kinds that are only to be reported count in neither. Methods:

    ours      decontam's default rules
    tulu3     the published rule of Tülu 3 (8-grams, over half of an item's tokens, user turns)
    8-gram    a row that shares any run of 8 words with an item's question
"""

import argparse
import json
import random
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.fetch import DATA
from decontam.check import as_suite, check
from decontam.selftest.selftest import own_turns, plant
from eval.suites import load

SUITES = ("gsm8k", "mmlu", "mbpp", "humaneval", "truthfulqa")
SPLITS = ("gsm8k_train", "math_train", "openbookqa_train", "arc_challenge_train", "arc_easy_train")
WORD = re.compile(r"\w+")
Rows = list[dict[str, Any]]


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--data", type=Path, default=DATA, help="holds evals/ and train/")
    arguments.add_argument("--suites", nargs="+", default=SUITES, help="suites to protect")
    arguments.add_argument("--per-kind", type=int, default=60)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args()
    evals, train = given.data / "evals", sorted((given.data / "train").glob("*.jsonl"))
    if not evals.is_dir() or not train:
        sys.exit(f"error: {given.data} holds no evals/ and train/: python -m benchmarks.fetch")
    suites = load(list(given.suites), evals, hub=False)
    if missing := [suite.name for suite in suites if suite.missing]:
        sys.exit(f"error: no items of {', '.join(missing)} in {evals}: python -m benchmarks.fetch")
    rows, labels = planted(suites, train, given.per_kind, given.seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        found = {
            "ours": set(check([path], suites).dropped),
            "tulu3": set(check([path], suites, method="tulu3").dropped),
            "8-gram": shared_runs(rows, suites),
        }
    print(table(labels, found))


def planted(
    suites: list[Any], train: list[Path], per_kind: int, seed: int
) -> tuple[Rows, dict[str, tuple[str, bool | None]]]:
    """Rows, and of each its kind and whether it should be dropped (None: either is right)."""
    rows, of = plant([as_suite(suite, {}) for suite in suites], own_turns(train), per_kind, seed)
    labels = {row_id: (kind.name, kind.expected) for row_id, (kind, _) in of.items()}
    rng = random.Random(seed)
    own = list(chats(file for file in train if file.stem in SPLITS))
    clean = rng.sample(own, min(len(rows), len(own)))
    labels |= {row["id"]: ("train splits", False) for row in clean}
    return [*rows, *clean], labels


def chats(files: Iterable[Path], most: int = 3_000) -> Iterable[dict[str, Any]]:
    """The first rows of each training set, under ids of their own."""
    for file in files:
        with file.open(encoding="utf-8") as lines:
            for number, line in zip(range(most), lines, strict=False):
                row = json.loads(line)
                yield {"id": f"{file.stem}:{number}", "messages": row["messages"]}


def shared_runs(rows: Rows, suites: list[Any], n: int = 8) -> set[str]:
    """Rows that share a run of n words with an item's question."""
    held = {run for suite in suites for item in suite.items() for run in runs(item.prompt, n)}
    return {
        row["id"]
        for row in rows
        if any(run in held for m in row["messages"] for run in runs(m["content"] or "", n))
    }


def runs(text: str, n: int) -> Iterable[int]:
    words = WORD.findall(text.casefold())
    return (hash(tuple(words[at : at + n])) for at in range(len(words) - n + 1))


def table(labels: dict[str, tuple[str, bool | None]], found: dict[str, set[str]]) -> str:
    """A line a kind with each method's recall or false alarms, then precision, recall and F1."""
    kinds = list(dict.fromkeys(labels.values()))
    lines = [f"{'kind':22} {'rows':>5}  {'is':8}" + "".join(f"{name:>9}" for name in found)]
    for kind, expected in kinds:
        ids = [row for row, label in labels.items() if label == (kind, expected)]
        what = {True: "leak", False: "clean"}.get(expected, "either")  # type: ignore[arg-type]
        shares = "".join(f"{sum(i in hit for i in ids) / len(ids):>9.3f}" for hit in found.values())
        lines.append(f"{kind:22} {len(ids):>5}  {what:8}" + shares)
    leaks = {row for row, (_, expected) in labels.items() if expected is True}
    clean = {row for row, (_, expected) in labels.items() if expected is False}
    lines.append(
        f"\n{'method':22} {'leaks':>6} {'clean':>6} {'precision':>10} {'recall':>8} {'F1':>8}"
    )
    for name, hit in found.items():
        right, wrong = len(hit & leaks), len(hit & clean)
        precision = right / max(right + wrong, 1)
        recall = right / max(len(leaks), 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        figures = f"{precision:>10.4f} {recall:>8.4f} {f1:>8.4f}"
        lines.append(f"{name:22} {len(leaks):>6} {len(clean):>6} {figures}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
