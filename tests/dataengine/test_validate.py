"""`validate` looks into the data: what the first records become."""

import json

import pytest
from typer.testing import CliRunner

from dataengine import validate


def called(*words):
    return CliRunner().invoke(validate.app, [*map(str, words)])


def pairs(n):
    return [{"prompt": f"Question {i}?", "completion": "An answer."} for i in range(n)]


def test_it_says_how_many_records_are_rows_and_why_the_others_are_not(mix):
    told = called(mix({"a": [*pairs(3), "{broken"], "b": pairs(2)}))
    assert told.exit_code == 0
    assert "2 sources" in told.output
    assert "  a: 3 rows of its 4 records; refused: not JSON 1 (row 4: " in told.output
    assert "  b: 2 rows of its 2 records\n" in told.output


def test_json_holds_the_same(mix):
    told = json.loads(called(mix({"a": [*pairs(3), "{broken"]}), "--json").output)
    (source,) = told["sources"]
    assert (source["name"], source["records"], source["rows"]) == ("a", 4, 3)
    assert source["reasons"][0]["reason"] == "not JSON" and source["whole"]


def test_it_reads_the_first_records_and_with_deep_all(mix, monkeypatch):
    monkeypatch.setattr(validate, "FIRST", 2)
    mixture = mix({"a": [*pairs(3), "{broken"]})
    assert "2 rows of its first 2 records\n" in called(mixture).output
    assert "3 rows of its 4 records; " in called(mixture, "--deep").output


def test_a_source_of_which_nothing_becomes_a_row_is_not_fine(mix):
    mixture = mix({"a": pairs(1), "b": [{"prompt": "Who?", "completion": ""}]})
    told = called(mixture)
    assert told.exit_code != 0
    assert "b: 0 rows of its 1 records" in str(told.exception)


@pytest.mark.parametrize("record", [{"text": "plain"}, {"frage": "?", "antwort": "!"}])
def test_an_unknown_shape_is_refused_as_the_build_would(mix, record):
    told = called(mix({"a": [record]}))
    assert told.exit_code != 0 and "source a: " in str(told.exception)


def test_it_says_which_keys_no_row_will_have(mix):
    told = called(mix({"a": [one | {"topic": "x"} for one in pairs(3)]}))
    assert "not carried from a: `topic` in 3 rows" in told.output
