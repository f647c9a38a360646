"""`why`, `diff`, `query` and `report` over small builds."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from dataengine import diff, query, why
from dataengine.build import execute as build
from dataengine.built import Built
from dataengine.document import Document
from dataengine.errors import UserError
from dataengine.mixture import load
from dataengine.plan import plan
from dataengine.progress import Progress
from dataengine.report import __main__ as report
from decontam import __main__ as decontam
from tests.dataengine.conftest import chat
from tests.dataengine.report.conftest import HARBOURS, ITEM, asks_the_tide


@pytest.fixture
def opened(planted, built, tmp_path):
    """The planted build."""
    built(planted())
    return Built.open(tmp_path / "out")


@pytest.mark.parametrize(
    ("row", "stage", "reason"),
    [
        (6, "identity", "claims to be another model"),
        (7, "empty_turns", "empty turn"),
        (8, "exact_dedup", "exact duplicate"),
        (9, "decontaminate", "contaminated"),
        (11, "read a", "not JSON"),
    ],
)
def test_why_tells_of_a_row_of_each_reason(opened, row, stage, reason):
    [life], count = why.why(opened, f"a:{row}")
    assert count == 1 and life["split"] is None
    assert (life["out"]["stage"], life["out"]["reason"]) == (stage, reason)
    assert stage not in life["passed"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo's build."""
    file = Path(__file__).parents[3] / "examples" / "quickstart.yaml"
    out = tmp_path_factory.mktemp("demo")
    build(Document(file), plan(load(file)), out, 2, Progress(quiet=True))
    return Built.open(out)


def test_why_answers_for_a_row_of_each_reason_in_the_demo(demo):
    reasons = demo.lost().rows(named=True)
    assert len(reasons) > 12
    for line in reasons:
        [table] = [
            t.file
            for t in demo.tables()
            if t.lost and t.number == line["number"] and line["reason"] in _reasons(t.file)
        ]
        first = pl.read_parquet(table).filter(pl.col("reason") == line["reason"]).row(0, named=True)
        named = first.get("id") or f"{first['source']}:{first['row']}"
        lives, _ = why.why(demo, named)
        outs = [life["out"] for life in lives if "out" in life]
        assert (line["stage"], line["reason"]) in [(o["stage"], o["reason"]) for o in outs]
        told = CliRunner().invoke(why.app, [str(demo.folder), named], catch_exceptions=False)
        assert f"went at   {line['stage']}: {line['reason']}" in told.stdout


def _reasons(file):
    return set(pl.read_parquet(file, columns=["reason"])["reason"])


def test_the_demo_s_report_names_the_personas_that_were_refused(demo):
    html = (demo.folder / "report.html").read_text(encoding="utf-8")
    assert "3 of 20 personas had a candidate refused." in html


def test_why_tells_who_stayed_and_who_went_instead(opened):
    [gone], _ = why.why(opened, "a:8")
    [stayed], _ = why.why(opened, "a:1")
    assert gone["stayed"]["id"] == stayed["id"] and gone["stayed"]["where"] == "in train"
    assert [twin["id"] for twin in stayed["duplicates"]] == [gone["id"]]
    assert stayed["split"] == "train" and stayed["passed"][-1] == "shards"


def test_why_shows_the_eval_item_beside_a_row(opened):
    [life], _ = why.why(opened, "A potter fires")
    assert life["read"]["row"] == 9 and life["items"][0]["decision"] == "drop"
    assert life["items"][0]["item_text"] == ITEM


def test_why_finds_a_row_by_id_by_how_that_begins_and_by_text(opened):
    [by_row], _ = why.why(opened, "a:2")
    for wanted in (by_row["id"], by_row["id"][:12], HARBOURS[1][1]):
        lives, count = why.why(opened, wanted)
        assert count == 1 and lives == [by_row]


def test_why_finds_text_that_json_writes_otherwise_in_content_reasoning_and_calls(
    mix, built, tmp_path
):
    turns = asks_the_tide('Say "high water"\nor ебб.', "I look it up.", "Den Helder")
    built(mix({"a": [chat(*HARBOURS[0]), {"messages": turns}]}))
    opened = Built.open(tmp_path / "out")
    for text in ('"high water"\nor', "ебб", "look it up", "Den Helder", "past six"):
        [life], count = why.why(opened, text)
        assert count == 1 and life["read"]["row"] == 2


def test_a_word_in_the_letters_of_an_id_is_a_word_where_no_id_begins_so(mix, built, tmp_path):
    built(mix({"a": [chat("What is a facade?", "The front of a house.")]}))
    [life], _ = why.why(Built.open(tmp_path / "out"), "facade")
    assert life["text"] == "What is a facade?"


def test_why_counts_the_rows_that_it_does_not_show(mix, built, tmp_path):
    built(mix({"a": [chat(f"How many gulls, {n}?", "Many.") for n in range(14)]}))
    lives, count = why.why(Built.open(tmp_path / "out"), "How many gulls")
    assert (len(lives), count) == (why.MOST, 14)
    told = CliRunner().invoke(why.app, [str(tmp_path / "out"), "How many gulls"]).stdout
    assert "... and 4 more rows like that" in told


