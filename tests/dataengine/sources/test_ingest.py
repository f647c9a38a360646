"""What becomes of the keys of a source's records, and mistakes in naming them."""

import json

import polars as pl
import pytest

from dataengine.build import app
from dataengine.errors import UserError
from dataengine.mixture import load


def records(*more):
    return [{"id": n, "prompt": f"q{n}?", "completion": "a"} | one for n, one in enumerate(more)]


def rows(folder):
    return pl.read_parquet(folder / "out" / "data" / "*.parquet").sort("id")


def test_keys_that_are_not_carried_are_counted_and_shown(mix, tmp_path):
    from typer.testing import CliRunner

    mixture = mix({"a": records({"topic": "x"}, {"topic": "", "level": 3}, {"topic": "y"})})
    done = CliRunner().invoke(app, [str(mixture), "--out", str(tmp_path / "out")])
    assert "not carried from a: `topic` in 2 rows, `level` in 1 rows" in " ".join(
        done.output.split()
    )
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["sources"][0]["not_carried"] == {"topic": 2, "level": 1}
    assert "| a | `topic` | 2 |" in (tmp_path / "out/README.md").read_text()


def test_keys_read_under_our_names_are_shown(mix, built):
    turns = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a", "thinking": "r"}]
    manifest = built(mix({"a": [{"messages": turns}]}))
    assert manifest["sources"][0]["read_as"] == {
        "messages[].from": "role",
        "messages[].value": "content",
        "messages[].thinking": "reasoning_content",
    }


def test_own_columns_stay_and_the_source_s_own_id_is_in_the_provenance(mix, built, tmp_path):
    made = records({"ticket": 7}, {"ticket": 8})
    built(mix({"a": {"records": made, "keep": ["ticket"]}}))
    found = rows(tmp_path)
    by_id = dict(zip(found["provenance"].struct.field("source_id"), found["ticket"], strict=True))
    assert by_id == {"0": 7, "1": 8}


def test_rows_of_several_files_name_theirs(mix, built, tmp_path):
    mixture = mix({"a": records({})})
    for name in ("x/one.jsonl", "y/two.jsonl"):
        (tmp_path / "in" / name).parent.mkdir(parents=True)
        (tmp_path / "in" / name).write_text(json.dumps({"prompt": name, "completion": "a"}))
    mixture.write_text(mixture.read_text().replace("a.jsonl", "in/*/*.jsonl"))
    built(mixture)
    where = rows(tmp_path)["provenance"]
    assert sorted(where.struct.field("file")) == ["x/one.jsonl", "y/two.jsonl"]
    assert where.struct.field("row").to_list() == [1, 1]


def test_reasoning_is_as_the_source_asks(mix, built, tmp_path):
    turns = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a", "thinking": "r"},
    ]
    for how, content in (("keep", "a"), ("in_content", "<think>\nr\n</think>\n\na"), ("drop", "a")):
        manifest = built(mix({"a": {"records": [{"messages": turns}], "reasoning": how}}))
        (row,) = pl.read_parquet(tmp_path / "out/data/*.parquet")["messages"].to_list()
        last = json.loads(row[1]) if how == "keep" else row[1]
        assert last["content"] == content
        assert last.get("reasoning_content") == ("r" if how == "keep" else None)
        lost = manifest["sources"][0].get("not_carried")
        assert lost == ({"reasoning_content": 1} if how == "drop" else None)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"columns": {"prompt": "promt"}}, "columns: prompt: no record has promt; they have .*did you mean prompt?"),
        ({"columns": {"language": "langue"}}, "columns: language: no record has langue"),
        ({"keep": ["tiket"]}, "keep: no record has tiket; .*did you mean ticket?"),
    ],
)  # fmt: skip
def test_a_misspelt_column_is_named_with_those_that_are_there(mix, built, more, said):
    with pytest.raises(UserError, match=said):
        built(mix({"a": {"records": records({"ticket": 7}), **more}}))


def test_a_misspelt_column_is_the_reason_where_the_shape_is_not_found(mix, built):
    made = [{"kysymys": "q?", "vastaus": "a"}]
    columns = {"prompt": "kysymis", "completion": "vastaus"}
    with pytest.raises(
        UserError, match="columns: prompt: no record has kysymis; they have kysymys"
    ):
        built(mix({"a": {"records": made, "columns": columns}}))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"columns": {"promt": "q"}}, "unknown column 'promt'; did you mean prompt?"),
        ({"keep": ["source"]}, "source is a column of every dataset"),
        ({"reasoning": "maybe"}, "reasoning"),
    ],
)
def test_what_no_row_has_is_refused_when_the_mixture_is_read(mix, more, said):
    with pytest.raises(UserError, match=said):
        load(mix({"a": {"records": [], **more}}))


def test_a_first_record_without_a_shape_does_not_speak_for_the_others(mix, built):
    manifest = built(mix({"a": [{"note": "header"}, *records({}, {})]}))
    assert manifest["stages"][0]["reasons"] == {"shape": 1}
    assert manifest["splits"]["train"]["rows"] == 2


def test_a_row_that_needs_its_image_is_quarantined_as_such(mix, built):
    made = [*records({}), {"prompt": "<image> What is it?", "completion": "a", "image": "x.png"}]
    manifest = built(mix({"a": made}))
    assert manifest["stages"][0]["reasons"] == {"not carried": 1}


def test_an_error_of_ours_on_a_record_is_that_record_s(mix, built, monkeypatch):
    from dataengine.rows import shapes

    real = shapes.content

    def broken(record, *more):
        if record["prompt"] == "q1?":
            raise ZeroDivisionError("a defect")
        return real(record, *more)

    monkeypatch.setattr(shapes, "content", broken)
    manifest = built(mix({"a": records({}, {}, {})}))
    assert manifest["stages"][0]["reasons"] == {"ZeroDivisionError in read": 1}
    assert manifest["splits"]["train"]["rows"] == 2
