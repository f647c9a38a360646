import csv
import gzip
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from dataengine.account import Account
from dataengine.errors import UserError
from dataengine.parts import Part
from dataengine.progress import Progress
from dataengine.reading import Reading
from dataengine.row import schema
from dataengine.rows import formats
from dataengine.sources.files import FileReader, FileSource
from dataengine.stages.stage import FAILED, Context
from dataengine.view import Table

CONTEXT = Context(kind="sft", seed=0, workers=1, folder=Path(), cache=Path())
RECORDS = [{"prompt": f"question {i}", "completion": f"答え {i}"} for i in range(5)]
LINES = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in RECORDS).encode()


def reader(folder, path, kind="sft", **more):
    return FileReader(source=FileSource(name="a", path=path, base=folder, **more), kind=kind)


def read(folder, path, kind="sft", **more):
    """The rows that come out of a file, as they lie in parts, and what failed."""
    stage = reader(folder, path, kind, **more)
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(2) as pool:
        context = replace(CONTEXT, kind=kind, folder=Path(scratch))
        account = Account.of(stage, "")
        Reading(stage, context, pool).run(account, Progress(quiet=True))
        account.check()
        parts = [Part(context.folder, n, rows) for n, rows in enumerate(account.parts)]
        views = Table(kind, tuple(parts), ("a",) * len(parts)).views()
        kept = pl.concat([pl.DataFrame(schema=schema(kind)), *(view.frame() for view in views)])
        failed = [pl.read_parquet(file) for file in sorted(context.folder.glob("failed/*"))]
    return kept, pl.concat([pl.DataFrame(schema=FAILED), *failed])


def arrow_stream(path):
    table = pa.Table.from_pylist(RECORDS)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def write_csv(path):
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["prompt", "completion"])
        writer.writeheader()
        writer.writerows(RECORDS)


WRITERS = {
    "a.jsonl": lambda p: p.write_bytes(LINES),
    "a.jsonl.gz": lambda p: p.write_bytes(gzip.compress(LINES)),
    "a.jsonl.zst": lambda p: p.write_bytes(pa.compress(LINES, "zstd", asbytes=True)),
    "a.json": lambda p: p.write_text(json.dumps(RECORDS)),
    "wrapped.json": lambda p: p.write_text(json.dumps({"data": RECORDS})),
    "a.parquet": lambda p: pl.DataFrame(RECORDS).write_parquet(p),
    "a.csv": write_csv,
    "a.arrow": arrow_stream,
    "a.feather": lambda p: pl.DataFrame(RECORDS).write_ipc(p),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_rows(tmp_path, name):
    WRITERS[name](tmp_path / name)
    rows, failed = read(tmp_path, name)
    assert failed.height == 0
    assert rows["messages"].to_list()[4][1]["content"] == "答え 4"
    (tmp_path / "plain.jsonl").write_bytes(LINES)
    assert rows["id"].to_list() == read(tmp_path, "plain.jsonl")[0]["id"].to_list()


def test_a_glob_takes_its_files_in_order_and_urls_are_files_too(tmp_path):
    for k in (2, 1):
        (tmp_path / f"part-{k}.jsonl").write_text(
            json.dumps({"prompt": f"q{k}", "completion": "a"})
        )
    rows, _ = read(tmp_path, "part-*.jsonl")
    assert [m[0]["content"] for m in rows["messages"]] == ["q1", "q2"]
    rows, _ = read(tmp_path, f"file://{tmp_path}/part-2.jsonl")
    assert rows["messages"][0][0]["content"] == "q2"


BROKEN = {
    b'{"prompt": "q", "compl': "not JSON",
    b'{"prompt": "q\\ud800", "completion": "a"}': "lone surrogate",
    b'{"prompt": "q\xff", "completion": "a"}': "not UTF-8",
    b'{"prompt": "q\x00", "completion": "a"}': "NUL character",
    b'{"prompt": "q\\u0000", "completion": "a"}': "NUL character",
    b"[1, 2]": "not an object",
    b'{"prompt": "q", "completion": 3}': "shape",
    b'{"prompt": "q"}': "shape",
    b'{"prompt": "q", "completion": " "}': "empty turn",
}


@pytest.mark.parametrize(("line", "reason"), BROKEN.items(), ids=[*BROKEN.values()])
def test_a_broken_line_7_is_quarantined_with_its_number(tmp_path, line, reason):
    good = [json.dumps({"prompt": f"q{i}", "completion": "a"}).encode() for i in range(6)]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([*good, line, good[0]]) + b"\n")
    rows, failed = read(tmp_path, "a.jsonl")
    assert rows.height == 7
    assert failed.select("source", "row", "reason").rows() == [("a", 7, reason)]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_byte_order_mark_and_windows_newlines_are_no_content(tmp_path, name):
    WRITERS[name](tmp_path / name)
    text = (tmp_path / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    plain = read(tmp_path, name)[0]["id"].to_list()
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text)
    rows, failed = read(tmp_path, name)
    assert (rows["id"].to_list(), failed.height) == (plain, 0)


