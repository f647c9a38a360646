"""What the second tier costs: CPU-seconds for 1,000 rows, by kind of rows; one table.

    python -m benchmarks.paraphrase_cost --data DIR

Ordinary chats are 200 rows of each of five public training sets, looked at turn by turn and line by
line; questions are those of GSM8K's training split. Items are five suites, whose vectors are made
before and kept. `letters` are in the rows, `embedded` those that the packaged model reads, which
may be more: a turn is read as a whole and line by line.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks.fetch import DATA
from benchmarks.paraphrases import by_hash, read
from dataengine.kernels.cache import cache_folder
from decontam.check import as_suite
from decontam.index.index import load_or_build
from decontam.io.batches import Columns, read_batches
from decontam.paraphrase.embedding import Items, packaged
from decontam.paraphrase.semantic import Tier

SUITES = ("gsm8k", "mmlu", "humaneval", "mbpp", "truthfulqa")
KINDS = {
    "ordinary chats": ("lima", "alpaca", "hh_harmless_test_chosen", "gpteacher_roleplay",
                       "codealpaca_gpt4"),
    "GSM8K train": ("gsm8k_train",),
}  # fmt: skip
ROWS = 1000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=DATA, help="see benchmarks/README.md")
    given = arguments.parse_args()
    protected = [
        as_suite((name, "development", read(given.data / f"evals/{name}.jsonl"), None), {})
        for name in SUITES
    ]
    model, read_letters = packaged(), 0

    def embed(texts: Sequence[str]) -> Any:
        nonlocal read_letters
        read_letters += sum(map(len, texts))
        return model.embed(texts)

    items = Items(load_or_build(protected, cache_folder() / "indices"), model)
    items.model = model._replace(embed=embed)
    print(f"{'rows':16} {'letters':>10} {'embedded':>10} {'CPU-s for 1,000':>16}")
    for kind, sets in KINDS.items():
        rows = [r for name in sets for r in first(given.data / f"train/{name}.jsonl", len(sets))]
        read_letters = 0
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.jsonl"
            file.write_text("".join(json.dumps({"messages": r["messages"]}) + "\n" for r in rows))
            tier, cpu = Tier(items, model.doubted), process_time()
            for batch in read_batches([file], Columns(None)):
                tier.batch(batch, set())
            cpu = process_time() - cpu
        letters = sum(len(turn["content"]) for r in rows for turn in r["messages"])
        print(f"{kind:16} {letters:>10,} {read_letters:>10,} {1000 * cpu / len(rows):>16.1f}")


def first(file: Path, sets: int) -> list[dict[str, Any]]:
    return by_hash(read(file))[: ROWS // sets]


if __name__ == "__main__":
    main()
