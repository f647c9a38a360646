"""The command, end to end: a tiny model and a stand-in server, tiny suites, one table."""

import json
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from typer.testing import CliRunner

from eval.compare import app as compare
from eval.run import app


def evaluate(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def suite_options(folder: Path, *names: str) -> list[object]:
    return [part for name in names for part in ("--suite", folder / f"{name}.yaml")]


def test_a_folder_gives_one_table_items_a_picture_and_a_card(
    tiny: Path, suites: Path, tmp_path: Path
) -> None:
    (tiny / "README.md").write_text("# tiny\n")
    for _ in range(2):
        done = evaluate("--model", tiny, *suite_options(suites, "sums", "truths", "tries"))
        assert done.exit_code == 0, done.output
    folder, name = tiny / "eval", "sums-truths-tries"
    assert "| sums ? | 0-shot, EM |" in done.output
    assert "| tries ? | 0-shot, T=1, 3 samples, pass@2 |" in done.output
    assert "- truths: 1 items could not be scored." in done.output
    assert "? the model has no dataengine_manifest.json" in done.output
    items = pl.read_parquet(folder / f"{name}.parquet")
    assert sorted(items["id"].to_list()) == sorted([f"s{k}" for k in range(6)] + ["t0", "t1", "p0"])
    assert items.filter(pl.col("id") == "p0")["answers"].to_list()[0].__len__() == 3
    (t1,) = items.filter(pl.col("id") == "t1").to_dicts()
    assert t1["score"] is None and "which of its choices are right" in t1["error"]
    assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    card = (tiny / "README.md").read_text()
    assert card.startswith("# tiny\n") and card.count(f"## Evaluation: {name}") == 1
    assert f"![{name}](eval/{name}.png)" in card
    (tiny / "README.md").unlink()


def test_greedy_answers_repeat(tiny: Path, suites: Path, tmp_path: Path) -> None:
    for run in ("a", "b"):
        done = evaluate(
            "--model", tiny, *suite_options(suites, "sums", "tries"), "--out", tmp_path / run
        )
        assert done.exit_code == 0, done.output
    first, second = (pl.read_parquet(tmp_path / run / "sums-tries.parquet") for run in ("a", "b"))
    assert first.equals(second)


def test_a_server_is_asked_and_what_it_fails_on_is_missing_not_wrong(
    server: Any, suites: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.tasks.served.TRIES", 1)
    options = suite_options(suites, "sums", "truths", "tries")
    done = evaluate("--model", server.url, *options, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    items = pl.read_parquet(tmp_path / "sums-truths-tries.parquet")
    scores = dict(items.filter(suite="sums").select("id", "score").iter_rows())
    assert scores == {"s0": 1.0, "s1": 1.0, "s2": 1.0, "s3": None, "s4": 0.0, "s5": 1.0}
    assert "| sums ? | 0-shot, EM | 80.0 |" in done.output
    assert "- sums: 1 items could not be scored." in done.output
    assert "truths was not measured: a server gives no likelihoods" in done.output
    sampled = [asked for asked in server.asked if asked["temperature"] == 1.0]
    assert len(sampled) == 3 and all("seed" not in asked for asked in sampled)
    assert server.asked[0]["model"] == "adder"


def test_a_judge_gives_win_rates_and_marks_refusals(server: Any) -> None:
    from eval.suites import Score
    from eval.tasks.judge_client import asker
    from eval.tasks.questions import Question
    from eval.tasks.reply import Reply
    from eval.tasks.score import verified

    def said(*texts: str) -> list[list[Reply]]:
        return [[Reply(text)] for text in texts]

    from eval.tasks.truths import rival, safety

    name, ask = asker(server.url)
    asked = [
        Question(str(k), None, "p", truth=rival({"prompt": "p", "answer": reference}))
        for k, reference in enumerate(["so", "best", "best"])
    ]
    score = Score(metric="win_rate", verifier="judge")
    found = verified(score, asked, said("best", "good", "best"), ask)
    assert (name, [r.score for r in found]) == ("adder", [1.0, 0.0, 0.5])
    marks = Score(metric="safe", verifier="judge")
    harmful = [Question("h", None, "p", truth=safety({"prompt": "p", "meta": None}))] * 2
    found = verified(marks, harmful, said("sorry, no", "with pleasure"), ask)
    assert [r.score for r in found] == [1.0, 0.0]
    (unasked,) = verified(score, asked[:1], said("best"))
    assert unasked.score is None and "Unavailable" in str(unasked.error)


def test_each_judge_has_a_report_of_its_own() -> None:
    from eval.measure import Means, Where
    from eval.run import report_name

    where = Where("model", "hf", None, 8)
    asked = [(None, None), ("http://one", None), ("http://one", "a"), ("http://two", "a")]
    names = [report_name("safety", [], Means(where, *judge), None) for judge in asked]
    assert names[0] == "safety" and len({*names}) == 4


def test_the_judge_is_named_in_the_setting(server: Any, tmp_path: Path) -> None:
    score = {"metric": "win_rate", "verifier": "judge", "truth": "rival", "max_tokens": 4}
    items = [{"id": "w", "prompt": "1 + 1", "answer": "best"}, {"id": "n", "prompt": "2 + 2"}]
    (tmp_path / "wins.jsonl").write_bytes(b"\n".join(map(orjson.dumps, items)))
    described = {"name": "wins", "local": "wins.jsonl", "score": score}
    (tmp_path / "wins.yaml").write_text(json.dumps(described))
    asked = ["--model", server.url, "--suite", tmp_path / "wins.yaml", "--out", tmp_path]
    alone = evaluate(*asked)
    assert alone.exit_code == 1 and "wins was not measured: it needs a judge" in alone.output
    done = evaluate(*asked, "--judge", server.url)
    assert done.exit_code == 0, done.output
    assert "win rate against the reference, judged by adder in both orders | 0.0 |" in done.output
    assert "- wins: 1 items could not be scored." in done.output


def test_a_run_that_breaks_off_keeps_what_it_has(
    server: Any, suites: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eval import measure

    whole = measure.measure

    def breaks(model: Any, suite: Any, *rest: Any) -> Any:
        if suite.name == "tries":
            raise KeyboardInterrupt
        return whole(model, suite, *rest)

    monkeypatch.setattr("eval.tasks.served.TRIES", 1)
    monkeypatch.setattr(measure, "measure", breaks)
    options = suite_options(suites, "sums", "tries")
    assert evaluate("--model", server.url, *options, "--out", tmp_path).exit_code != 0
    assert len(pl.read_parquet(tmp_path / "sums-tries.parquet")) == 6


def manifest(folder: Path, *suites: dict[str, object], **more: object) -> None:
    told = {
        "start": {"model": "m", "manifest": "told"},
        "decontamination": {"suites": [suite["name"] for suite in suites]},
        "stages": [{"manifest": {"decontamination": {"suites": list(suites)}}}],
        **more,
    }
    (folder / "dataengine_manifest.json").write_text(json.dumps(told))


def test_suites_that_the_training_data_was_not_cleaned_of_are_marked(
    tiny: Path, suites: Path, tmp_path: Path
) -> None:
    from eval.suites import load

    (sums,) = load(suites / "sums.yaml")
    manifest(tiny, {"name": "sums", "hash": sums.hash}, {"name": "tries", "hash": "other"})
    options = suite_options(suites, "sums", "truths", "tries")
    done = evaluate("--model", tiny, *options, "--out", tmp_path)
    (tiny / "dataengine_manifest.json").unlink()
    assert "| sums | 0-shot" in done.output
    assert "| truths † |" in done.output and "- † the training data was not decontam" in done.output
    assert "| tries ‡ |" in done.output and "- ‡ the training data was decontam" in done.output


def test_the_unseen_tier_opens_only_on_request_and_leaves_a_trace(
    tiny: Path, tmp_path: Path
) -> None:
    items = [{"prompt": "Quote me.", "meta": {"instruction_id_list": ["format:quotes"]}}]
    items[0]["meta"]["kwargs"] = [{}]  # type: ignore[index]
    (tmp_path / "ifbench.jsonl").write_bytes(orjson.dumps(items[0]))
    asked = ("--model", tiny, "--path", tmp_path, "--out", tmp_path / "out")
    for what in (("--tier", "unseen"), ("--suite", "ifbench")):
        done = evaluate(*asked, *what)
        assert done.exit_code == 2 and "--unseal opens them, and is recorded" in done.output
    assert not (tiny / "unsealed.jsonl").exists() and not (tmp_path / "out").exists()
    mixed = evaluate(*asked, "--suite", "ifbench", "--suite", "gsm8k", "--unseal")
    assert mixed.exit_code == 2 and "unseen suites are measured alone" in mixed.output
    done = evaluate(*asked, "--suite", "ifbench", "--unseal", "--limit", 1)
    assert done.exit_code == 0, done.output
    (entry,) = map(json.loads, (tiny / "unsealed.jsonl").read_text().splitlines())
    assert (entry["suites"], entry["limit"]) == (["ifbench"], 1)
    (tiny / "unsealed.jsonl").unlink()


def test_a_tier_shows_what_it_could_not_measure(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "alpaca_eval.jsonl").write_bytes(orjson.dumps({"prompt": "p", "answer": "a"}))
    done = evaluate("--model", tiny, "--tier", "development", "--path", tmp_path, "--out", tmp_path)
    assert done.exit_code == 1, done.output
    assert (
        "| AlpacaEval 2 ? | 0-shot, win rate against the reference, judged in both" in done.output
    )
    assert "AlpacaEval 2 was not measured: it needs a judge: --judge URL." in done.output
    assert "MMLU was not measured: no mmlu.jsonl under" in done.output
    assert "IFBench" not in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nowhere", "--suite", "sums.jsonl"], "sums.jsonl: neither a tier"),
        (["--model", "m"], "give --tier, or --suite"),
        (["--model", "m", "--tier", "safety", "--path", "nowhere"], "--path: no folder nowhere"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], message: str) -> None:
    done = evaluate(*arguments)
    assert done.exit_code == 2 and f"error: {message}" in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_a_folder_without_a_model_is_one_line(suites: Path, tmp_path: Path) -> None:
    done = evaluate("--model", tmp_path / "none", *suite_options(suites, "sums"))
    assert done.exit_code == 2 and "error: --model: no folder" in done.output


def report(folder: Path, scores: dict[str, float | None], **changes: object) -> Path:
    from eval.writing import SCHEMA

    folder.mkdir()
    line = {
        "suite": "sums",
        "title": "Sums",
        "setting": "0-shot",
        "macro": False,
        "hash": "h",
        "mark": "unknown",
        "score": {"mean": 0.5},
        **changes,
    }
    (folder / "development.json").write_text(json.dumps({"suites": [line]}))
    rows = [{"suite": "sums", "id": name, "score": score} for name, score in scores.items()]
    pl.DataFrame(rows, schema=SCHEMA).write_parquet(folder / "development.parquet")
    return folder


def compared(*arguments: object) -> Any:
    return CliRunner().invoke(compare, [str(argument) for argument in arguments])


def test_models_are_compared_item_by_item(tmp_path: Path) -> None:
    a = report(tmp_path / "a", {f"i{k}": 0.0 for k in range(12)} | {"x": 1.0, "only a": 1.0})
    b = report(tmp_path / "b", {f"i{k}": 1.0 for k in range(12)} | {"x": None, "only b": 0.0})
    done = compared(a, b, "--json")
    (found,) = json.loads(done.output)
    assert (found["n"], found["a"], found["b"], found["test"]) == (12, 0.0, 1.0, "McNemar")
    assert found["p"] == pytest.approx(2 / 2**12)
    shown = compared(a, b).output
    assert "| Sums ? | 0.0 | 100.0 | +100.0 * |" in shown
    assert "- ? the model has no dataengine_manifest.json" in shown


def test_a_comparison_marks_each_model_for_itself(tmp_path: Path) -> None:
    a = report(tmp_path / "a", {"i": 1.0}, mark="covered")
    b = report(tmp_path / "b", {"i": 1.0}, mark="not covered")
    assert "| Sums (B †) | 100.0 | 100.0 | +0.0 |" in compared(a, b).output


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hash": "other"}, "the suites' items differ"),
        ({"setting": "5-shot"}, "the settings differ: 0-shot; 5-shot"),
        ({"score": None}, "not measured for B"),
    ],
)
def test_two_settings_are_not_one_benchmark(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    a = report(tmp_path / "a", {"i": 1.0})
    b = report(tmp_path / "b", {"i": 1.0}, **changes)
    (found,) = json.loads(compared(a, b, "--json").output)
    assert found["reason"] == reason and "a" not in found
    assert reason in compared(a, b).output


def test_a_report_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    a = report(tmp_path / "a", {"i": 1.0})
    done = compared(a, a, "--report", "unseen")
    assert done.exit_code == 2 and "no report 'unseen'; there are: development" in done.output
