"""Suites that are joined or made: BFCL's files, and RULER-like long context."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from eval.suites import bfcl, load, ruler
from eval.tasks.questions import questions
from eval.tasks.reply import Reply
from eval.tasks.score import verified

FUNCTION = {
    "name": "music.play",
    "description": "Plays",
    "parameters": {
        "type": "dict",
        "required": ["by"],
        "properties": {
            "by": {"type": "string", "description": "a name"},
            "type": {"type": "any", "description": "a property of this name"},
            "gain": {"type": "float"},
            "list": {"type": "tuple", "items": {"type": "dict", "properties": {}}},
        },
    },
}


def question(identity: str, *roles: str) -> dict[str, Any]:
    turns = [{"role": role, "content": f"Play {identity}"} for role in roles]
    return {"id": identity, "question": [turns], "function": [FUNCTION]}


@pytest.fixture
def leaderboard(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "possible_answer").mkdir(parents=True)
    for name, rows in {
        "BFCL_v4_parallel.json": [question("p0", "user"), question("p1", "system", "user")],
        "BFCL_v4_irrelevance.json": [question("i0", "user")],
        "BFCL_v4_web_search.json": [question("w0", "user")],
    }.items():
        (folder / name).write_bytes(b"\n".join(map(orjson.dumps, rows)))
    answers = [{"id": f"p{k}", "ground_truth": [{"music.play": {"by": ["X"]}}]} for k in (0, 1)]
    (folder / "possible_answer" / "BFCL_v4_parallel.json").write_bytes(
        b"\n".join(map(orjson.dumps, answers))
    )
    return folder


def run(app: Any, *arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_bfcl_is_joined_and_scored(leaderboard: Path, tmp_path: Path) -> None:
    done = run(bfcl.app, leaderboard, tmp_path / "bfcl.jsonl")
    assert done.exit_code == 0, done.output
    assert "bfcl.jsonl: 2 items" in done.output
    assert "left out: 1 of parallel with more turns than one" in done.output
    (suite,) = load("bfcl", tmp_path)
    asked = {q.id: q for q in questions(suite)}
    (tool,) = asked["p0"].tools
    assert tool["function"]["name"] == "music_play"
    assert tool["function"]["parameters"] == {
        "type": "object",
        "required": ["by"],
        "properties": {
            "by": {"type": "string", "description": "a name"},
            "type": {"description": "a property of this name"},
            "gain": {"type": "number"},
            "list": {"type": "array", "items": {"type": "object", "properties": {}}},
        },
    }
    assert suite.score is not None
    said = Reply('<tool_call>{"name": "music_play", "arguments": {"by": "x"}}</tool_call>')
    found = verified(suite.score, [asked["p0"], asked["i0"]], [[said], [said]])
    assert [(r.subset, r.score) for r in found] == [("parallel", 1.0), ("irrelevance", 0.0)]


def test_bfcl_without_answers_or_files_is_one_line(leaderboard: Path, tmp_path: Path) -> None:
    (leaderboard / "possible_answer" / "BFCL_v4_parallel.json").unlink()
    done = run(bfcl.app, leaderboard, tmp_path / "x.jsonl")
    assert done.exit_code == 2 and "cannot be scored without" in done.output
    done = run(bfcl.app, tmp_path, tmp_path / "x.jsonl")
    assert done.exit_code == 2 and "no BFCL_v*_*.json of" in done.output


def test_long_context_is_made_alike_and_asks_for_what_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "ruler.jsonl"
    made = ("--words", 500, "--words", 2000, "--items", 3)
    assert "30 items" in run(ruler.app, file, *made).output
    first = file.read_bytes()
    run(ruler.app, file, *made)
    assert file.read_bytes() == first
    run(ruler.app, file, *made, "--seed", 1)
    assert file.read_bytes() != first
    items = [json.loads(line) for line in first.splitlines()]
    assert Counter(item["subset"] for item in items) == {
        f"{task}-{words}": 3 for task in ruler.TASKS for words in (500, 2000)
    }
    for item in items:
        length = len(item["passage"].split())
        words = int(item["subset"].split("-")[-1])
        assert 0.9 * words <= length <= 1.1 * words, (item["id"], length)
        for answer in item["meta"]["every"]:
            assert answer in item["passage"] and answer not in item["prompt"]


def test_the_asked_needle_is_one_of_its_key() -> None:
    for made in ruler.items([500], 5, 0):
        if made["subset"] in ("single-500", "multikey-500"):
            key = made["prompt"].split(" for ")[1].split(" mentioned")[0]
            (answer,) = made["meta"]["every"]
            assert f"for {key} is: {answer}." in made["passage"]
            assert made["passage"].count(f"for {key} is") == 1


def test_tracking_asks_for_one_chain_and_its_end() -> None:
    (made, *_) = [m for m in ruler.items([500], 1, 0) if m["subset"] == "tracking-500"]
    value = made["prompt"].split("the value ")[1].split(",")[0]
    steps = made["passage"].split(". ")
    assigned = [step.removeprefix("VAR ") for step in steps if step.startswith("VAR ")]
    values: dict[str, str] = {}
    for step in assigned:
        name, given = step.split(" = ")
        values[name] = values.get(given.removeprefix("VAR "), given)
    assert sorted(n for n, v in values.items() if v == value) == sorted(made["meta"]["every"])
    assert len(values) == 10


def test_long_context_is_scored_by_the_share_of_its_answers(tmp_path: Path) -> None:
    run(ruler.app, tmp_path / "ruler.jsonl", "--words", 500, "--items", 1)
    (suite,) = load("ruler", tmp_path)
    asked = [q for q in questions(suite) if q.subset == "multivalue-500"]
    (item,) = [i for i in suite.items() if i.subset == "multivalue-500"]
    every = (item.meta or {})["every"]
    assert suite.score is not None and every[0] in asked[0].prompt
    half = Reply(f"{every[0]} and {every[1]}, not 1{every[2]}")
    (found,) = verified(suite.score, asked, [[half]])
    assert found.score == pytest.approx(0.5)
