"""`benchmarks.fetch` against a Hub on 127.0.0.1: pinned, checked, and going on where it broke off."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

ROOT = Path(__file__).parents[2]

CODE = """
import sys
from pathlib import Path
import yaml
from benchmarks import fetch
from eval import suites
at = yaml.safe_load(Path("pins.yaml").read_text())
def evals(kept=fetch.shipped):
    held = {}
    for name in ("gsm8k", "drop"):
        suite = kept()[name]
        hub = suite.hub.model_copy(update={"revision": at[name]})
        held[name] = suite.model_copy(update={"hub": hub})
    return held
fetch.shipped = evals
fetch.HOME = Path(".")
sys.argv[0] = "fetch"
raise SystemExit(fetch.main())
"""


def parquet(rows):
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


@pytest.fixture
def pinned(hub, tmp_path):
    """Two suites and a training set on the Hub, and what the pins are there."""
    questions = [{"question": f"How many are {n} and 1?", "answer": f"#### {n}"} for n in range(5)]
    card = b"---\nconfigs:\n- config_name: main\n  data_files:\n  - {split: test, path: main/test.parquet}\n  - {split: train, path: main/train.parquet}\n---\n"
    files = {
        "README.md": card,
        "main/test.parquet": parquet(questions),
        "main/train.parquet": parquet(questions),
    }
    hub.put("openai/gsm8k", files)
    passages = [
        {
            "query_id": "q1",
            "question": "Who won?",
            "passage": "The Bears won.",
            "answer": {"spans": ["Bears"]},
            "validated_answers": {"spans": [["Bears"]]},
        }
    ]
    card = b"---\nconfigs:\n- config_name: default\n  data_files:\n  - {split: validation, path: v.parquet}\n---\n"
    hub.put("EleutherAI/drop", {"README.md": card, "v.parquet": parquet(passages)})
    pins = {name: head(hub, repo) for name, repo in REPOS.items()}
    (tmp_path / "pins.yaml").write_text(yaml.safe_dump(pins))
    sets = {
        "train": {
            "sums": {
                "hub": "openai/gsm8k",
                "config": "main",
                "revision": pins["gsm8k"],
                "licence": "MIT",
                "messages": ["{question}", "{answer}"],
            }
        }
    }
    (tmp_path / "sets.yaml").write_text(yaml.safe_dump(sets))
    return pins


REPOS = {"gsm8k": "openai/gsm8k", "drop": "EleutherAI/drop"}


def head(hub, repo):
    return hub.repos[repo].branches["main"][-1]


def fetched(hub, folder, *words):
    env = {**os.environ, **hub.env, "HF_HOME": str(folder / "hf"), "PYTHONPATH": str(ROOT)}
    env |= {"HF_DATASETS_CACHE": str(folder / "hf" / "datasets")}
    call = [sys.executable, "-c", CODE, "--data", "data", *words]
    return subprocess.run(call, cwd=folder, env=env, capture_output=True, text=True, check=False)


def rows(file):
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_sets_are_fetched_once_checked_and_mended(hub, pinned, tmp_path):
    done = fetched(hub, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    data = tmp_path / "data"
    assert rows(data / "evals/gsm8k.jsonl")[0]["prompt"] == "How many are 0 and 1?"
    assert rows(data / "train/sums.jsonl")[4]["messages"][1]["content"] == "#### 4"
    [item] = rows(data / "evals/drop.jsonl")
    assert item["id"] == "q1" and "The Bears won." in json.dumps(item)
    book = json.loads((data / "fetched.json").read_text())
    assert book["evals/gsm8k.jsonl"]["revision"] == pinned["gsm8k"]
    assert not list(data.rglob("*.part"))

    asked = len(hub.requests)
    again = fetched(hub, tmp_path)
    assert again.returncode == 0 and again.stdout.count("as before") == 3
    assert len(hub.requests) == asked, "what is there is not asked for again"

    (data / "train/sums.jsonl").write_text("{}\n")
    (data / "evals/drop.jsonl").unlink()
    told = fetched(hub, tmp_path, "--check")
    assert told.returncode == 1
    assert "is another" in told.stdout and "missing" in told.stdout
    assert fetched(hub, tmp_path).returncode == 0
    assert fetched(hub, tmp_path, "--check").returncode == 0


def test_what_cannot_be_had_is_a_line_and_the_others_are_fetched(hub, pinned, tmp_path):
    pins = pinned | {"drop": "0" * 40}
    (tmp_path / "pins.yaml").write_text(yaml.safe_dump(pins))
    done = fetched(hub, tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "evals/drop.jsonl" in done.stdout and "not fetched" in done.stdout
    assert (tmp_path / "data/evals/gsm8k.jsonl").is_file()
    assert fetched(hub, tmp_path, "gsm9k").returncode == 2


def test_every_pin_is_a_commit_and_files_do_not_meet():
    from benchmarks import fetch

    sets = [*fetch.evals(), *fetch.train()]
    assert len({one.file for one in sets}) == len(sets) > 20
    assert all(fetch.COMMIT.fullmatch(one.about["revision"]) for one in sets)


def test_the_documents_name_no_folder_that_others_do_not_have():
    named = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks/README.md"]
    assert not [page.name for page in named if "../shared" in page.read_text("utf-8")]
