"""RLVR mixtures: ground truths, gold answers, attached constraints, and the policy's pass rate."""

import json

import polars as pl
import pytest
import yaml

from dataengine.build import execute as build_all
from dataengine.built import Built
from dataengine.document import Document
from dataengine.errors import UserError
from dataengine.mixture import load
from dataengine.plan import plan
from dataengine.progress import Progress
from dataengine.report.passing import COUNTS, passing
from eval.verifiers import verify

SUMS = [
    {"question": f"What is {n} and one more?", "answer": f"One more.\n#### {n + 1}"}
    for n in range(40)
]


@pytest.fixture
def make(tmp_path):
    """make(records, source=..., **mixture): the manifest and the rows of an rlvr build."""

    def go(records, source=None, out="out", **mixture):
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (tmp_path / "tasks.jsonl").write_text(lines)
        entry = {"name": "tasks", "path": "tasks.jsonl", **(source or {})}
        file = tmp_path / "mixture.yaml"
        file.write_text(
            yaml.safe_dump({"name": "t", "kind": "rlvr", "sources": [entry], **mixture})
        )
        made = build_all(Document(file), plan(load(file)), tmp_path / out, 2, Progress(quiet=True))
        rows = pl.read_parquet(tmp_path / out / "data" / "*.parquet").sort("id")
        lost = {f.name: pl.read_parquet(f) for f in sorted((tmp_path / out / "dropped").iterdir())}
        return made, rows, lost

    return go


GSM = {"columns": {"prompt": "question"}, "verifier": "gsm8k"}


def test_questions_with_worked_answers_get_their_ground_truth_from_the_verifier(make):
    _, rows, _ = make(SUMS, GSM)
    assert sorted(map(int, rows["ground_truth"])) == list(range(1, 41))
    assert set(rows["verifier"]) == {"gsm8k"}
    assert set(rows["source"]) == {"tasks"}
    assert "gold" not in rows.columns


def test_conversations_are_tasks_too(make):
    chat = [
        {"role": "user", "content": "1+1?"},
        {"role": "assistant", "content": r"It is $\boxed{2}$."},
    ]
    _, rows, _ = make([{"messages": chat}], {"verifier": "math"})
    assert rows["prompt"].to_list()[0][-1]["content"] == "1+1?"
    assert verify("math", "2", rows["ground_truth"][0]).passed


def test_a_gold_answer_that_fails_its_own_verifier_takes_its_row_away(make):
    wrong = {"question": "2+2?", "ground_truth": "4", "gold": "It is 5."}
    right = {"question": "2+3?", "ground_truth": "5", "gold": "It is 5."}
    _, rows, lost = make([wrong, right], GSM)
    assert rows["ground_truth"].to_list() == ["5"]
    [dropped] = lost.values()
    assert dropped["reason"].to_list() == ["gold answer fails its verifier"]
    assert json.loads(dropped["evidence"].item())["verifier"] == "gsm8k"


def test_an_answer_without_a_number_is_no_ground_truth(make):
    _, _, lost = make([SUMS[0], {"question": "Why?", "answer": "Because."}], GSM)
    assert lost["00-read-tasks-failed.parquet"]["reason"].to_list() == ["shape"]


def test_constraints_are_attached_with_their_arguments_and_hold_together(make):
    records = [{"instruction": f"Write about item {i}.", "output": "..."} for i in range(30)]
    _, rows, _ = make(records, {"constraints": [1, 3]})
    counts = set()
    for row in rows.iter_rows(named=True):
        truth = json.loads(row["ground_truth"])
        counts.add(len(truth["instruction_id_list"]))
        assert len(truth["kwargs"]) == len(truth["instruction_id_list"])
        assert row["prompt"][0]["content"].startswith("Write about item ")
        assert verify("ifeval", "x", row["ground_truth"]).error is None
    assert counts == {1, 2, 3}
    assert make(records, {"constraints": [1, 3]}, out="again")[1].equals(rows)


def test_constraints_that_exclude_each_other_are_dropped(make):
    ids = ["change_case:english_lowercase", "change_case:english_capital"]
    truth = {"instruction_id_list": ids, "kwargs": [{}, {}]}
    fine = {"instruction_id_list": ids[:1], "kwargs": [{}]}
    tasks = [{"prompt": "Shout.", "ground_truth": t} for t in (truth, fine)]
    _, rows, lost = make(tasks, {"verifier": "ifeval"})
    assert rows.height == 1
    [dropped] = lost.values()
    assert dropped["reason"].to_list() == ["constraints cannot hold together"]


def policy(body):
    """Solves a sum in as many of its samples as the sum's last digit says."""
    number = next(int(w) for w in body["messages"][-1]["content"].split() if w.isdigit())
    right = (body["seed"] % 10) < number % 10
    return f"#### {number + 1 if right else 0}"


def test_a_band_of_pass_rates_selects_and_keeps_what_it_measured(teacher, make):
    server = teacher(policy)
    mixture = {
        "models": {"policy": {"backend": "openai", "base_url": server.url, "model": "sft-1"}},
        "difficulty": {"policy": "policy", "samples": 10, "pass_rate": [0.1, 0.8]},
    }
    _, rows, lost = make(SUMS, GSM, **mixture)
    rates = {int(t) - 1: rate for t, rate in rows.select("ground_truth", "pass_rate").iter_rows()}
    assert rates == {n: (n % 10) / 10 for n in range(40) if 1 <= n % 10 <= 8}
    assert rows["policy"].unique().to_list() == ["sft-1"]
    dropped = lost["02-difficulty.parquet"]
    assert sorted(dropped["reason"].to_list()) == ["too easy"] * 4 + ["too hard"] * 4
    assert lost["02-difficulty-pass_rates.parquet"].height == 40
    asked = server.asked.total()
    assert asked == 400
    mixture["difficulty"]["pass_rate"] = [0.5, 0.8]
    _, fewer, _ = make(SUMS, GSM, **mixture)
    assert server.asked.total() == asked
    assert fewer.height == 16


def test_the_report_shows_pass_rates_of_all_that_was_measured(teacher, make, tmp_path):
    server = teacher(policy)
    mixture = {
        "models": {"policy": {"backend": "openai", "base_url": server.url, "model": "sft-1"}},
        "difficulty": {"policy": "policy", "samples": 10, "pass_rate": [0.1, 0.8]},
    }
    make(SUMS, GSM, **mixture)
    [line] = passing(Built.open(tmp_path / "out"))
    assert (line.verifier, line.prompts, line.mean) == ("gsm8k", 40, pytest.approx(0.45))
    assert dict(zip(COUNTS, line.answers, strict=True)) == {
        **dict.fromkeys(COUNTS, 0), "passed": 180, "failed": 220
    }  # fmt: skip
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "pass rates of gsm8k" in html and "Prompts that the policy passes" in html


def test_difficulty_needs_a_model_of_the_mixture_and_tasks(make):
    with pytest.raises(UserError, match=r"difficulty\.policy: unknown model 'p'"):
        make(SUMS, GSM, difficulty={"policy": "p"})
