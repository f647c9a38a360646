"""CSV as people's programs write it, and what tells JSON lines from a list."""

import pytest

from dataengine.rows.dialect import Dialect, dialect
from dataengine.rows.formats import is_lines, records, suffix

CELLS = [
    ("kysymys", "vastaus"),
    ("Mikä on; tämä, siis?", "Se on 1,5 kg"),
    ("Toinen", 'rivi "kaksi"'),
]


def written(delimiter, encoding, end="\r\n"):
    def cell(text):
        quoted = any(c in text for c in (delimiter, '"', "\n"))
        return '"' + text.replace('"', '""') + '"' if quoted else text

    return end.join(delimiter.join(map(cell, row)) for row in CELLS).encode(encoding)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_every_dialect_gives_the_same_records(tmp_path, delimiter, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(written(delimiter, encoding))
    found = [record.value for record in records(str(path))]
    assert found == [dict(zip(CELLS[0], row, strict=True)) for row in CELLS[1:]]
    assert dialect(str(path)).delimiter == delimiter


def test_a_dialect_reads_as_words():
    assert str(Dialect("cp1252", ";")) == "semicolon between fields, encoding cp1252"


def test_a_semicolon_in_plain_text_is_no_separator(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("prompt,completion\nWhat; really; is it?,It; is; that\n")
    (record,) = records(str(path))
    assert record.value == {"prompt": "What; really; is it?", "completion": "It; is; that"}


def test_a_row_with_more_fields_than_the_header_is_no_record(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("prompt,completion\na,b\nc,d,e\nf\n")
    found = list(records(str(path)))
    assert [record.row for record in found] == [2, 3, 4]
    assert found[1].trouble == "more fields than headers: 1 more"
    assert found[2].value == {"prompt": "f"}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('{"a": 1}\n{"a": 2}\n', True),
        ('[{"a": 1},\n{"a": 2}]', False),
        ('{"data": [{"a": 1}]}', False),
        ('{\n"data": []}', False),
        ("", False),
    ],
)
def test_json_lines_are_told_from_a_document(tmp_path, text, lines):
    path = tmp_path / "a.json"
    path.write_text(text)
    assert is_lines(str(path)) is lines


def test_the_suffix_of_a_packed_file_is_that_of_what_is_in_it():
    assert [suffix(f) for f in ("a.jsonl.gz", "b.CSV", "c.tar", "d")] == [
        ".jsonl",
        ".csv",
        ".tar",
        "",
    ]
