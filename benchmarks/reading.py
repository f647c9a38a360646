"""What reading JSON Lines and Parquet costs, by what a row holds.

    python -m benchmarks.reading --data DIR               # DIR/train holds training sets
    python -m benchmarks.reading --data DIR --rows 50000

Chats are recombined from the sets' exchanges: plain ones, the same with as much reasoning again
before each answer, the same with tools, calls and results. Each file is read into parts, in blocks
and then record by record, after one row that loads what either needs. Printed are
microseconds of CPU a row, of one process, and how many times the first the other is.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import corpus
from benchmarks.fetch import DATA
from dataengine.account import Account
from dataengine.progress import Progress
from dataengine.reading import Reading
from dataengine.sources import plain
from dataengine.sources.files import FileReader, FileSource
from dataengine.stages.stage import Context

Chat = list[dict[str, Any]]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": f"tool_{number}",
            "description": "Looks something up.",
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
        },
    }
    for number in range(40)
]


def reasoned(chats: list[Chat], random_: random.Random) -> Iterator[dict[str, Any]]:
    """The chats with an answer of another one before each answer."""
    said = [turn["content"] for chat in chats for turn in chat if turn["role"] == "assistant"]
    for chat in chats:
        yield {
            "messages": [
                turn | {"reasoning_content": random_.choice(said)}
                if turn["role"] == "assistant"
                else turn
                for turn in chat
            ]
        }


def called(chats: list[Chat], random_: random.Random) -> Iterator[dict[str, Any]]:
    """The chats with a call and its result before each answer."""
    for chat in chats:
        tools = random_.sample(TOOLS, 3)
        turns: Chat = []
        for number, turn in enumerate(chat):
            if turn["role"] == "assistant":
                name, asked = tools[0]["function"]["name"], {"query": turn["content"][:60]}
                function = {"name": name, "arguments": json.dumps(asked)}
                call = {"id": f"call_{number}", "type": "function", "function": function}
                turns.append({"role": "assistant", "content": "", "tool_calls": [call]})
                turns.append({"role": "tool", "tool_call_id": f"call_{number}", "content": "found"})
            turns.append(turn)
        yield {"tools": tools, "messages": turns}


def read(file: Path) -> float:
    """CPU seconds of reading a file into parts."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as pool:
        context = Context("sft", 0, 1, Path(folder), Path(folder), pool)
        reader = FileReader(source=FileSource(name="a", path=str(file)), kind="sft")
        started = time.process_time()
        Reading(reader, context, pool).run(Account.of(reader, ""), Progress(quiet=True))
        return time.process_time() - started


def main() -> None:
    """Read each file in both ways, and print a table."""
    parser = argparse.ArgumentParser(description="What reading costs.")
    parser.add_argument("--data", type=Path, default=DATA, help="holds train/")
    parser.add_argument("--rows", type=int, default=20_000)
    options = parser.parse_args()
    chats = list(corpus.chats(options.data, options.rows, 0.0, random.Random(0)))
    kinds = {
        "plain": ({"messages": chat} for chat in chats),
        "reasoning": reasoned(chats, random.Random(1)),
        "tools": called(chats, random.Random(2)),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in kinds.items():
            for file in written(list(rows), Path(folder, name)):
                costs = []
                for small in (0, 1 << 60):
                    plain.SMALL_FILE = small
                    read(file)
                    costs.append(1e6 * read(file) / options.rows)
                fast, slow = costs
                size = file.stat().st_size / options.rows / 1e3
                print(
                    f"{file.name:<20}{size:>6.1f} KB{fast:>7.0f} µs{slow:>7.0f} µs"
                    f"{slow / fast:>7.1f} x"
                )


def written(rows: list[dict[str, Any]], file: Path) -> Iterator[Path]:
    """The rows as JSON Lines and as Parquet."""
    lines, table = file.with_suffix(".jsonl"), file.with_suffix(".parquet")
    lines.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    pq.write_table(pa.Table.from_pylist(rows), table)
    yield from (lines, table)


if __name__ == "__main__":
    main()
