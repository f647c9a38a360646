"""Several models in one table, each against the first."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from eval.compare import app
from eval.writing import SCHEMA

SUITES = ("sums", "words")


def report(folder: Path, name: str, right: dict[str, int], **changes: Any) -> Path:
    """A model's report over suites of 20 items, of which so many are right."""
    folder = folder / name
    folder.mkdir()
    lines = [
        {
            "suite": suite,
            "title": suite.title(),
            "setting": "0-shot",
            "macro": False,
            "hash": "h",
            "mark": "covered",
            "score": {"mean": n / 20, "low": max(0, n / 20 - 0.2), "high": min(1, n / 20 + 0.2)},
            **(changes.get(suite) or {}),
        }
        for suite, n in right.items()
    ]
    (folder / "development.json").write_text(json.dumps({"suites": lines}))
    rows = [
        {"suite": suite, "id": str(k), "score": float(k < n)}
        for suite, n in right.items()
        for k in range(20)
    ]
    pl.DataFrame(rows, schema=SCHEMA).write_parquet(folder / "development.parquet")
    return folder


def compared(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_several_models_are_the_papers_table(tmp_path: Path) -> None:
    models = [
        report(tmp_path, "sft", {"sums": 2, "words": 10}),
        report(tmp_path, "dpo", {"sums": 4, "words": 9}),
        report(tmp_path, "rlvr", {"sums": 18, "words": 10}, sums={"mark": "not covered"}),
    ]
    done = compared(*models, "--picture", tmp_path / "all.png")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[:5] == [
        "| task | sft | dpo | rlvr |",
        "|---|---:|---:|---:|",
        "| Sums | 10.0 | 20.0 | **90.0**\\* † |",
        "| Words | **50.0** | 45.0 | **50.0** |",
        "| average of 2 | 30.0 | 32.5 | **70.0** |",
    ]
    assert "- \\* differs from sft: p under 0.05 after Holm's correction." in lines
    assert "- † the training data was not decontaminated against this suite." in lines
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")


def test_what_was_measured_otherwise_is_shown_in_brackets_and_not_averaged(tmp_path: Path) -> None:
    models = [
        report(tmp_path, "sft", {"sums": 2, "words": 10}),
        report(tmp_path, "dpo", {"sums": 4, "words": 9}, words={"setting": "5-shot"}),
        report(tmp_path, "rlvr", {"sums": 18}),
    ]
    shown = compared(*models).output
    assert "| Words | 50.0 | (45.0) |  |" in shown
    assert "- Words of dpo is not compared: the settings differ: 0-shot; 5-shot." in shown
    assert "- Words was not measured for rlvr." in shown
    assert "average" not in shown
    told = json.loads(compared(*models, "--json").output)
    assert len(told) == 6 and told[0]["against"] is None
    assert told[2]["against"]["n"] == 20 and told[2]["score"]["mean"] == 0.2
    assert told[3]["against"]["reason"].startswith("the settings differ")


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    models = []
    for run in ("a", "b", "c"):
        (tmp_path / run / "model").mkdir(parents=True)
        models.append(report(tmp_path / run / "model", "eval", {"sums": 2}).parent)
    assert f"| task | {' | '.join(map(str, models))} |" in compared(*models).output


@pytest.mark.parametrize("count", [0, 1])
def test_one_model_is_no_comparison(tmp_path: Path, count: int) -> None:
    models = [report(tmp_path, "sft", {"sums": 2})][:count]
    done = compared(*models)
    assert done.exit_code == 2 and "Traceback" not in done.output
