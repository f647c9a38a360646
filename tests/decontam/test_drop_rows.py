"""`clean`: a row is its file and its number there, in every format that can be checked."""

import csv
import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.feather
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.errors import UserError
from dataengine.rows.formats import records
from decontam.check import check
from decontam.io.drop_rows import drop_rows

LEAK = "How many almond croissants does Marta sell in a week of 6 mornings at her bakery?"
FINE = "Describe your favourite season of the year and what you like to do while it lasts."
SUITE = ("suite", "mine", [{"id": "bakery", "prompt": LEAK}], None)


def rows(*leaks: bool) -> list[dict]:
    """Rows whose ids begin at 0, as every export's do."""
    return [
        {"id": str(n), "prompt": LEAK if leak else FINE, "completion": "x"}
        for n, leak in enumerate(leaks)
    ]


def write_lines(path: Path, made: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in made))


def write_csv(path: Path, made: list[dict]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["id", "prompt", "completion"], delimiter=";")
        writer.writeheader()
        writer.writerows(made)


WRITERS = {
    "rows.jsonl": write_lines,
    "rows.json": lambda p, made: p.write_text(json.dumps(made)),
    "wrapped.json": lambda p, made: p.write_text(json.dumps({"version": 1, "data": made})),
    "lines.json": write_lines,
    "rows.csv": write_csv,
    "rows.parquet": lambda p, made: pl.DataFrame(made).write_parquet(p),
    "rows.feather": lambda p, made: pa.feather.write_feather(pa.Table.from_pylist(made), p),
}


def cleaned(found, paths, out):
    list(drop_rows(found, paths, out))
    return [[record.value for record in records(str(out / path.name))] for path in paths]


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_loses_its_leaks_alone(tmp_path, name):
    made = rows(False, True, False, True)
    WRITERS[name](tmp_path / name, made)
    found = check([tmp_path / name], [SUITE], cache=tmp_path / "cache")
    (left,) = cleaned(found, [tmp_path / name], tmp_path / "clean")
    assert left == [made[0], made[2]]


def test_a_wrapped_list_stays_wrapped(tmp_path):
    WRITERS["wrapped.json"](tmp_path / "w.json", rows(True, False))
    found = check([tmp_path / "w.json"], [SUITE], cache=tmp_path / "cache")
    cleaned(found, [tmp_path / "w.json"], tmp_path / "clean")
    left = json.loads((tmp_path / "clean/w.json").read_text())
    assert left == {"version": 1, "data": rows(True, False)[1:]}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=6), min_size=1, max_size=4))
def test_as_many_rows_go_as_leaks_were_planted_whatever_their_ids(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("rows")
    paths = [folder / f"{n}.jsonl" for n in range(len(files))]
    for n, (path, leaks) in enumerate(zip(paths, files, strict=True)):
        write_lines(path, [row | {"file": n} for row in rows(*leaks)])
    found = check(paths, [SUITE], cache=folder / "cache", allow_textless=True)
    left = cleaned(found, paths, folder / "clean")
    assert found.report["rows_dropped"] == sum(map(sum, files))
    assert [[row["prompt"] for row in kept] for kept in left] == [
        [FINE] * leaks.count(False) for leaks in files
    ]


def test_kept_lines_keep_their_bytes_and_blank_lines_count(tmp_path):
    lines = [
        b'{"prompt":  "a b c d"}\n',
        b"\n",
        json.dumps(rows(True)[0]).encode() + b"\r\n",
        b'{"prompt": "e"}',
    ]
    (tmp_path / "rows.jsonl").write_bytes(b"\xef\xbb\xbf" + b"".join(lines))
    found = check([tmp_path / "rows.jsonl"], [SUITE], cache=tmp_path / "cache")
    assert found.decisions["row"].to_list() == [3]
    list(drop_rows(found, [tmp_path / "rows.jsonl"], tmp_path / "clean"))
    assert (tmp_path / "clean/rows.jsonl").read_bytes() == b"\xef\xbb\xbf" + lines[0] + lines[3]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_kept_lines_of_csv_keep_their_bytes_and_blank_lines_count(tmp_path, encoding):
    lines = [
        "sep=;\r\n",
        "Frage;Antwort\r\n",
        "\r\n",
        f'"{LEAK}";x\r\n',
        '"Größe;\nsüß";  "y" \n',
        'Öl;"z"',
    ]
    (tmp_path / "rows.csv").write_bytes("".join(lines).encode(encoding))
    found = check([tmp_path / "rows.csv"], [SUITE], cache=tmp_path / "cache")
    assert found.decisions["row"].to_list() == [3]
    (told,) = drop_rows(found, [tmp_path / "rows.csv"], tmp_path / "clean")
    assert told.endswith("rows.csv: 2 rows, 1 dropped")
    left = "".join(lines[:3] + lines[4:]).encode(encoding)
    assert (tmp_path / "clean/rows.csv").read_bytes() == left


def test_a_file_that_was_not_checked_or_has_changed_is_refused(tmp_path):
    write_lines(tmp_path / "rows.jsonl", rows(True, False))
    found = check([tmp_path / "rows.jsonl"], [SUITE], cache=tmp_path / "cache")
    write_lines(tmp_path / "rows.jsonl", rows(False, True))
    with pytest.raises(UserError, match="not a file that was checked"):
        list(drop_rows(found, [tmp_path / "rows.jsonl"], tmp_path / "clean"))
    assert not (tmp_path / "clean").exists()


def test_a_source_over_the_limit_goes_whole(tmp_path):
    made = [rows(True)[0] | {"source": "web"}, rows(False)[0] | {"source": "web"}, rows(False)[0]]
    write_lines(tmp_path / "rows.jsonl", made)
    found = check([tmp_path / "rows.jsonl"], [SUITE], cache=tmp_path / "cache")
    list(drop_rows(found, [tmp_path / "rows.jsonl"], tmp_path / "clean", source_above=0.02))
    left = (tmp_path / "clean/rows.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in left] == [made[2]]
