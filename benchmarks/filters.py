"""Precision and recall of the filters that read text, on the labelled sets that come with them.

    python -m benchmarks.filters [--wrong]

The sets are `tests/dataengine/stages/filters/labelled/NAME.jsonl`: `text` (what an assistant says),
`asked` (what it was asked, where that matters), `drop`, `language`, `half`, and `from` where a text
is not our own (a row of a public set, with its licence). The rules were tuned on the half `tuning`;
`held` was written after them, and no rule was changed for it. `--wrong` prints what the tuning half
gets wrong; nobody should look at the other one's.
"""

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from dataengine.row import message
from dataengine.stages.filters import TurnFilter, known

SETS = Path(__file__).parents[1] / "tests/dataengine/stages/filters/labelled"
NAMES = ("identity", "knowledge_cutoff", "repetition")


def labelled(name: str) -> list[dict[str, Any]]:
    """The labelled texts of a filter."""
    with (SETS / f"{name}.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def drops(name: str, text: dict[str, Any]) -> bool:
    """Whether the filter drops a labelled text."""
    judge = known()[name]()
    assert isinstance(judge, TurnFilter)
    turns = [message("user", text.get("asked", "Tell me.")), message("assistant", text["text"])]
    return judge.find(text["text"], turns, 1) is not None


def measured(name: str) -> dict[str, Counter[tuple[bool, bool]]]:
    """For each half, how many texts by (should be dropped, is dropped)."""
    counts: dict[str, Counter[tuple[bool, bool]]] = {"tuning": Counter(), "held": Counter()}
    for text in labelled(name):
        counts[text["half"]][text["drop"], drops(name, text)] += 1
    return counts


def precision_and_recall(counts: Counter[tuple[bool, bool]]) -> tuple[float, float]:
    right = counts[True, True]
    return right / (right + counts[False, True]), right / (right + counts[True, False])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--wrong", action="store_true", help="print the tuning half's errors")
    wrong = arguments.parse_args().wrong
    print(
        f"{'filter':18} {'half':8} {'texts':>6} {'languages':>10} {'precision':>10} {'recall':>8}"
    )
    for name in NAMES:
        texts = labelled(name)
        for half, counts in measured(name).items():
            precision, recall = precision_and_recall(counts)
            tongues = len({text["language"] for text in texts if text["half"] == half})
            figures = f"{tongues:>10} {precision:>10.3f} {recall:>8.3f}"
            print(f"{name:18} {half:8} {counts.total():>6} {figures}")
        for text in texts if wrong else []:
            if text["half"] == "tuning" and drops(name, text) != text["drop"]:
                print(f"  {'kept' if text['drop'] else 'dropped'}: {text['text'][:200]!r}")


if __name__ == "__main__":
    main()
