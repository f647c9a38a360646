"""Suites that were asked for and whose items are nowhere to be had."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dataengine.build import app
from dataengine.errors import UserError
from dataengine.mixture import load

LEAK = "How many almond croissants does Marta sell in a week of six mornings at her bakery?"
RUN = CliRunner()


@pytest.fixture
def mixture(mix, tmp_path: Path):
    """mixture(**decontaminate): two rows, one of them an item of gsm8k, the one suite at hand."""
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals/gsm8k.jsonl").write_text(json.dumps({"id": "a", "prompt": LEAK}) + "\n")
    (tmp_path / "none").mkdir()

    def written(**decontaminate: Any) -> Path:
        rows = [{"prompt": text, "completion": "Yes."} for text in (LEAK, "Is it raining?")]
        given = {"against": ["gsm8k", "mbpp", "drop"], "path": "evals"} | decontaminate
        return mix(
            {"a": {"records": rows, "licence": "mit"}},
            decontaminate=given,
            publish={"repo": "me/test"},
        )

    return written


def build(mixture: Path, out: Path, *options: str) -> str:
    result = RUN.invoke(app, [str(mixture), "--out", str(out), *options], catch_exceptions=False)
    return " ".join(result.output.split())


def test_what_was_not_checked_is_told_by_the_summary_the_rerun_the_card_and_the_manifest(
    mixture, tmp_path: Path
) -> None:
    told = "asked for and NOT CHECKED, no items at hand: drop, mbpp"
    for _ in range(2):  # the second run finds everything done
        said = build(mixture(against=["gsm8k", "drop", "mbpp"]), tmp_path / "out")
        assert told in said.split("eval items found in the rows")[1]
    card = (tmp_path / "out/README.md").read_text()
    assert (
        "**Asked for and not checked,** because no items of them were at hand: drop, mbpp." in card
    )
    made = json.loads((tmp_path / "out/manifest.json").read_text())
    assert made["decontamination"]["missing"] == ["drop", "mbpp"]


def test_a_build_that_nothing_was_checked_against_says_so(mixture, tmp_path: Path) -> None:
    said = build(mixture(path="none"), tmp_path / "out")
    assert "NOT CHECKED, no items at hand: gsm8k, mbpp, drop" in said
    card = (tmp_path / "out/README.md").read_text()
    assert "**Nothing was checked:** no items of any suite were at hand." in card
    assert "Checked against:" not in card and "was found in any source" not in card


def test_refuse_stops_before_anything_is_built(mixture, tmp_path: Path) -> None:
    file = mixture(missing="refuse")
    with pytest.raises(UserError, match=r"no items at hand of mbpp, drop, .* missing: tell"):
        build(file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_to_publish_is_to_refuse_unless_the_mixture_says_tell(
    mixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[Path] = []
    monkeypatch.setattr("dataengine.publish.hub.ready", lambda repo: None)
    monkeypatch.setattr(
        "dataengine.publish.hub.publish", lambda folder, *a, **k: published.append(folder)
    )
    out = tmp_path / "out"
    with pytest.raises(UserError, match="no items at hand of mbpp, drop"):
        build(mixture(), out, "--publish")
    build(mixture(), out)
    (tmp_path / "a.jsonl").rename(tmp_path / "gone.jsonl")  # published as it is, were it whole
    unbuilt = tmp_path / "mixture.yaml"
    with pytest.raises(UserError, match="mbpp, drop asked for and not checked"):
        build(unbuilt, out, "--publish")
    (tmp_path / "gone.jsonl").rename(tmp_path / "a.jsonl")
    assert published == []
    build(mixture(missing="tell"), out, "--publish")
    assert published == [out]


def test_what_becomes_of_missing_suites_changes_no_row(mixture) -> None:
    one, other = load(mixture()).decontaminate, load(mixture(missing="tell")).decontaminate
    assert one is not None and other is not None
    assert one.identity() == other.identity()
