"""What a model's manifest says of its training data; what says nothing is never called clean."""

import json
from pathlib import Path
from typing import Any

import pytest

from dataengine.errors import UserError
from eval.coverage import coverage, manifest
from eval.suites import Suite, load


@pytest.fixture
def sums(tmp_path: Path) -> Suite:
    (tmp_path / "sums.jsonl").write_text('{"prompt": "1 + 1"}\n')
    (suite,) = load(tmp_path / "sums.jsonl")
    return suite


def model(folder: Path, suite: Suite, **more: Any) -> Path:
    folder.mkdir(parents=True)
    told = {
        "decontamination": {"suites": ["sums"]},
        "stages": [
            {"manifest": {"decontamination": {"suites": [{"name": "sums", "hash": suite.hash}]}}}
        ],
        **more,
    }
    (folder / "dataengine_manifest.json").write_text(json.dumps(told))
    return folder


@pytest.mark.parametrize(
    ("start", "mark"),
    [
        ({"start": {"model": "b", "manifest": "told"}}, "covered"),
        ({"start": {"model": "b", "manifest": "unknown"}}, "unknown start"),
        ({}, "unknown start"),
    ],
)
def test_a_start_model_without_a_manifest_is_unknown(
    tmp_path: Path, sums: Suite, start: dict[str, Any], mark: str
) -> None:
    assert coverage(str(model(tmp_path / "m", sums, **start))).mark(sums) == mark


def test_a_checkpoint_has_the_manifest_of_its_own_or_of_its_run(
    tmp_path: Path, sums: Suite
) -> None:
    run = model(tmp_path / "run", sums)
    (run / "checkpoint-1").mkdir()
    (run / "other").mkdir()
    assert manifest(str(run / "checkpoint-1")) == run.resolve() / "dataengine_manifest.json"
    assert coverage(str(run / "checkpoint-1")).mark(sums) == "unknown start"
    assert coverage(str(run / "other")).mark(sums) == "unknown"
    own = model(run / "checkpoint-2", sums, decontamination={"suites": []})
    assert coverage(str(own)).mark(sums) == "not covered"


@pytest.mark.parametrize("name", ["http://127.0.0.1:1/v1", "m", "owner/name"])
def test_servers_and_unreachable_names_are_unknown(
    name: str, sums: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert coverage(name).mark(sums) == "unknown"


def test_a_broken_manifest_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "dataengine_manifest.json").write_text('{"start": 1}')
    with pytest.raises(UserError, match="not a model's manifest"):
        coverage(str(tmp_path))
