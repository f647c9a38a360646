import json
import subprocess
import sys
from pathlib import Path

import pytest

from eval.verifiers.planted import differ, off_by_one
from eval.verifiers.selftest import read, selftest


def write(path: Path, items: list[dict]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "eval.verifiers", "selftest", *arguments]
    return subprocess.run(command, capture_output=True, text=True)


ITEMS = [
    {"id": "1", "prompt": "How many?", "answer": "#### 18"},
    {"id": "2", "prompt": "How much?", "answer": "#### 1,000"},
]


def test_the_last_line_counts_a_users_own_suite(tmp_path: Path) -> None:
    suite = write(tmp_path / "own.jsonl", ITEMS)
    done = run("--suite", str(suite), "--verifier", "gsm8k", "--json")
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts == {"items": 2, "gold_passed": 2, "wrong_failed": 2, "errors": 0}
    assert done.returncode == 0


def test_bad_items_are_counted_shown_and_written(tmp_path: Path) -> None:
    suite = write(tmp_path / "own.jsonl", [*ITEMS, {"id": "3", "prompt": "?", "answer": "many"}])
    failures = tmp_path / "failures.jsonl"
    done = run("--suite", str(suite), "--verifier", "gsm8k", "--failures", str(failures))
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts == {"items": 3, "gold_passed": 2, "wrong_failed": 2, "errors": 1}
    assert "3: error" in done.stdout and done.returncode == 1
    assert [json.loads(line)["id"] for line in failures.read_text().splitlines()] == ["3"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gsm8", '{"id": "1"}\n', "did you mean 'gsm8k'"),
        ("gsm8k", '{"id": "1"}\n{broken\n', ":2: not JSON"),
        ("gsm8k", '{"answer": "1"}\n', ":1: an item is a JSON object with an 'id'"),
        ("gsm8k", None, "No such file"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    tmp_path: Path, name: str, content: str | None, said: str
) -> None:
    suite = tmp_path / "own.jsonl"
    if content is not None:
        suite.write_text(content)
    done = run("--suite", str(suite), "--verifier", name)
    assert done.returncode == 2
    assert said in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_verifier_that_accepts_anything_is_found_out() -> None:
    items = [{"id": str(n), "answer": f"is {n}", "meta": {"pattern": "is"}} for n in range(3)]
    report = selftest(items, "regex")
    assert (report.gold_passed, report.wrong_failed) == (3, 0)
    assert {finding.what for finding in report.findings} == {"wrong"}
    assert not report.sound


def test_planted_answers_are_wrong() -> None:
    assert off_by_one("#### 18") == "#### 19"
    assert off_by_one("0.09") == "0.10"
    assert off_by_one("none") == "none"
    assert not differ("\\frac34", "\\frac{3}{4}")
    assert not differ("90.8", "90.80%")
    assert differ("(1,2)", "(2,1)")
    assert differ("Paris", "Rome") and not differ("Paris", "paris")


@pytest.mark.parametrize(
    ("suite", "name", "items"),
    [
        ("gsm8k", "gsm8k", 1319),
        ("mmlu", "choice", 14042),
        ("drop", "f1", 9536),
        ("popqa", "exact", 1000),
        ("xstest", "refusal", 450),
    ],
)
def test_published_suites_pass_whole(shared: Path, suite: str, name: str, items: int) -> None:
    path = shared / "data/evals" / f"{suite}.jsonl"
    report = selftest(read(path), name)
    assert report.counts() == {
        "items": items,
        "gold_passed": items,
        "wrong_failed": items,
        "errors": 0,
    }, report.findings[:5]


@pytest.mark.parametrize(
    ("suite", "name", "step"),
    [("math", "math", 40), pytest.param("humaneval", "code_python", 8, marks=pytest.mark.bwrap)],
)
def test_a_part_of_the_slower_suites_passes(shared: Path, suite: str, name: str, step: int) -> None:
    path = shared / "data/evals" / f"{suite}.jsonl"
    report = selftest(read(path)[::step], name)
    assert report.sound, report.findings[:5]
