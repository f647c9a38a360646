"""Jobs of a few small parts, and stages that go wrong in workers."""

import json
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml

from dataengine.engines.job import Act, Job, TableTasks
from dataengine.parts import compact, small_of, write
from dataengine.row import schema
from dataengine.stages.stage import Context
from dataengine.view import Table

from ..conftest import chat, write_jsonl
from ..generation.conftest import PERSONAS, math_teacher

HERE = str(Path(__file__).parent)
sys.path.append(HERE)  # for `planted`, which workers find by their PYTHONPATH


@pytest.fixture
def job(tmp_path):
    """job(stage, parts=5): the stage's job over parts of three rows, written to tmp_path/made."""

    def made(stage, parts=5, out="made", verb="apply"):
        folder = tmp_path / "read"
        folder.mkdir(exist_ok=True)
        said = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
        rows = compact(pl.DataFrame([{"id": None, "messages": said}] * 3, schema=schema("sft")))
        read = tuple(
            write(
                folder, n, rows, small_of(rows, "sft", "s", [f"{n:030x}{i:02x}" for i in range(3)])
            )
            for n in range(parts)
        )
        (tmp_path / out).mkdir(exist_ok=True)
        files = [tmp_path / out / f"{n:06d}.arrow" for n in range(parts)]
        context = Context("sft", 0, 2, tmp_path / out, tmp_path / "cache", ledger=tmp_path)
        table = Table("sft", read, ("s",) * parts)
        return Job((Act(verb, stage),), "f" * 32, context, TableTasks(table, [files]))

    return made


@pytest.fixture
def mixture(mix, tmp_path, monkeypatch):
    """A mixture with both dedups and decontamination, of four parts in two sources."""
    monkeypatch.setattr("dataengine.sources.ingest.PART_ROWS", 60)
    draw = random.Random(7)
    words = [
        f"{a}{b}" for a in ("har", "lan", "cop", "mea", "whi") for b in ("bo", "te", "pe", "do")
    ]
    item = " ".join(draw.choices(words, k=30))
    (tmp_path / "evals").mkdir()
    write_jsonl(tmp_path / "evals/gsm8k.jsonl", [{"id": "1", "prompt": item, "answer": "4"}])
    sources = {}
    for name in ("a", "b"):
        rows = [
            chat(" ".join(draw.choices(words, k=20)), " ".join(draw.choices(words, k=80)))
            for _ in range(110)
        ]
        near = chat(rows[4]["messages"][0]["content"], rows[4]["messages"][1]["content"] + " more")
        sources[name] = {"records": [*rows, rows[3], near, chat(item, "four"), chat("q", "")]}
    sources["b"]["repeat"] = 1.5
    return mix(
        sources,
        filters=["repetition", {"length": {"max_chars": 9_000}}],
        dedup={"exact": True, "minhash": True},
        decontaminate={"against": ["gsm8k"], "path": "evals"},
        splits={"train": 0.9, "validation": 0.1},
    )


@pytest.fixture
def replayed(mixture, built, serving, tmp_path):
    """replayed(out): the mixture with a generated source too; the first build asks, the others go
    by its ledger."""
    (tmp_path / "personas.jsonl").write_text("".join(json.dumps(p) + "\n" for p in PERSONAS))
    server = serving(math_teacher)
    described = yaml.safe_load(mixture.read_text())
    described["models"] = {"t": {"backend": "openai", "base_url": server.url, "model": "tiny"}}
    described["sources"].append(
        {
            "name": "generated",
            "recipe": "math_grade_school",
            "personas": {"path": "personas.jsonl", "licence": "cc-by-4.0"},
            "prompts": "t",
            "answers": {"model": "t", "samples": 3},
            "rows": 12,
        }
    )
    mixture.write_text(yaml.safe_dump(described, sort_keys=False))
    first = []

    def run(out, **options):
        asked = server.asked.total()
        (tmp_path / out).mkdir(exist_ok=True)
        if first:
            (tmp_path / out / ".work").mkdir()
            with (
                sqlite3.connect(first[0] / "ledger.sqlite") as ledger,
                sqlite3.connect(tmp_path / out / "ledger.sqlite") as copy,
            ):
                ledger.backup(copy)
        manifest = built(mixture, out, **options)
        assert (server.asked.total() > asked) is not bool(first)
        first.append(tmp_path / out)
        return manifest

    return run


def outputs(folder):
    """Everything that a build shows the world."""
    shown = [p for p in sorted(folder.rglob("*")) if not p.name.startswith("ledger.sqlite")]
    files = [p for p in shown if p.is_file() and ".work" not in p.parts]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


@pytest.fixture
def little_room(tmp_path):
    """A disk of 1 MB at tmp_path/made; little_room(size) makes it larger."""
    disk = tmp_path / "made"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    yield lambda size: subprocess.run(
        ["mount", "-o", f"remount,size={size}", str(disk)], check=True
    )
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def notes(tmp_path):
    """A folder where planted stages write down what they are called for."""
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


def calls(notes):
    """How often each part was decided on."""
    return {int(f.name): len(f.read_text().splitlines()) for f in notes.iterdir()}


def contents(folder):
    """The bytes of each file made."""
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.arrow"))}
