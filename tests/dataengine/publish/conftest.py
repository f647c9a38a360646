"""A small finished build, made by hand, and a client of the Hub in a process of its own."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

ROWS = [
    {
        "id": f"{n:032x}",
        "source": "alpaca",
        "messages": [
            {"role": "user", "content": f"Say {n}."},
            {"role": "assistant", "content": f"{n}, said {hashlib.sha256(bytes([n])).hexdigest()}"},
        ],
    }
    for n in range(60)
]


def file_entry(root: Path, path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {
        "path": path.relative_to(root).as_posix(),
        "bytes": len(data),
        "blake2b": hashlib.blake2b(data, digest_size=16).hexdigest(),
    }


def write_split(root: Path, split: str, rows: list[dict[str, Any]], shards: int) -> dict[str, Any]:
    files = []
    for n in range(shards):
        path = root / "data" / f"{split}-{n:05d}-of-{shards:05d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(rows[n::shards]).write_parquet(path)
        files.append(file_entry(root, path))
    return {"rows": len(rows), "files": files}


@pytest.fixture
def manifest() -> dict[str, Any]:
    """The manifest of a small sft build; its splits are filled in by the `build` fixture."""
    return {
        "manifest": 1,
        "name": "tiny-mix",
        "kind": "sft",
        "seed": 42,
        "fingerprint": "0123456789abcdef0123456789abcdef",
        "engine": {"version": "0.1.0", "git": "4292605"},
        "libraries": {"datasets": "5.2.0", "polars": "2.1.0"},
        "sources": [
            {
                "name": "alpaca",
                "path": "data/alpaca.jsonl",
                "revision": None,
                "content": "00ff",
                "licence": "CC-BY-NC-4.0",
                "skill": "general",
                "language": "en",
                "amount": "all rows",
                "rows_read": 70,
                "rows": 60,
            }
        ],
        "stages": [
            {
                "label": "read alpaca",
                "name": "read",
                "version": 1,
                "fingerprint": "aa",
                "rows_in": 70,
                "added": 0,
                "kept": 67,
                "dropped": 0,
                "failed": 3,
                "reasons": {"no assistant turn": 3},
            },
            {
                "label": "decontaminate",
                "name": "decontaminate",
                "version": 1,
                "fingerprint": "bb",
                "rows_in": 67,
                "added": 0,
                "kept": 60,
                "dropped": 7,
                "failed": 0,
                "reasons": {"contaminated": 7},
            },
        ],
        "splits": {"train": {"rows": 50, "files": []}, "validation": {"rows": 10, "files": []}},
        "composition": [
            {
                "source": "alpaca",
                "skill": "general",
                "language": "en",
                "licence": "CC-BY-NC-4.0",
                "rows": 60,
                "tokens": 1200,
                "tokens_mean": 20.0,
                "tokens_max": 31,
            }
        ],
        "decontamination": None,
        "tokens": "estimated as UTF-8 bytes / 4",
        "models": [],
        "generation": [],
    }


@pytest.fixture
def build(tmp_path: Path, manifest: dict[str, Any]) -> Path:
    """A finished build of 60 rows in two splits and three shards, with what must never go up."""
    from dataengine.publish.card import card

    root = tmp_path / "build"
    manifest["splits"] = {
        "train": write_split(root, "train", ROWS[:50], shards=2),
        "validation": write_split(root, "validation", ROWS[50:], shards=1),
    }
    (root / "manifest.json").write_text(json.dumps(manifest))
    (root / "mixture.lock.yaml").write_text("name: tiny-mix\n")
    (root / "README.md").write_text(card(manifest))
    (root / "dropped").mkdir()
    pl.DataFrame({"id": ["x"], "evidence": ["quotes an eval"]}).write_parquet(
        root / "dropped" / "decontaminate.parquet"
    )
    (root / "ledger.sqlite").write_bytes(b"every request ever sent")
    (root / ".work").mkdir()
    (root / ".work" / "part.parquet").write_bytes(b"an intermediate")
    return root


EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`example("quickstart", **keys)`: the folder of an example's build, made once; `change`, if
    given, edits what its mixture says."""
    from dataengine.build import execute as build
    from dataengine.document import Document
    from dataengine.mixture import load
    from dataengine.plan import plan
    from dataengine.progress import Progress

    made: dict[str, Path] = {}

    def run(name: str, change: Callable[[dict[str, Any]], None] | None = None) -> Path:
        if change is None and name in made:
            return made[name]
        described = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))
        described |= {"base": str(EXAMPLES), "publish": {"repo": "me/example"}}
        if change:
            change(described)
        folder = tmp_path_factory.mktemp(name)
        mixture = folder / "mixture.yaml"
        mixture.write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
        build(Document(mixture), plan(load(mixture)), folder / "out", 1, Progress(quiet=True))
        if change is None:
            made[name] = folder / "out"
        return folder / "out"

    return run


CLIENT = """
import json, sys, time
from pathlib import Path
import huggingface_hub.utils._http as http
real = time.sleep
http.time.sleep = lambda seconds: real(0.01)   # the client's own retries, without the wait
from dataengine.errors import UserError
from dataengine.publish.hub import publish
build, repo, options = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
try:
    done = publish(build, repo, **options)
except UserError as error:
    print(json.dumps({"error": str(error)}))
    sys.exit(2)
print(json.dumps({"url": done.url, "commit": done.commit, "uploaded": done.uploaded,
                  "deleted": done.deleted, "changed": done.changed}))
"""


@pytest.fixture
def client(hub: Any, tmp_path: Path) -> Callable[..., Any]:
    """`client(*argv, **env)` runs Python against the Hub, with a cache of its own."""
    home = tmp_path / "hf-home"

    def run(*argv: str, wait: bool = True, **env: str) -> Any:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        environment |= {"HF_HOME": str(home), **hub.env, **env}
        environment = {k: v for k, v in environment.items() if v}
        process = subprocess.Popen(
            [sys.executable, *argv],
            env=environment,
            cwd=Path(__file__).resolve().parents[3],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if not wait:
            return process
        process.out, process.err = process.communicate(timeout=60)  # type: ignore[attr-defined]
        return process

    return run


@pytest.fixture
def publish(client: Callable[..., Any]) -> Callable[..., Any]:
    """`publish(build, repo, env={...}, **options)` in a client process: its result or its error."""

    def run(
        build: Path, repo: str = "me/tiny", env: dict[str, str] | None = None, **options: Any
    ) -> Any:
        process = client("-c", CLIENT, str(build), repo, json.dumps(options), **(env or {}))
        assert process.returncode in (0, 2), process.err
        assert "Traceback" not in process.err, process.err
        return json.loads(process.out)

    return run
