"""Synthetic training corpora: chats recombined from real exchanges, with planted leaks and copies.

One row in a hundred holds an eval item and, where copies are asked for, one in twenty repeats an
earlier row with a few words changed. The same seed gives the same bytes.
"""

import json
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

TEXT_BYTES = 1_700
"""Bytes of text at which a chat ends; a row is about 2.6 KB."""
RECENT = 2_000
"""A copy is of one of so many rows before it."""
LEFT_OUT = ("truthfulqa", "self_instruct")
"""Sets that are made of eval items."""


def write(data: Path, rows: int, path: Path, copies: float = 0.0, seed: int = 0) -> None:
    """Write `rows` chats as JSON lines, from `data`/train and `data`/evals."""
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8") as out:
        for number, messages in enumerate(chats(data, rows, copies, rng)):
            record = {"id": f"r{number}", "messages": messages}
            out.write(json.dumps(record, ensure_ascii=False) + "\n")


def chats(
    data: Path, rows: int, copies: float, rng: random.Random
) -> Iterator[list[dict[str, Any]]]:
    exchanges, leaks = list(_exchanges(data)), list(_leaks(data))
    recent: list[list[dict[str, Any]]] = []
    for _ in range(rows):
        if recent and rng.random() < copies:
            yield _copied(rng.choice(recent), rng)
            continue
        messages: list[dict[str, Any]] = []
        while sum(len(turn["content"]) for turn in messages) < TEXT_BYTES:
            messages += rng.choice(exchanges)
        if rng.random() < 0.01:
            answer = rng.choice(exchanges)[1]
            messages += [{"role": "user", "content": rng.choice(leaks)}, answer]
        recent = [*recent[-RECENT:], messages] if len(recent) > 2 * RECENT else recent
        recent.append(messages)
        yield messages


def _copied(messages: list[dict[str, Any]], rng: random.Random) -> list[dict[str, Any]]:
    """A chat with one word in two hundred of each turn changed, or none."""
    rate = rng.choice((0.0, 0.005, 0.01))
    made = []
    for turn in messages:
        words = turn["content"].split(" ")
        changed = ["other" if rng.random() < rate else word for word in words]
        made.append(turn | {"content": " ".join(changed)})
    return made


def _exchanges(data: Path) -> Iterator[list[dict[str, Any]]]:
    """Each user's turn with the assistant's after it."""
    for record in _records(data / "train"):
        turns = record["messages"]
        for asked, answer in pairwise(turns):
            if (asked["role"], answer["role"]) == ("user", "assistant"):
                pair = [{key: turn[key] for key in ("role", "content")} for turn in (asked, answer)]
                if all(turn["content"].strip() for turn in pair):
                    yield pair


def _leaks(data: Path) -> Iterator[str]:
    for record in _records(data / "evals"):
        yield record["prompt"]


def _records(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("*.jsonl")):
        if not file.name.startswith(LEFT_OUT):
            with file.open(encoding="utf-8") as lines:
                yield from map(json.loads, lines)
