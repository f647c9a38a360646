"""The command line: what it writes, what it prints, how it exits."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from decontam import __main__ as cli
from decontam.io.findings import Findings

QUESTION = "How many almond croissants does Marta sell in a week of 6 mornings at her bakery?"
PADDING = "Describe your favourite season of the year and what you like to do while it lasts."
RUN = CliRunner()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    items = [
        {"id": "bakery", "prompt": QUESTION},
        {"id": "other", "prompt": "Why is the sky blue?"},
    ]
    rows = [
        {"id": "leak", "source": "web", "messages": [{"role": "user", "content": QUESTION}]},
        {"id": "fine", "source": "web", "messages": [{"role": "user", "content": PADDING}]},
        {"id": "also fine", "source": "own", "messages": [{"role": "user", "content": "Hello."}]},
    ]
    Path("suite.jsonl").write_text("\n".join(map(json.dumps, items)))
    Path("rows.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return tmp_path


def check(*more: str, out: str = "out") -> int:
    arguments = ["check", "--rows", "rows.jsonl", "--suites", "suite.jsonl", "--out", out]
    return RUN.invoke(cli.app, [*arguments, "--cache", "cache", *more]).exit_code


def test_check_writes_and_exits_as_asked(place: Path) -> None:
    assert check() == 0
    assert check("--fail-on", "drop") == 1
    assert check("--fail-on", "review") == 0
    assert check("--fail-on", "source") == 1
    found = Findings.read(place / "out")
    assert found.decisions.columns == [
        *("row_id", "source", "decision", "suite", "eval_id", "score", "input", "row")
    ]
    assert found.dropped == {"leak"}
    assert found.report["inputs"][0]["xxh3_128"]


def test_an_excel_export_is_read_like_any_file_and_said_so(place: Path) -> None:
    Path("rows.csv").write_bytes(f"frage;müsste\r\n{QUESTION};süß\r\n".encode("cp1252"))
    told = RUN.invoke(
        cli.app,
        ["check", "--rows", "rows.csv", "--suites", "suite.jsonl", "--out", "o", "--cache", "c"],
    )
    assert told.exit_code == 0
    assert told.stderr == "note: rows.csv is read with semicolon between fields, encoding cp1252\n"
    assert Findings.read(Path("o")).decisions["row"].to_list() == [2]


def test_show_marks_the_match_on_both_sides(place: Path) -> None:
    check()
    text = RUN.invoke(cli.app, ["show", "out"]).output
    assert text.count(f"⟦{QUESTION[:-1]}⟧?") == 2 and "leak has bakery (copy)" in text
    assert "nothing was decided" in RUN.invoke(cli.app, ["show", "out", "--row", "fine"]).output


def test_compare_says_what_a_policy_changed(place: Path) -> None:
    check()
    Path("policy.yaml").write_text("suite: {allow_ids: {bakery: ours to publish}}")
    check("--policy", "policy.yaml", out="kept")
    result = RUN.invoke(cli.app, ["compare", "out", "kept", "--fail-on-change"])
    assert "leak bakery: drop -> keep-by-policy" in result.output and result.exit_code == 1
    assert RUN.invoke(cli.app, ["compare", "out", "out", "--fail-on-change"]).exit_code == 0


def test_selftest_prints_recall_by_kind(place: Path) -> None:
    arguments = ["selftest", "--suites", "suite.jsonl", "--rows", "rows.jsonl", "--per-kind", "2"]
    text = RUN.invoke(cli.app, arguments, catch_exceptions=False).output
    for kind in ("verbatim", "template", "bare words", "odd unicode"):
        assert any(line.startswith(kind) and "recall 1.000" in line for line in text.splitlines())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "--rows", "no.jsonl", "--suites", "suite.jsonl", "--out", "o"], "no such file"),
        (["check", "--rows", "rows.jsonl", "--suites", "gsm9k", "--out", "o"], "gsm9k"),
        (["show", "nowhere"], "nowhere: not a folder that `check` wrote"),
        (["clean", "out", "--rows", "rows.jsonl", "--out", "."], "would overwrite"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    place: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], message: str,
) -> None:  # fmt: skip
    check()
    monkeypatch.setattr("sys.argv", ["decontam", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    errors = capsys.readouterr().err
    assert message in errors and errors.startswith("error: ") and errors.count("\n") == 1
