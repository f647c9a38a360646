"""Sources on a Hub, read by the real client through the real command."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
import yaml

from dataengine.parts import compact
from dataengine.sources.hub import HubReader, HubSource
from dataengine.stages.stage import Context

Command = Callable[..., Any]


def rows(n: int, word: str = "sum") -> bytes:
    lines = [{"question": f"{word} of {i} and {i}?", "answer": f"It is {2 * i}."} for i in range(n)]
    return "\n".join(map(json.dumps, lines)).encode()


@pytest.fixture
def mixture(tmp_path: Path) -> Callable[..., Path]:
    """A mixture of one Hub source."""

    def written(**more: Any) -> Path:
        columns = {"prompt": "question", "completion": "answer"}
        source = {"name": "sums", "hub": "org/sums", "columns": columns, **more}
        file = tmp_path / "mixture.yaml"
        file.write_text(yaml.safe_dump({"name": "sums", "sources": [source]}))
        return file

    return written


@pytest.fixture
def command(hub: Any, tmp_path: Path) -> Command:
    """Run a command of the engine with `--json` as a client of the Hub, with a fresh cache."""

    def run(module: str, *arguments: object, **env: str) -> Any:
        plain = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        fresh = {"HF_HOME": str(tmp_path / f"home-{len(list(tmp_path.iterdir()))}")}
        return subprocess.run(
            [sys.executable, "-m", f"dataengine.{module}", *map(str, arguments), "--json"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=plain | hub.env | fresh | env,
        )

    return run


def data(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "data").iterdir()}


def test_a_branch_becomes_a_commit_that_the_lock_builds_again(
    hub: Any, mixture: Callable[..., Path], command: Command, tmp_path: Path
) -> None:
    first = hub.put("org/sums", {"train.jsonl": rows(20)})
    done = command("build", mixture(revision="main"), "--out", "out")
    assert done.returncode == 0, done.stderr
    built = json.loads(done.stdout)["manifest"]
    assert built["sources"][0]["revision"] == first
    assert built["sources"][0]["rows"] == 20
    lock = tmp_path / "out" / "mixture.lock.yaml"
    assert yaml.safe_load(lock.read_text())["sources"][0]["revision"] == first

    second = hub.put("org/sums", {"train.jsonl": rows(9, "total")})
    again = command("build", lock, "--out", "again")
    assert again.returncode == 0, again.stderr
    assert data(tmp_path / "again") == data(tmp_path / "out")
    moved = json.loads(command("build", mixture(revision="main"), "--out", "out").stdout)
    assert moved["manifest"]["sources"][0]["revision"] == second
    assert moved["manifest"]["sources"][0]["rows"] == 9
    assert data(tmp_path / "again") != data(tmp_path / "out")


def test_a_preview_reads_no_more_than_it_shows(
    hub: Any, mixture: Callable[..., Path], command: Command
) -> None:
    hub.put("org/sums", {"train.jsonl": rows(20)})
    done = command("build", mixture(where="length(question) > 0"), "--out", "out", "--limit", 3)
    assert json.loads(done.stdout)["manifest"]["sources"][0]["rows_read"] == 3


@pytest.mark.parametrize(
    ("wrong", "env", "said"),
    [
        ({"hub": "org/nothing"}, {}, "there is no such dataset"),
        ({"revision": "v9"}, {}, "it has no revision 'v9'"),
        ({"split": "tset"}, {}, "tset"),
        ({}, {"HF_ENDPOINT": "http://127.0.0.1:9"}, "the Hub cannot be reached"),
        ({"revision": "0" * 40}, {"HF_HUB_OFFLINE": "1"}, "the Hub cannot be reached"),
    ],
)
def test_what_goes_wrong_is_one_line_and_exit_code_2(
    hub: Any, mixture: Callable[..., Path], command: Command, wrong: Any, env: Any, said: str
) -> None:
    hub.put("org/sums", {"train.jsonl": rows(3)})
    done = command("build", mixture(**wrong), "--out", "out", **env)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert said in done.stderr
    assert done.stdout == json.dumps({"error": done.stderr[7:-1]}, ensure_ascii=False) + "\n"
    assert "hf_write" not in done.stderr


def test_a_folder_of_the_same_name_is_not_read_in_its_stead(
    hub: Any, mixture: Callable[..., Path], command: Command, tmp_path: Path
) -> None:
    hub.put("org/sums", {"train.jsonl": rows(3)})
    (tmp_path / "org" / "sums").mkdir(parents=True)
    (tmp_path / "org" / "sums" / "train.jsonl").write_bytes(rows(7))
    done = command("build", mixture(), "--out", "out")
    assert done.returncode == 2
    assert "a folder org/sums here has that name too" in done.stderr


def test_the_published_recipe_plans_without_a_network(command: Command) -> None:
    recipe = Path(__file__).parents[3] / "examples" / "tulu3_sft.yaml"
    blocked = {"HF_ENDPOINT": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = command("build", recipe, "--plan", **blocked)
    assert done.returncode == 0, done.stderr
    assert any("939,344 rows" in stage["does"] for stage in json.loads(done.stdout)["stages"])


class Stream:
    """A dataset that counts how often it is gone through."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.table, self.gone_through = pa.Table.from_pylist([row] * 5), 0
        self.column_names = self.table.schema.names

    def __iter__(self) -> Iterator[Any]:
        self.gone_through += 1
        return iter(self.table.to_pylist())

    def with_format(self, how: str) -> "Stream":
        assert how == "arrow"
        return self

    def iter(self, batch_size: int) -> Iterator[pa.Table]:
        self.gone_through += 1
        return iter([self.table.slice(0, 3), self.table.slice(3)])


TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]


@pytest.mark.parametrize("keep", [[], ["x"]])
@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ({"messages": TURNS, "x": "y"}, [[1, 2, 3], [4, 5]]),
        ({"prompt": "q", "completion": "a", "x": "y"}, [[1, 2, 3, 4, 5]]),
    ],
)
def test_a_dataset_is_gone_through_once(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    row: dict[str, Any],
    parts: list[list[int]],
    keep: list[str],
) -> None:
    stream = Stream(row)
    monkeypatch.setattr(HubReader, "_stream", lambda _: stream)
    source = HubSource(name="a", hub="org/a", revision="0" * 40, keep=keep)
    context = Context("sft", 0, 1, tmp_path, tmp_path)
    kept = [o.kept for o in HubReader(source=source, kind="sft").read(context) if o.taken]
    tables = [compact(rows) if isinstance(rows, pl.DataFrame) else rows for rows in kept]
    found = [table.column("provenance.row").to_pylist() for table in tables]
    assert found == (parts if not keep else [[1, 2, 3, 4, 5]])
    assert stream.gone_through == 1


def test_a_dataset_is_opened_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import datasets

    opened = []

    def load_dataset(*given: Any, **more: Any) -> Any:
        opened.append(given)
        return Stream({"messages": TURNS})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    monkeypatch.setattr(Stream, "features", None, raising=False)
    source = HubSource(name="a", hub="org/chats", revision="0" * 40)
    context = Context("sft", 0, 1, tmp_path, tmp_path)
    assert sum(o.taken or 0 for o in HubReader(source=source, kind="sft").read(context)) == 5
    assert opened == [("org/chats", None)]