def test_why_prints_nothing_that_moves_a_terminal_s_cursor(opened):
    told = CliRunner().invoke(why.app, [str(opened.folder), "a:7"]).stdout
    assert "went at   empty_turns: empty turn" in told and r"\u200b" in told
    assert all(line.isprintable() for line in told.splitlines())


def test_what_nobody_read_is_an_error_that_says_what_to_name(opened):
    with pytest.raises(UserError, match="no row was read that is meant by 'nowhere at all'"):
        why.why(opened, "nowhere at all")


def test_diff_tells_what_went_where_and_which_setting_did_it(planted, built, tmp_path):
    built(planted(), "one")
    built(planted(filters=["empty_turns"], dedup={"exact": {"protect": ["a"]}}), "two")
    one, two = Built.open(tmp_path / "one"), Built.open(tmp_path / "two")
    found = diff.diff(one, two)
    assert found["rows"] == {"before": 6, "after": 8, "same": 6} and found["gone"] == []
    assert [(line["stage"], line["rows"]) for line in found["added"]] == [
        ("exact_dedup", 1),
        ("identity", 1),
    ]
    assert {change["what"] for change in found["settings"]} == {
        "filters",
        "dedup.exact",
        "dedup.exact.protect",
    }
    back = diff.diff(two, one)
    assert back["gone"] == found["added"] and back["added"] == []


def test_diff_tells_of_rows_that_were_not_read_moved_or_copied_more_often(mix, built, tmp_path):
    rows = [chat(f"How many gulls, {n}?", "Many.") for n in range(20)]
    halves = {"train": 0.5, "validation": 0.5}
    built(mix({"a": {"records": rows, "repeat": 2}}, splits=halves), "one")
    built(mix({"a": {"records": rows[:15]}}, splits={"train": 1.0}), "two")
    found = diff.diff(Built.open(tmp_path / "one"), Built.open(tmp_path / "two"))
    assert {(line["stage"], line["rows"]) for line in found["gone"]} == {
        ("fewer copies", 15),
        (diff.NOT_READ, 10),
    }
    assert all((m["split"], m["split_after"]) == ("validation", "train") for m in found["moved"])
    assert found["rows"]["same"] + sum(m["rows"] for m in found["moved"]) == 15


def test_a_build_and_itself_differ_in_nothing(opened):
    found = diff.diff(opened, opened)
    assert found.pop("rows") == {"before": 6, "after": 6, "same": 6}
    assert not any(found.values())


def test_decontam_show_opens_a_build_as_it_opens_a_check(opened, mix, built, tmp_path):
    told = CliRunner().invoke(decontam.app, ["show", str(opened.folder)]).stdout
    assert told.startswith("drop: ") and "A potter fires nine batches" in told
    built(mix({"a": [chat(*HARBOURS[0])]}), "bare")
    failed = CliRunner().invoke(decontam.app, ["show", str(tmp_path / "bare")])
    assert "has not decontaminated" in str(failed.exception)


def test_query_answers_by_plain_names(opened):
    assert json.loads(query.query(opened, "SELECT count(*) AS n FROM rows", True)) == [{"n": 6}]
    sql = "SELECT d.stage, e.suite FROM dropped d JOIN evidence e ON d.id = e.row_id"
    assert json.loads(query.query(opened, sql, True)) == [
        {"stage": "decontaminate", "suite": "leaky"}
    ]
    assert "not JSON" in query.query(opened, "FROM failed")


def test_tables_without_rows_are_there_and_empty(mix, built, tmp_path):
    built(mix({"a": [chat(*HARBOURS[0])]}))
    opened = Built.open(tmp_path / "out")
    sql = "SELECT (SELECT count(*) FROM dropped) + (SELECT count(*) FROM failed) AS n"
    assert json.loads(query.query(opened, sql, True)) == [{"n": 0}]


@pytest.mark.parametrize(
    "sql",
    [
        "COPY rows TO 'stolen.csv'",
        "CREATE TABLE x (i INT)",
        "SELECT 1; SELECT 2",
        "SET threads = 1",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM 'https://example.org/a.parquet'",
        "SELECT nothing FROM rows",
        "not SQL",
    ],
)
def test_query_reads_the_build_s_tables_and_nothing_else(opened, sql, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=r"^query: "):
        query.query(opened, sql)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", [why.app, query.app, diff.app, report.app])
def test_a_folder_without_a_build_is_named(command, tmp_path):
    words = [str(tmp_path), *([] if command is report.app else [str(tmp_path)])]
    failed = CliRunner().invoke(command, words)
    assert isinstance(failed.exception, UserError)
    assert str(tmp_path) in str(failed.exception) and "no finished build" in str(failed.exception)
