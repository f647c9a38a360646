"""Scores on items found in the training data, and on the others."""

import json
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from typer.testing import CliRunner

from dataengine.errors import UserError
from eval.leak import Leak, evidence, split
from eval.run import app
from eval.stats import Interval
from eval.suites import load
from eval.tasks.score import Result

ITEMS = [{"id": f"s{k}", "prompt": f"{k} + {k}", "answer": str(2 * k)} for k in (0, 1, 2, 4, 5, 6)]


@pytest.fixture
def sums(tmp_path: Path) -> Any:
    (tmp_path / "sums.jsonl").write_bytes(b"\n".join(map(orjson.dumps, ITEMS)))
    score = {"metric": "exact_match", "verifier": "exact", "max_tokens": 4}
    described = {"name": "sums", "local": "sums.jsonl", "score": score}
    (tmp_path / "sums.yaml").write_text(json.dumps(described))
    (suite,) = load(tmp_path / "sums.yaml")
    return suite


def build(folder: Path, suite: Any, *decided: tuple[str, str, str], kept: str = "") -> Path:
    """A build's folder with these (row, decision, item), and these rows published."""
    (folder / "data").mkdir(parents=True)
    (folder / "dropped").mkdir()
    told = {"decontamination": {"suites": [{"name": "sums", "hash": suite.hash}]}}
    (folder / "manifest.json").write_text(json.dumps(told))
    rows = [{"row_id": r, "decision": d, "suite": "sums", "eval_id": i} for r, d, i in decided]
    pl.DataFrame(rows).write_parquet(folder / "dropped" / "01-decontaminate-decisions.parquet")
    pl.DataFrame({"id": list(kept)}).write_parquet(folder / "data" / "train-0.parquet")
    return folder


def test_only_rows_that_are_trained_on_hold_an_item(tmp_path: Path, sums: Any) -> None:
    first = build(
        tmp_path / "sft",
        sums,
        ("a", "drop", "s0"),
        ("b", "review", "s1"),
        ("c", "review", "s2"),
        ("d", "keep-by-policy", "s4"),
        kept="bd",
    )
    assert evidence([first]).of(sums) == {"s1"}
    second = build(tmp_path / "dpo", sums, ("x", "review", "s5"), kept="xy")
    assert evidence([first, second]).of(sums) == {"s1", "s5"}
    told = {"decontamination": {"suites": [{"name": "sums", "hash": "other items"}]}}
    (second / "manifest.json").write_text(json.dumps(told))
    assert evidence([first, second]).of(sums) is None


def test_a_report_of_a_check_counts_what_it_would_drop(tmp_path: Path, sums: Any) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    (folder / "report.json").write_text(
        json.dumps({"suites": [{"name": "sums", "hash": sums.hash}]})
    )
    rows = [{"decision": "drop", "suite": "sums", "eval_id": "s0"}]
    pl.DataFrame(rows).write_parquet(folder / "decisions.parquet")
    assert evidence([folder]).of(sums) == {"s0"}


def test_a_folder_without_evidence_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="neither a build that was decontaminated"):
        evidence([tmp_path])


def test_the_split_has_the_interval_of_the_difference() -> None:
    results = [Result(str(k), None, "p", [], float(k < 6)) for k in range(10)]
    results.append(Result("x", None, "p", [], None, error="timeout"))
    found = split(results, {str(k) for k in range(5)} | {"x"})
    assert (found.items, found.others) == (5, 5)
    assert found.found and found.clean and found.difference
    assert (found.found.mean, found.clean.mean) == (1.0, 0.2)
    assert found.difference.mean == pytest.approx(0.8)
    # five of five and one of five: the found items' own lower bound is 1 - 0.522
    assert -0.1 < found.difference.low < 0.3 and found.difference.high == pytest.approx(1.0)
    assert split(results, {"0"}).difference.low < 0  # type: ignore[union-attr]
    assert split(results, set()) == Leak(0, 10, None, split(results, set()).clean, None)
    assert isinstance(split(results, set()).clean, Interval)


def test_the_table_splits_the_score(server: Any, tmp_path: Path, sums: Any) -> None:
    found = build(tmp_path / "sft", sums, ("a", "review", "s4"), ("a", "review", "s1"), kept="a")
    asked = ("--model", server.url, "--suite", tmp_path / "sums.yaml", "--out", tmp_path / "out")
    done = CliRunner().invoke(app, [str(a) for a in (*asked, "--evidence", found)])
    assert done.exit_code == 0, done.output
    assert "| sums | 2 | 50.0 | 4 | 100.0 | -50.0 | -100.0 to " in done.output
    (line,) = json.loads((tmp_path / "out" / "sums.json").read_text())["suites"]
    assert (line["leak"]["items"], line["leak"]["others"]) == (2, 4)


def test_a_suite_that_was_not_looked_for_says_so(server: Any, tmp_path: Path, sums: Any) -> None:
    found = build(tmp_path / "sft", sums, ("a", "review", "s4"), kept="a")
    (tmp_path / "sums.jsonl").write_bytes(b"\n".join(map(orjson.dumps, ITEMS[:3])))
    asked = ("--model", server.url, "--suite", tmp_path / "sums.yaml", "--out", tmp_path / "out")
    done = CliRunner().invoke(app, [str(a) for a in (*asked, "--evidence", found)])
    assert "- sums: its items were not looked for in the training data." in done.output
    assert "found in training" not in done.output
