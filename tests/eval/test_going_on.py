"""A run that broke off goes on, and no report is written over one of something else."""

import json
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from typer.testing import CliRunner

from eval.run import app


def evaluate(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def suite(folder: Path, name: str, items: list[dict[str, Any]], **score: Any) -> Path:
    (folder / f"{name}.jsonl").write_bytes(b"\n".join(map(orjson.dumps, items)))
    told = {"metric": "exact_match", "verifier": "exact", "max_tokens": 4} | score
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps({"name": name, "local": f"{name}.jsonl", "score": told}))
    return file


def test_a_run_that_broke_off_asks_only_what_it_has_no_answer_to(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.tasks.served.TRIES", 1)
    items = [{"id": str(k), "prompt": f"{k} + {k}", "answer": str(2 * k)} for k in range(6)]
    options = ("--model", server.url, "--suite", suite(tmp_path, "sums", items), "--out", tmp_path)
    first = evaluate(*options)  # the server fails on one of the six
    assert "| sums ? | 0-shot, EM | 80.0 |" in first.output and len(server.asked) == 6
    again = evaluate(*options)
    assert len(server.asked) == 7 and "5 answers of a run that broke off are used" in again.output
    assert "| sums ? | 0-shot, EM | 80.0 |" in again.output
    torn = next(tmp_path.glob("sums.answers-*.jsonl"))
    torn.write_bytes(torn.read_bytes()[:-9])  # killed while it wrote the last line
    assert "4 answers of a run" in evaluate(*options).output and len(server.asked) == 9


def test_the_answers_go_with_a_run_that_is_whole(server: Any, tmp_path: Path) -> None:
    items = [{"id": "a", "prompt": "1 + 1", "answer": "2"}]
    options = ("--model", server.url, "--suite", suite(tmp_path, "sums", items), "--out", tmp_path)
    for count in (1, 2):
        assert evaluate(*options).exit_code == 0 and len(server.asked) == count
    assert not list(tmp_path.glob("*answers*"))


def test_other_settings_take_no_kept_answers(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.tasks.served.TRIES", 1)
    items = [{"id": str(k), "prompt": f"{k} + {k}", "answer": str(2 * k)} for k in (2, 3)]
    options = ("--model", server.url, "--suite", suite(tmp_path, "sums", items), "--out", tmp_path)
    evaluate(*options)
    suite(tmp_path, "sums", items, max_tokens=5)
    evaluate(*options)
    assert len(server.asked) == 4


def test_every_sample_is_kept_once(tmp_path: Path) -> None:
    from eval.tasks.kept import Kept
    from eval.tasks.reply import Reply, Settings

    how = Settings(chat=True, max_tokens=4, temperature=1.0)
    kept = Kept(tmp_path / "x.answers.jsonl", "m")

    def ask(requests: Any, keep: Any) -> None:
        keep(0, Reply("a"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.through([("p", how)] * 3, ask)
    asked = []

    def rest(requests: Any, keep: Any) -> None:
        asked.extend(requests)
        for number, _ in enumerate(requests):
            keep(number, Reply(f"b{number}"))

    again = Kept(tmp_path / "x.answers.jsonl", "m")
    assert [r.text for r in again.through([("p", how)] * 3, rest)] == ["a", "b0", "b1"]
    assert len(asked) == 2
    assert Kept(tmp_path / "x.answers.jsonl", "another model").through([("p", how)], rest)
    assert len(asked) == 3


def test_a_model_trained_anew_is_another(tmp_path: Path) -> None:
    from eval.tasks.kept import fingerprint

    (tmp_path / "model.safetensors").write_bytes(b"old")
    before = fingerprint(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"newer")
    assert fingerprint(str(tmp_path)) != before
    assert fingerprint("owner/name") == "owner/name"


def test_each_report_has_a_name_of_its_own(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    items = [{"id": str(k), "prompt": f"{k} + {k}", "answer": str(2 * k)} for k in range(2)]
    asked = ("--model", server.url, "--suite", suite(tmp_path, "sums", items))
    runs: list[list[object]] = [
        ["--served", "a"],
        ["--served", "b"],
        ["--served", "a", "--limit", 1],
        ["--served", "a", "--no-thinking"],
        ["--served", "a", "--thinking", "--system", "Be brief."],
        ["--served", "a", "--temperature", 0.7, "--samples", 2],
        ["--served", "a", "--temperature", 0.8, "--samples", 2],
        ["--served", "a", "--max-tokens", 9],
    ]
    for run in runs:
        done = evaluate(*asked, *run)
        assert done.exit_code == 0, done.output
    names = sorted(f"{file.parent.name}/{file.stem}" for file in tmp_path.glob("eval-*/*.json"))
    assert len(set(names)) == len(runs)
    place = server.url.split("://")[1].replace(":", "-").replace("/", "-")
    assert f"eval-a-{place}/sums" in names and f"eval-b-{place}/sums" in names
    assert f"eval-a-{place}/sums-limit-1" in names
    brief = next(tmp_path.glob("eval-a-*/sums-thinking-system-*.md")).read_text()
    assert "0-shot, thinking, system 'Be brief.', EM" in brief
    assert sum(a["messages"][0]["role"] == "system" for a in server.asked) == len(items)
    limits = {request["max_tokens"] for request in server.asked}
    assert limits == {4, 9}


def test_plain_text_is_asked_where_a_suite_or_the_url_says_so(server: Any, tmp_path: Path) -> None:
    items = [{"id": str(k), "prompt": f"{k} + {k}", "answer": str(2 * k)} for k in range(3)]
    raw = suite(tmp_path, "raw", items, chat=False, stop=["\n"])
    chats = suite(tmp_path, "chats", items[1:])
    done = evaluate("--model", server.url, "--suite", raw, "--suite", chats, "--out", tmp_path)
    assert "| raw ? | 0-shot, no chat template, EM | 100.0 |" in done.output
    assert "| chats ? | 0-shot, EM | 100.0 |" in done.output
    assert [("prompt" in a, a.get("stop")) for a in server.asked] == [(True, ["\n"])] * 3 + [
        (False, None)
    ] * 2
    text = f"{server.url}/completions"
    done = evaluate("--model", text, "--suite", chats, "--out", tmp_path)
    assert "| chats ? | 0-shot, no chat template, EM | 100.0 |" in done.output
    assert (tmp_path / "chats-text.json").is_file()


def test_what_a_server_refuses_is_told_with_its_reason(server: Any, tmp_path: Path) -> None:
    server.completions = False
    items = [{"id": "a", "prompt": "1 + 1", "answer": "2"}]
    raw = suite(tmp_path, "raw", items, chat=False)
    done = evaluate("--model", server.url, "--suite", raw, "--out", tmp_path)
    assert done.exit_code == 1
    assert "raw was not measured: no item could be scored" in done.output
    assert "NotFoundError: Error code: 404" in done.output and len(server.asked) == 1
    assert "Traceback" not in done.output
    (item,) = pl.read_parquet(tmp_path / "raw.parquet").to_dicts()
    assert item["score"] is None and "404" in item["error"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--samples", 4], "sums: greedy samples are all the same; give a --temperature"),
        (["--engine", "[1]"], "--engine: give an object"),
        (["--engine", "{"], "--engine: not JSON"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(
    server: Any, tmp_path: Path, options: list[object], message: str
) -> None:
    items = [{"id": "a", "prompt": "1 + 1", "answer": "2"}]
    asked = ("--model", server.url, "--suite", suite(tmp_path, "sums", items), "--out", tmp_path)
    done = evaluate(*asked, *options)
    assert done.exit_code == 2 and f"error: {message}" in done.output, done.output


def test_tools_go_to_the_server_and_its_calls_come_back(server: Any, tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
    items = [
        {"id": str(k), "prompt": f"{k} + {k}", "meta": {"tools": [tool], "calls": calls}}
        for k, calls in enumerate([[{"add": {"a": [0], "b": [0]}}], [{"add": {"a": [7]}}]])
    ]
    file = suite(tmp_path, "calling", items, verifier="tool_call")
    done = evaluate("--model", server.url, "--suite", file, "--out", tmp_path)
    assert "| calling ? | 0-shot, EM | 50.0 |" in done.output, done.output
    assert [asked["tools"] for asked in server.asked] == [[tool], [tool]]
    text = f"{server.url}/completions"
    done = evaluate("--model", text, "--suite", file, "--out", tmp_path)
    assert "calling was not measured: tools need a chat template." in done.output
    items[0]["meta"]["tools"] = [{"name": "add"}]
    file = suite(tmp_path, "calling", items, verifier="tool_call")
    done = evaluate("--model", server.url, "--suite", file, "--out", tmp_path)
    assert done.exit_code == 2 and "error: 0: meta.tools is no list of tools" in done.output


def test_a_server_that_is_gone_ends_the_run_in_one_line(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.tasks.served.TRIES", 1)
    monkeypatch.setattr("eval.tasks.model.Where.parallel", 2)
    items = [{"id": str(k), "prompt": f"{k} + {k}", "answer": str(2 * k)} for k in range(60)]
    file = suite(tmp_path, "sums", items)
    gone = "http://127.0.0.1:9/v1"
    done = evaluate("--model", gone, "--served", "adder", "--suite", file, "--out", tmp_path)
    assert done.exit_code == 2 and "Traceback" not in done.output
    assert f"error: {gone} no longer answers (APIConnectionError" in done.output
    assert done.output.count("unanswered: ") == 1


def test_answers_that_could_not_be_scored_are_kept(server: Any, tmp_path: Path) -> None:
    items = [{"id": "a", "prompt": "1 + 1", "meta": {"pattern": "("}}]
    file = suite(tmp_path, "broken", items, verifier="regex")
    asked = ("--model", server.url, "--suite", file, "--out", tmp_path)
    for _ in range(2):
        assert "MalformedGroundTruth" in evaluate(*asked).output
    assert len(server.asked) == 1


def test_samples_are_as_many_as_pass_at_k_needs(server: Any, tmp_path: Path) -> None:
    items = [{"id": "a", "prompt": "1 + 1", "answer": "2"}]
    some = suite(tmp_path, "some", items)
    more = suite(tmp_path, "more", items, metric="pass", samples=5, k=4, temperature=0.8)
    options = ("--suite", some, "--suite", more, "--samples", 2, "--temperature", 0.5)
    done = evaluate("--model", server.url, *options, "--out", tmp_path)
    assert "| some ? | 0-shot, T=0.5, 2 samples, EM | 100.0 |" in done.output
    assert "| more ? | 0-shot, T=0.5, 4 samples, pass@4 | 100.0 |" in done.output
    assert "| some | mean@2 | 100.0 | 2.5 to 100.0 |" in done.output
    assert "| more | pass@2 | 100.0 |" in done.output and "| more | pass@4 | 100.0 |" in done.output
    assert len(server.asked) == 6


def test_a_system_turn_is_no_setting_of_plain_text(server: Any, tmp_path: Path) -> None:
    items = [{"id": "a", "prompt": "1 + 1", "answer": "2"}]
    raw = suite(tmp_path, "raw", items, chat=False)
    done = evaluate(
        "--model", server.url, "--suite", raw, "--system", "Be brief.", "--out", tmp_path
    )
    assert "| raw ? | 0-shot, no chat template, EM | 100.0 |" in done.output
    assert "Be brief" not in json.dumps(server.asked)