def test_csv_keeps_quotes_and_newlines_and_says_which_line_is_short(tmp_path):
    (tmp_path / "a.csv").write_text('prompt,completion\n"a ""b"",\nc",d\nq\nq,a,more\n')
    rows, failed = read(tmp_path, "a.csv")
    assert rows["messages"][0][0]["content"] == 'a "b",\nc'
    assert sorted(failed["reason"]) == ["more fields than headers", "shape"]


def test_a_file_cut_in_the_middle_is_refused_not_half_read(tmp_path):
    lines = b"".join(b'{"prompt": "%d", "completion": "a"}\n' % i for i in range(30_000))
    for name, packed in [
        ("a.jsonl.gz", gzip.compress(lines)),
        ("a.jsonl.zst", pa.compress(lines, "zstd", asbytes=True)),
    ]:
        (tmp_path / name).write_bytes(packed[: len(packed) // 2])
        with pytest.raises(UserError, match="cannot be read"):
            read(tmp_path, name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3", "holds a int"),
        ("null", "not a list"),
        ("", "not JSON"),
    ],
)
def test_json_that_is_no_list_of_records(tmp_path, text, said):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=said):
        read(tmp_path, "a.json")


def test_one_record_is_not_taken_for_a_wrapping(tmp_path):
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    (tmp_path / "a.json").write_text(json.dumps({"messages": turns}))
    assert read(tmp_path, "a.json")[0].height == 1


def test_an_excel_export_gives_rows_and_a_line_that_says_how_it_was_read(tmp_path):
    (tmp_path / "a.csv").write_bytes('Frage;Antwort\r\n"Süß;\r\noder?";1,5 €\r\n'.encode("cp1252"))
    rows, failed = read(tmp_path, "a.csv", columns={"prompt": "Frage", "completion": "Antwort"})
    assert failed.is_empty() and rows["provenance"].struct["row"].to_list() == [2]
    assert [t["content"] for t in rows["messages"][0]] == ["Süß;\r\noder?", "1,5 €"]
    assert list(reader(tmp_path, "a.csv").notes()) == [
        "a: a.csv is read with semicolon between fields, encoding cp1252"
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_a_file_without_rows_is_no_error(tmp_path, name):
    texts = {"a.jsonl": "", "a.csv": "prompt,completion\n"}
    if name in texts:
        (tmp_path / name).write_text(texts[name])
    else:
        pl.DataFrame(schema={"prompt": pl.String, "completion": pl.String}).write_parquet(
            tmp_path / name
        )
    rows, failed = read(tmp_path, name)
    assert rows.height == failed.height == 0


def test_a_glob_may_mix_formats_and_any_script_in_names(tmp_path):
    for name in ("ä 日本.jsonl", "b.parquet", "c.csv"):
        WRITERS["a." + name.split(".")[-1]](tmp_path / name)
    rows, failed = read(tmp_path, "*.*")
    assert (rows.height, failed.height) == (15, 0)
    assert rows["id"].n_unique() == 15


TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
CALLS = {
    "not json": "tool_calls: text that is not JSON",
    '{"a": 1}': "without a function's name",
    "[3]": "a call is not an object",
    '[{"function": {"name": 3}}]': "without a function's name",
}


@pytest.mark.parametrize(("calls", "said"), CALLS.items())
def test_tool_calls_that_are_none_are_quarantined(tmp_path, calls, said):
    turn = {"role": "assistant", "content": "", "tool_calls": calls}
    (tmp_path / "a.jsonl").write_text(json.dumps({"messages": [TURNS[0], turn]}) + "\n")
    rows, failed = read(tmp_path, "a.jsonl")
    assert (rows.height, failed["reason"].to_list()) == (0, ["shape"])
    assert said in failed["evidence"].item()


def test_records_of_another_shape_than_the_first_are_quarantined(tmp_path):
    odd = [
        {"messages": TURNS},
        {"instruction": "i", "output": "o"},
        {"text": "t"},
        {"prompt": 3, "completion": "a"},
    ]
    (tmp_path / "a.jsonl").write_bytes(LINES + "\n".join(map(json.dumps, odd)).encode())
    rows, failed = read(tmp_path, "a.jsonl")
    assert rows.height == 5
    assert failed.select("row", "reason").rows() == [(n, "shape") for n in (6, 7, 8, 9)]


def test_what_stands_beside_the_content_has_its_type_or_the_row_goes(tmp_path):
    pair = {"prompt": "q", "chosen": "a", "rejected": "b"}
    odd = [
        {**pair, "margin": 1},
        {**pair, "margin": "high"},
        {**pair, "margin": True},
        {**pair, "lic": ["mit"]},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, odd)))
    rows, failed = read(tmp_path, "a.jsonl", kind="preference", columns={"licence": "lic"})
    assert rows["margin"].to_list() == [1.0]
    assert failed.select("row", "reason").rows() == [
        (2, "not a number"),
        (3, "not a number"),
        (4, "not text"),
    ]


