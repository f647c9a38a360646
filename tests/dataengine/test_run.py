"""A run: what becomes of rows that a stage cannot decide on, and of a build without rows."""

import json
from typing import ClassVar

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataengine.build import app
from dataengine.errors import NothingLeft, UserError
from dataengine.stages.filters import Finding, TurnFilter


class Brittle(TurnFilter):
    """Drops rows that say drop, and raises on those that say raise."""

    name: ClassVar[str] = "brittle_in_a_test"

    def find(self, text, turns, number):
        if "raise" in text:
            raise KeyError("a defect of the filter")
        return Finding("says drop", 0, 4) if "drop" in text else None


def chats(*texts):
    return [{"prompt": f"Question {i}?", "completion": text} for i, text in enumerate(texts)]


def test_a_row_that_a_stage_cannot_decide_on_fails_alone_and_the_build_goes_on(
    mix, built, tmp_path
):
    rows = chats("fine", "please raise", "drop it", "fine too", "raise again")
    manifest = built(mix({"a": rows}, filters=["brittle_in_a_test"]))
    stage = next(s for s in manifest["stages"] if s["name"] == "brittle_in_a_test")
    assert (stage["kept"], stage["dropped"], stage["failed"]) == (2, 1, 2)
    assert stage["reasons"] == {"KeyError in brittle_in_a_test": 2, "says drop": 1}
    failed = pl.read_parquet(tmp_path / "out/dropped/*brittle_in_a_test-failed.parquet")
    assert failed["row"].to_list() == [2, 5]
    assert "please raise" in failed["record"][0]
    assert json.loads(failed["evidence"][0])["detail"] == "'a defect of the filter'"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=st.lists(st.sampled_from(["fine", "drop", "raise"]), max_size=30))
def test_halving_finds_exactly_the_rows_that_raise(decided, texts):
    rows = [
        {"id": f"{number}", "messages": [{"role": "assistant", "content": text}]}
        for number, text in enumerate(texts)
    ]
    found = decided(Brittle(), rows)
    kept, dropped = found.kept["id"].to_list(), found.dropped["id"].to_list()
    failed = [int(id) for id in found.failed["id"]]
    assert kept == [str(i) for i, text in enumerate(texts) if text == "fine"]
    assert dropped == [str(i) for i, text in enumerate(texts) if text == "drop"]
    assert failed == [i for i, text in enumerate(texts) if text == "raise"]


@pytest.mark.parametrize("error", [UserError("bad input"), OSError("disk"), MemoryError()])
def test_what_no_row_is_the_cause_of_stops_the_build(error, mix, built, monkeypatch):
    def broken(self, text, turns, number):
        raise error

    monkeypatch.setattr(Brittle, "find", broken)
    with pytest.raises(type(error)):
        built(mix({"a": chats("fine")}, filters=["brittle_in_a_test"]))


def test_a_build_without_rows_says_where_they_went_and_lays_them_out(mix, built, tmp_path):
    rows = ["{broken", {"prompt": "What?", "completion": ""}, {"prompt": "Who?", "completion": ""}]
    with pytest.raises(NothingLeft) as told:
        built(mix({"a": rows}))
    assert "read a: empty turn 2 (a, row 2: messages, turn 1), not JSON 1 (a, row 1:" in str(
        told.value
    )
    assert f"{tmp_path}/out/dropped/" in str(told.value)
    lost = pl.read_parquet(tmp_path / "out/dropped/*.parquet")
    assert sorted(lost["reason"]) == ["empty turn", "empty turn", "not JSON"]


def test_a_build_without_rows_leaves_nothing_of_an_earlier_one_and_going_back_costs_nothing(mix, built, tmp_path):  # fmt: skip
    before = built(mix({"a": chats("fine", "drop")}))
    with pytest.raises(NothingLeft):
        built(mix({"a": chats("fine", "drop")}, filters=[{"length": {"min_chars": 9_999}}]))
    assert [p.name for p in (tmp_path / "out").iterdir() if p.name != ".work"] == ["dropped"]
    assert built(mix({"a": chats("fine", "drop")})) == before
    assert (tmp_path / "out/manifest.json").is_file()


def test_a_source_that_gives_little_is_told_with_its_commonest_reason(mix, tmp_path, capsys):
    from typer.testing import CliRunner

    good = chats("fine", "fine too")
    mixture = mix(
        {"good": good, "bad": ["{broken", "[]", "[1]", {"prompt": "Q", "completion": "A"}]}
    )
    done = CliRunner().invoke(app, [str(mixture), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0
    assert "note: read bad: not an object 2 (bad, row 2: a list), and 1 more" in done.output
    assert "note: read good" not in done.output
