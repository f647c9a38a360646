"""The published rule against a plain statement of it."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decontam.check import check

WORDS = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=24)


def plain_share(item: list[str], turns: list[list[str]]) -> float:
    matched = set()
    for turn in turns:
        held = {tuple(turn[i : i + 8]) for i in range(len(turn) - 7)}
        for i in range(len(item) - 7):
            if tuple(item[i : i + 8]) in held:
                matched |= set(range(i, i + 8))
    return len(matched) / len(item)


@settings(max_examples=60, deadline=None)
@given(WORDS, st.lists(WORDS, min_size=1, max_size=3))
def test_rule_is_as_published(tmp_path_factory, item: list[str], turns: list[list[str]]) -> None:  # type: ignore[no-untyped-def]
    folder: Path = tmp_path_factory.mktemp("rows")
    messages = [{"role": "user", "content": " ".join(turn)} for turn in turns]
    messages.append({"role": "assistant", "content": " ".join(item)})
    path = folder / "rows.jsonl"
    path.write_text(json.dumps({"id": "r", "messages": messages}))
    suite = ("s", "extra", [{"id": "i", "prompt": " ".join(item)}], None)
    found = check([path], [suite], method="tulu3")
    share = plain_share(item, turns)
    expected = [pytest.approx(share)] if share > 0.5 else []
    assert found.decisions["score"].to_list() == expected


def test_assistant_turns_and_short_items_are_out_of_its_reach(tmp_path: Path) -> None:
    long = "one two three four five six seven eight nine ten"
    rows = [
        {"id": "user", "messages": [{"role": "user", "content": long.upper() + "!"}]},
        {"id": "assistant", "messages": [{"role": "assistant", "content": long}]},
        {"id": "short", "messages": [{"role": "user", "content": "Who are you?"}]},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    items = [{"id": "long", "prompt": long}, {"id": "short", "prompt": "Who are you?"}]
    found = check([path], [("s", "extra", items, None)], method="tulu3")
    assert found.decisions.select("row_id", "eval_id").rows() == [("user", "long")]
    assert found.report["unprotected"] == {"s": 1}