def test_a_row_of_50_mb_is_quarantined_and_the_next_is_read(tmp_path):
    huge = b'{"prompt": "' + b"x" * (50 << 20) + b'", "completion": "a"}\n'
    (tmp_path / "a.jsonl").write_bytes(huge + LINES)
    rows, failed = read(tmp_path, "a.jsonl")
    assert rows.height == 5
    assert failed["reason"].to_list() == ["too long"]
    assert "52,428,834 bytes" in failed["evidence"].item()
    assert len(failed["record"].item()) <= 2_000


def test_columns_and_where_speak_the_sources_own_names(tmp_path):
    rows = [
        {"question": "a long question", "answer": "a", "n": 1},
        {"question": "q", "answer": "b", "n": 2},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    kept, failed = read(
        tmp_path, "a.jsonl",
        columns={"prompt": "question", "completion": "answer"}, where="length(question) > 5",
    )  # fmt: skip
    assert kept["provenance"].struct.field("row").to_list() == [1]
    assert failed.select("row", "reason").rows() == [(2, "where")]


def test_identical_rows_of_one_source_keep_ids_of_their_own(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(LINES + LINES)
    rows, _ = read(tmp_path, "a.jsonl")
    assert rows["id"].n_unique() == 10


def test_a_source_says_the_licence_and_skill_of_its_rows(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"prompt": "q", "completion": "a", "language": "xx", "dialect": "de"}'
    )
    rows, _ = read(
        tmp_path, "a.jsonl", licence="mit", skill="math", columns={"language": "dialect"}
    )
    assert rows.select("licence", "skill", "language").row(0) == ("mit", "math", "de")


def test_parts_do_not_depend_on_how_fast_anybody_is(tmp_path, monkeypatch):
    monkeypatch.setattr("dataengine.sources.ingest.PART_ROWS", 2)
    (tmp_path / "a.jsonl").write_bytes(LINES)
    outcomes = reader(tmp_path, "a.jsonl").read(CONTEXT)
    assert [o.kept.height for o in outcomes if o.kept is not None] == [2, 2, 1]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nothing.jsonl", "there is no file"),
        ("nothing-*.jsonl", "matches no file"),
        ("a.txt", "of no known format"),
        (".", "is a folder"),
        ("nosuch://x/a.jsonl", "Protocol not known"),
    ],
)
def test_paths_that_lead_nowhere(tmp_path, path, said):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(UserError, match=said) as error:
        read(tmp_path, path)
    assert "\n" not in str(error.value)


def test_plain_text_is_refused_with_a_hint(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "once upon a time"}')
    with pytest.raises(UserError, match="source a: plain text"):
        read(tmp_path, "a.jsonl")


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.jsonl.gz", "a.jsonl.zst"])
def test_a_file_that_is_not_what_its_name_says(tmp_path, name):
    (tmp_path / name).write_bytes(b"not at all")
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path, name)


def test_other_content_than_the_pinned_one_is_refused(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(LINES)
    found = reader(tmp_path, "a.jsonl").needs()["content"]
    assert reader(tmp_path, "a.jsonl", content=found).needs() == {"content": found}
    (tmp_path / "a.jsonl").write_bytes(LINES + LINES)
    with pytest.raises(UserError, match="holds other content"):
        reader(tmp_path, "a.jsonl", content=found).needs()


def test_the_longest_record_is_no_longer_than_a_part():
    from dataengine.sources.ingest import PART_BYTES

    assert formats.LONGEST_RECORD <= PART_BYTES
