"""CSV as people's programs write it, and what tells JSON lines from a list."""

import pytest

from dataengine.errors import UserError
from dataengine.rows.dialect import Dialect, dialect
from dataengine.rows.formats import is_lines, note, records, suffix

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


EXCEL_GERMAN = (
    'Frage;Antwort;Preis\r\nWie groß ist München?;"Groß;\r\nund ""schön""";1,5\r\nÖl?;nein;2,75\r\n'
)


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (EXCEL_GERMAN.encode("cp1252"), "a.csv", "semicolon between fields, encoding cp1252"),
        (EXCEL_GERMAN.encode("utf-8-sig"), "a.csv", "semicolon between fields, encoding utf-8"),
        (
            b"\xff\xfe"
            + EXCEL_GERMAN.replace(";", "\t").replace("\t\r", ";\r").encode("utf-16-le"),
            "unicode text.csv",
            "tab between fields, encoding utf-16",
        ),
        (
            EXCEL_GERMAN.replace(";", "\t").replace("\t\r", ";\r").encode("utf-16-le"),
            "no mark.tsv",
            "tab between fields, encoding utf-16-le",
        ),
        (
            b"sep=;\r\n" + EXCEL_GERMAN.encode("cp1252"),
            "sep.csv",
            "semicolon between fields, encoding cp1252",
        ),
    ],
)
def test_what_excel_writes_is_read_and_said(tmp_path, content, name, said):
    path = tmp_path / name
    path.write_bytes(content)
    found = list(records(str(path)))
    assert [(record.row, record.value) for record in found] == [
        (
            2,
            {
                "Frage": "Wie groß ist München?",
                "Antwort": 'Groß;\r\nund "schön"',
                "Preis": "1,5",
            },
        ),
        (3, {"Frage": "Öl?", "Antwort": "nein", "Preis": "2,75"}),
    ]
    assert note(str(path)) == f"{name} is read with {said}"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_what_is_usual_needs_no_note(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_text("prompt,completion\nä,b\n", encoding)
    assert note(str(path)) is None


def test_quotes_after_a_backslash_and_latex_beside_doubled_ones(tmp_path):
    path = tmp_path / "mysql.csv"
    path.write_text('prompt,completion\n"a \\"b\\" c, d",e\n"f, g",h\n')
    assert next(records(str(path))).value == {"prompt": 'a "b" c, d', "completion": "e"}
    path = tmp_path / "latex.csv"
    path.write_text('prompt,completion\n"\\frac{1}{2}, ""x""",\\alpha\n"b\\\\, c",d\n')
    assert next(records(str(path))).value == {
        "prompt": '\\frac{1}{2}, "x"',
        "completion": "\\alpha",
    }


def test_blank_rows_count_as_a_spreadsheet_counts_them(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('prompt,completion\n\n"a\n\nb",c\n\nd,e\n')
    assert [(r.row, r.value["prompt"]) for r in records(str(path))] == [(3, "a\n\nb"), (5, "d")]


def test_broken_quotes_swallow_no_row_unsaid(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('prompt,completion\n"He" said,b\nc,d\ne,"f\ng,h\n')
    found = list(records(str(path)))
    assert [(r.row, r.value and r.value["prompt"], r.trouble) for r in found] == [
        (2, None, "broken quotes: more text after the closing one"),
        (3, "c", None),
        (4, None, "broken quotes: one is opened and never closed, so what follows is no row"),
    ]
    assert found[2].raw == 'e,"f\ng,h\n'


def test_columns_without_a_name_are_called_by_their_place(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("prompt,,completion,,\na,b,c,,\nd,,e,,\n")
    assert [r.value for r in records(str(path))] == [
        {"prompt": "a", "column 2": "b", "completion": "c"},
        {"prompt": "d", "completion": "e"},
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("prompt,completion,prompt\na,b,c\n", "a.csv:1: two columns are called prompt; rename one"),
        (
            f"{'What is it that is asked here? ' * 4},yes\nWhat?,no\n",
            "a.csv:1: the first row does not name the columns ('What is it that is asked here",
        ),
        ('"prompt,completion\na,b\n', "a.csv:1: the first row does not name the columns (broken"),
    ],
)
def test_a_first_row_that_is_no_header_is_refused(tmp_path, content, said):
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        list(records(str(path)))
    assert said in str(caught.value)


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
