"""Rows made from held-out instruction types go, wherever their ids stand."""

import json

import pytest

from dataengine.row import message
from dataengine.stages.filters import known


def truth(*ids):
    return json.dumps({"instruction_id_list": ids, "kwargs": [{} for _ in ids]})


def row(number, ground_truth=None, details=None):
    return {
        "id": str(number),
        "source": "s",
        "prompt": [message("user", "Write in words:vowel style, please.")],
        "ground_truth": ground_truth,
        "verifier": "ifeval",
        "provenance": {"details": details},
    }


@pytest.fixture
def outcome(decided):
    def run(*rows, kind="rlvr"):
        return decided(known()["held_out_instructions"](), rows, kind)

    return run


def test_ids_in_labels_and_in_provenance(outcome):
    inside = json.dumps([{"verifier": "ifeval", "ground_truth": truth("format:sub-bullets")}])
    made = outcome(
        row(0, truth("punctuation:no_comma")),
        row(1, truth("punctuation:no_comma", "words:vowel")),
        row(2, inside),
        row(3, "7", json.dumps({"ground_truth": truth("count:numbers")})),
        row(4, None),
    )
    assert made.kept["id"].to_list() == ["0", "4"]
    assert set(made.dropped["reason"]) == {"held-out instruction"}
    assert [json.loads(found)["id"] for found in made.dropped["evidence"]] == [
        "words:vowel",
        "format:sub-bullets",
        "count:numbers",
    ]


def test_rows_of_other_kinds_are_told_by_their_provenance(outcome):
    said = [message("user", "Hi"), message("assistant", "count:numbers")]
    rows = [
        {"id": "0", "messages": said, "provenance": {"details": truth("ratio:overlap")}},
        {"id": "1", "messages": said, "provenance": None},
    ]
    made = outcome(*rows, kind="sft")
    assert made.kept["id"].to_list() == ["1"]
