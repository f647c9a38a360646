"""Recall and false alarms, measured: leaks of your suites planted in your rows, kind by kind.

The kinds are in `generators/`. Every suite has an equal share in what is planted, and so has every
subset of one: a small suite is measured like a large one. An item is its question with its passage;
a question that other items ask too is planted with its choices, because alone it is nobody's.
"""

import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterable
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from dataengine.errors import UserError
from dataengine.rows.formats import records
from dataengine.rows.texts import texts
from decontam.check import check
from decontam.selftest.generators import GENERATORS, Kind
from decontam.selftest.generators.text import Filler, Item


def whole_item(item: Item, shared: bool) -> str:
    """An item's text as people copy it: passage, question, and choices where it needs them."""
    parts = [str(item.get("passage") or ""), str(item["prompt"])]
    if shared and not item.get("passage"):
        parts += [str(choice) for choice in item.get("choices") or [item.get("answer") or ""]]
    return "\n\n".join(part for part in parts if part)


def plant(
    suites: Iterable[Any], turns: list[str], per_kind: int, seed: int
) -> tuple[list[dict[str, Any]], dict[str, tuple[Kind, str]]]:
    """Rows with leaks, and each row's (kind, eval id)."""
    by_suite = [list(suite.items()) for suite in suites]
    asked = Counter(str(item["prompt"]) for items in by_suite for item in items)
    filler = Filler(turns)
    rows, labels = [], {}
    for kind in GENERATORS:
        rng = random.Random(f"{seed}/{kind.name}")  # so that kinds are independent of each other
        planted = 0
        for item in in_turn(by_suite, rng):
            eval_id = item["id"]
            text = whole_item(item, asked[str(item["prompt"])] > 1)
            made = kind.make(text, item, rng, filler)
            if made is None or not made[0].strip():
                continue
            roles = kind.roles * len(made)
            made.append(filler.turn(rng))
            messages = [{"role": r, "content": c} for r, c in zip(roles, made, strict=False)]
            row_id = f"planted/{kind.name}/{planted}"
            rows.append({"id": row_id, "source": f"planted/{kind.name}", "messages": messages})
            labels[row_id] = (kind, eval_id)
            planted += 1
            if planted == per_kind:
                break
    return rows, labels


def in_turn(suites: list[list[Item]], rng: random.Random) -> Iterable[Item]:
    """Items in random order, one of each suite in turn, and in a suite one of each subset."""

    def mixed(lists: Iterable[Iterable[Item]]) -> list[Item]:
        rounds = zip_longest(*lists)
        return [item for item in chain.from_iterable(rounds) if item is not None]

    by_suite = []
    for items in suites:
        subsets: dict[Any, list[Item]] = {}
        for item in rng.sample(items, len(items)):
            subsets.setdefault(item.get("subset"), []).append(item)
        by_suite.append(mixed(subsets.values()))
    return mixed(by_suite)


def own_turns(paths: list[Path], most: int = 4000) -> list[str]:
    """Turns of the user's rows, JSONL or Parquet, of a length that fits beside a leak."""
    from decontam.io.batches import read_batches

    found: list[str] = []
    for batch in read_batches(paths):
        for r in range(len(batch)):
            found += [t.text for t in batch.texts(r) if 20 <= len(t.text) <= 600]
            if len(found) >= most:
                return found
    return found


def selftest(
    suites: list[Any],
    rows: list[Path],
    per_kind: int = 60,
    seed: int = 0,
    method: Any = "default",
    misses: bool = False,
) -> str:
    """Plant, check, and print recall and false alarms by kind."""
    from decontam.check import as_suite

    suites = [as_suite(suite, {}) for suite in suites]
    turns = own_turns(rows)
    if not turns:
        raise UserError("--rows: no turn of 20 to 600 characters to plant leaks beside")
    planted, labels = plant(suites, turns, per_kind, seed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "planted.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in planted))
        found = check([path], suites, method=method)
        return report(
            found, labels, [record.value for record in records(str(path))] if misses else []
        )


def report(found: Any, labels: dict[str, tuple[Kind, str]], rows: list[Any]) -> str:
    """The table of a self-test as text."""
    dropped = found.dropped
    seen = set(found.decisions["row_id"])
    right = set(found.decisions.select("row_id", "eval_id").iter_rows())
    lines = [
        f"{'kind':20} {'planted':>8} {'dropped':>8} {'right item':>10} {'reported':>9}  result"
    ]
    leaks = caught = alarms = 0
    for kind in GENERATORS:
        ids = [row_id for row_id, (of, _) in labels.items() if of is kind]
        if not ids:
            continue
        hit = [row_id for row_id in ids if row_id in dropped]
        named = sum((row_id, labels[row_id][1]) in right for row_id in hit)
        told = sum(row_id in seen for row_id in ids)
        share = len(hit) / len(ids)
        result = {True: f"recall {share:.3f}", False: f"false alarms {share:.3f}"}.get(
            kind.expected,  # type: ignore[arg-type]
            "reported only",
        )
        leaks += kind.expected is True and len(ids)
        caught += kind.expected is True and len(hit)
        alarms += kind.expected is False and len(hit)
        lines.append(f"{kind.name:20} {len(ids):>8} {len(hit):>8} {named:>10} {told:>9}  {result}")
    lines.append(
        f"\nrecall {caught / max(leaks, 1):.3f} over {leaks} leaks; false alarms: {alarms}"
    )
    for row in rows:
        kind, eval_id = labels[row["id"]]
        if kind.expected is not None and (row["id"] in dropped) != kind.expected:
            lines.append(f"\n{row['id']} ({eval_id})")
            lines += [f"  {text.role}: {text.text[:300]}" for text in texts(row)]
    return "\n".join(lines)
