"""The ledger of prompts across builds: used, unused, held out, held elsewhere, and shares."""

import json

import polars as pl
import pytest
import yaml

from dataengine.build import execute as build_all
from dataengine.document import Document
from dataengine.errors import UserError
from dataengine.mixture import load
from dataengine.plan import plan
from dataengine.preferences.preference_source import Prompts
from dataengine.preferences.prompts import build as finished
from dataengine.preferences.prompts import collect
from dataengine.progress import Progress
from dataengine.text import prompt_id


def make(folder, name, rows, **more):
    """A finished build of these rows in folder/name."""
    file = folder / f"{name}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    described = {
        "name": name,
        "sources": [{"name": "s", "path": file.name, **more.pop("source", {})}],
        **more,
    }
    mixture = folder / f"{name}.yaml"
    mixture.write_text(yaml.safe_dump(described))
    build_all(Document(mixture), plan(load(mixture)), folder / name, 1, Progress(quiet=True))
    return name


def chat(text):
    return {
        "messages": [
            {"role": "user", "content": text},
            {"role": "assistant", "content": f"To {text}: yes."},
        ]
    }


@pytest.fixture
def sft(tmp_path):
    rows = [chat(f"Question {i}") for i in range(40)]
    return make(tmp_path, "sft", rows, source={"rows": 24}, splits={"train": 0.7, "test": 0.3})


@pytest.fixture
def rlvr(tmp_path):
    rows = [
        {"prompt": f"question  {i}", "ground_truth": str(i), "verifier": "gsm8k"} for i in range(10)
    ]
    return make(tmp_path, "rlvr", rows, kind="rlvr")


def found(tmp_path, limit=None, **described):
    described["from"] = [{**origin, "base": tmp_path} for origin in described["from"]]
    return collect(Prompts.model_validate(described | {"base": tmp_path}), "pairs", 42, limit)


def texts(table):
    return {turns[-1]["content"] for turns in table["prompt"].to_list()}


def test_used_and_unused_never_meet_and_held_out_never_comes_back(tmp_path, sft):
    held = finished(tmp_path / sft, "pairs")
    used, unused, out = held.used(), held.unused(), held.held_out()
    assert (used.height + out.len(), unused.height) == (24, 16)
    assert not set(used["prompt_id"]) & set(out)
    every = {prompt_id(f"Question {i}"): f"Question {i}" for i in range(40)}
    held_out = {every[one] for one in out}
    got = found(tmp_path, **{"from": [{"build": sft}, {"build": sft, "take": "unused"}]})
    assert texts(got.prompts) == texts(used) | texts(unused)
    with (tmp_path / "more.jsonl").open("w") as stream:
        for text in [*held_out, "A new one", "question 0  "]:
            stream.write(json.dumps({"prompt": text.upper()}) + "\n")
    got = found(tmp_path, **{"from": [{"build": sft, "take": "unused"}, {"path": "more.jsonl"}]})
    assert not {prompt_id(t) for t in texts(got.prompts)} & set(out)
    assert got.lost.filter(pl.col("reason") == "held out").height == out.len()
    assert "A NEW ONE" in texts(got.prompts)


def test_what_another_build_holds_is_left_out(tmp_path, sft, rlvr):
    got = found(tmp_path, **{"from": [{"build": sft}], "exclude": [rlvr]})
    held = {prompt_id(f"question {i}") for i in range(10)}
    assert got.prompts.height
    assert not set(got.prompts["prompt_id"]) & held
    lost = got.lost.filter(pl.col("reason") == "in an excluded build")
    assert set(lost["prompt_id"]) <= held


def test_a_prompt_brings_its_verifier(tmp_path, rlvr):
    got = found(tmp_path, **{"from": [{"build": rlvr}]})
    assert got.prompts["verifier"].unique().to_list() == ["gsm8k"]
    truth = {row["prompt"][0]["content"]: row["ground_truth"] for row in got.prompts.to_dicts()}
    assert truth["question  7"] == "7"


def test_shares_are_of_the_whole_and_every_prompt_is_accounted_for(tmp_path, sft):
    (tmp_path / "own.jsonl").write_text(
        "".join(json.dumps({"prompt": f"Own {i}"}) + "\n" for i in range(50)) + "{}\n"
    )
    origins = [
        {"build": sft, "take": "unused", "share": 0.25},
        {"path": "own.jsonl", "share": 0.75},
    ]
    got = found(tmp_path, **{"from": origins, "rows": 20})
    by = dict(got.prompts.group_by("origin").len().iter_rows())
    assert by == {"sft": 5, "own.jsonl": 15}
    assert got.prompts.height + got.lost.height == 16 + 50
    assert got.lost["reason"].unique().to_list() == ["not drawn"]
    assert got.failed["reason"].to_list() == ["prompts: no prompt"]
    most = found(tmp_path, **{"from": origins})
    assert dict(most.prompts.group_by("origin").len().iter_rows()) == {"sft": 16, "own.jsonl": 48}
    assert found(tmp_path, limit=3, **{"from": origins}).prompts.height == 3
    assert got.prompts.equals(found(tmp_path, **{"from": origins, "rows": 20}).prompts)


def test_one_prompt_twice_is_asked_once(tmp_path):
    rows = [
        {"prompt": "Same one"},
        {"prompt": " same  ONE "},
        {"messages": [{"role": "user", "content": "same one"}]},
    ]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    got = found(tmp_path, **{"from": [{"path": "own.jsonl"}]})
    assert texts(got.prompts) == {"Same one"}
    assert got.lost["reason"].to_list() == ["the same prompt before"] * 2


def test_a_folder_that_is_no_build_is_told(tmp_path):
    with pytest.raises(UserError, match="no finished build"):
        found(tmp_path, **{"from": [{"build": "nowhere"}]})


def test_a_lock_pins_builds_and_tables_and_rebuilds(server, build, asked, tmp_path, sft):
    mind = server()
    source = {**asked, "prompts": {"from": [{"build": sft, "take": "unused"}], "exclude": []}}
    built = build(source, mind.url)
    before = mind.asked.total()
    lock = built.out / "mixture.lock.yaml"
    steps = plan(load(lock))
    build_all(Document(lock), steps, built.out, 2, Progress(quiet=True))
    assert mind.asked.total() == before
    pinned = yaml.safe_load(lock.read_text())["sources"][0]["prompts"]["from"][0]
    assert pinned["content"] == finished(tmp_path / sft, "pairs").content
    make(tmp_path, "sft", [chat(f"Other {i}") for i in range(9)], source={"rows": 5})
    with pytest.raises(UserError, match="is another build"):
        build_all(Document(lock), plan(load(lock)), built.out, 2, Progress(quiet=True))
