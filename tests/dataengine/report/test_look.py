"""A look: a sample drawn by hash, apart from the dataset, and what its report says of itself."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dataengine.build import app
from dataengine.built import Built
from dataengine.errors import UserError
from dataengine.rows.formats import Record
from dataengine.sources.ingest import sampled
from dataengine.why import why
from tests.dataengine.conftest import chat

ROWS = [chat(f"Where do the {n} gulls sleep?", f"On roof number {n}.") for n in range(60)]


@given(st.integers(0, 200), st.integers(1, 50), st.text(max_size=80))
def test_a_sample_is_a_part_in_order_and_a_smaller_one_is_a_part_of_it(rows, count, key):
    records = [Record(n, {"n": n}, 1) for n in range(1, rows + 1)]
    drawn = list(sampled(records, count + 1, key))
    assert len(drawn) == min(rows, count + 1)
    assert [r.row for r in drawn] == sorted({r.row for r in drawn})
    fewer = list(sampled(iter(records), count, key))
    assert {r.row for r in fewer} <= {r.row for r in drawn}


def looked(mixture, out, *more):
    """The manifest of a look."""
    words = [str(mixture), "--plan", "--look", "--out", str(out), "--json", *more]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    return json.loads(done.stdout)["manifest"]


def test_a_look_draws_by_hash_takes_no_amounts_and_says_that_it_is_a_sample(mix, tmp_path):
    mixture = mix({"a": {"records": ROWS, "rows": 5}, "b": {"records": ROWS[:4], "repeat": 3}})
    out = tmp_path / "look"
    manifest = looked(mixture, out, "--limit", "20")
    assert {s["name"]: s["rows"] for s in manifest["sources"]} == {"a": 20, "b": 4}
    assert manifest["sample"] == {"records": 20, "left_out": []}
    read = {row for row in range(1, 61) if _is_read(out, row)}
    assert len(read) == 20 and read != set(range(1, 21))
    html = (out / "report.html").read_text(encoding="utf-8")
    assert "This is a sample, not the dataset" in html and "at most 20 records" in html
    assert "This is a sample" in (out / "README.md").read_text()
    again = looked(mixture, tmp_path / "again", "--limit", "20")
    assert again["splits"] == manifest["splits"]


def _is_read(out, row):
    try:
        return bool(why(Built.open(out), f"a:{row}"))
    except UserError:
        return False


def test_what_models_make_is_left_out_and_named(tmp_path, monkeypatch):
    """The demo has a source that is generated."""
    monkeypatch.chdir(tmp_path)
    demo = Path(__file__).parents[3] / "examples" / "quickstart.yaml"
    manifest = looked(demo, tmp_path / "look", "--limit", "10")
    assert manifest["sample"]["left_out"] == ["persona-math"]
    assert "persona-math" not in {s["name"] for s in manifest["sources"]}
    assert manifest["generation"] == [] and not (tmp_path / "builds").exists()
    html = (tmp_path / "look" / "report.html").read_text(encoding="utf-8")
    assert "without what models make or measure (persona-math)" in html


def test_a_look_never_takes_a_dataset_s_place(mix, built, tmp_path):
    mixture = mix({"a": ROWS})
    built(mixture, "out")
    words = [str(mixture), "--plan", "--look", "--out", str(tmp_path / "out")]
    failed = CliRunner().invoke(app, words)
    assert isinstance(failed.exception, UserError)
    assert "holds a build, which a look would replace" in str(failed.exception)


@pytest.mark.parametrize("more", [[], ["--plan", "--publish"]])
def test_look_goes_with_plan(mix, more):
    failed = CliRunner().invoke(app, [str(mix({"a": ROWS})), "--look", *more])
    assert "--look goes with --plan" in str(failed.exception)
