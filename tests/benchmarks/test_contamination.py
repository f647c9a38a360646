"""`benchmarks.contamination`: planted, labelled, judged; on a suite and rows that are small."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.contamination import runs, table

ROOT = Path(__file__).parents[2]


def test_the_table_counts_leaks_and_clean_rows_and_leaves_out_the_others():
    labels = {"a": ("verbatim", True), "b": ("verbatim", True), "c": ("look alike", False)}
    labels |= {"d": ("passage", None)}
    told = table(labels, {"ours": {"a", "d"}, "other": {"a", "b", "c"}})
    assert "ours" in told and told.splitlines()[1].split() == [
        "verbatim",
        "2",
        "leak",
        "0.500",
        "1.000",
    ]
    assert told.splitlines()[-2].split() == ["ours", "2", "1", "1.0000", "0.5000", "0.6667"]
    assert told.splitlines()[-1].split() == ["other", "2", "1", "0.6667", "1.0000", "0.8000"]


def test_runs_of_words_are_those_of_n():
    assert len(list(runs("one two three four", 3))) == 2
    assert set(runs("One, two!", 2)) == set(runs("one two", 2))


def test_without_data_it_says_how_to_get_it(tmp_path):
    call = [sys.executable, "-m", "benchmarks.contamination", "--data", str(tmp_path)]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "python -m benchmarks.fetch" in done.stderr


def test_planted_leaks_are_found(tmp_path):
    quiz = (ROOT / "examples/evals").glob("*.jsonl")
    (tmp_path / "evals").mkdir()
    (tmp_path / "train").mkdir()
    for file in quiz:
        (tmp_path / "evals" / "gsm8k.jsonl").write_text(file.read_text("utf-8"), encoding="utf-8")
    said = [f"Could you tell me how the weather is in town {n}, please?" for n in range(40)]
    roles = ("user", "assistant")
    good = [{"messages": [{"role": r, "content": s} for r in roles]} for s in said]
    text = "".join(json.dumps(row) + "\n" for row in good)
    (tmp_path / "train" / "gsm8k_train.jsonl").write_text(text, encoding="utf-8")
    call = [sys.executable, "-m", "benchmarks.contamination", "--data", str(tmp_path)]
    more = ["--suites", "gsm8k", "--per-kind", "2"]
    done = subprocess.run([*call, *more], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    verbatim = next(line for line in done.stdout.splitlines() if line.startswith("verbatim"))
    assert verbatim.split()[3] == "1.000"
