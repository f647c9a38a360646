"""Small mixtures on disk, built in this process."""

import asyncio
import importlib.util
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from dataengine import storage
from dataengine.build import execute as build
from dataengine.document import Document
from dataengine.engines.drive import Engine
from dataengine.mixture import load
from dataengine.parts import SMALL, Part, compact, small_of, write, written
from dataengine.plan import plan
from dataengine.progress import Progress
from dataengine.quarantine import decide
from dataengine.row import Kind, schema
from dataengine.stages.stage import Context, Outcome, Stage
from dataengine.view import Table

Mix = Callable[..., Path]


def chat(*texts: str) -> dict[str, Any]:
    """A record of messages, the user first."""
    roles = ["user", "assistant"] * len(texts)
    return {"messages": [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]}


def write_jsonl(file: Path, records: Iterable[dict[str, Any] | str]) -> Path:
    """Records as JSON lines; a string is written as it is."""
    lines = [r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in records]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def mix(tmp_path: Path) -> Mix:
    """mix(source={name: records}, **keys): a mixture file over JSONL files beside it."""

    def written(sources: dict[str, Any] | None = None, **keys: Any) -> Path:
        entries = []
        for name, records in (sources or {}).items():
            more = records if isinstance(records, dict) else {"records": records}
            rows = more.pop("records")
            write_jsonl(tmp_path / f"{name}.jsonl", rows)
            entries.append({"name": name, "path": f"{name}.jsonl", **more})
        data = {"name": "test", **({"sources": entries} if entries else {}), **keys}
        file = tmp_path / "mixture.yaml"
        file.write_text(yaml.safe_dump(data, sort_keys=False))
        return file

    return written


def part_of(rows: pl.DataFrame, kind: Kind, folder: Path, number: int = 0) -> Part:
    """Rows as a part on disk, under ids made from their place."""
    ids = pl.Series([f"{place:032x}" for place in range(rows.height)], dtype=pl.String)
    folder.mkdir(exist_ok=True)
    named = rows.with_columns(ids.alias("id"))
    return write(folder, number, compact(named), small_of(compact(named), kind, "s", list(ids)))


@pytest.fixture
def decided(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Outcome]:
    """decided(stage, rows, kind="sft"): what a stage keeps, drops and fails on, of rows on disk."""

    def run(stage: Stage, rows: Iterable[dict[str, Any]], kind: Kind = "sft") -> Outcome:
        folder = tmp_path_factory.mktemp("part")
        frame = pl.DataFrame(list(rows), schema=schema(kind))
        table = Table(kind, (part_of(frame, kind, folder),), ("s",))
        context = Context(kind, seed=0, workers=1, folder=folder, cache=folder)
        seen = stage.look(table.view(0, everybody=True), context)
        looks = [] if seen is None else [seen]
        survey = stage.settle(looks, table, context)
        found = survey.parts[0] if survey and survey.parts else None
        made = decide(stage, table.view(0), found)
        told = frame.with_columns(made.reason.alias("reason"), made.evidence.alias("evidence"))
        failed = made.failed if made.failed is not None else made.reason.is_null() & False
        gone = made.reason.is_not_null()
        return Outcome(frame.filter(~gone), told.filter(gone & ~failed), told.filter(failed))

    return run


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """node(name): from now on this process stands on another node, whose copies of an object store
    are its own; it begins on "a"."""

    def on(name: str) -> None:
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.setattr(storage.tempfile, "gettempdir", lambda: str(tmp_path / name))
        monkeypatch.setattr(storage, "_stores", {})

    on("a")
    return on


@pytest.fixture
def built(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """built(mixture, out="out"): build it here and return the manifest."""

    def run(
        mixture: Path,
        out: str = "out",
        workers: int = 2,
        limit: int | None = None,
        engine: Engine | None = None,
        work: Path | None = None,
    ) -> Any:
        steps, progress = plan(load(mixture), limit), Progress(quiet=True)
        return build(Document(mixture), steps, tmp_path / out, workers, progress, engine, work)

    return run


@pytest.fixture(scope="session")
def server_class() -> Any:
    """The fault server that speaks the chat completions protocol: models/fault_server.py."""
    file = Path(__file__).parent / "models" / "fault_server.py"
    spec = importlib.util.spec_from_file_location("fault_server", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FaultServer


@pytest.fixture
def serving(server_class: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """serving(answer, **faults): a fault server in a thread of its own, ended with the test."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-123456")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    started = []

    def start(answer: Any, **more: Any) -> Any:
        mind = server_class(answer=answer, **more)
        asyncio.run_coroutine_threadsafe(mind.start(), loop).result()
        started.append(mind)
        return mind

    yield start
    for mind in started:
        asyncio.run_coroutine_threadsafe(mind.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def small_table(rows: list[list[tuple[int, int, str, bool]]], folder: Path) -> Table:
    """Parts of small columns alone: of each row its bytes, how often it is taken, its split, and
    whether it is alive."""
    parts, number = [], 0
    for part, held in enumerate(rows):
        small = {
            "id": [bytes([number + i]) * 16 for i in range(len(held))],
            "row": range(len(held)),
            "bytes": [size for size, *_ in held],
            "digest": [b""] * len(held),
            "prompt": [0] * len(held),
        }
        number += len(held)
        file = folder / f"{part:06d}.small.arrow"
        written(pl.DataFrame(small, schema=SMALL).to_arrow(), file)
        parts.append(Part(folder, part, len(held)))
    table = Table("sft", tuple(parts), ("s",) * len(parts))
    for part, held in enumerate(rows):
        columns = {
            "place": range(len(held)),
            "copies": [copies for _, copies, *_ in held],
            "split": [split for *_, split, _ in held],
        }
        types = {"place": pl.UInt32, "copies": pl.Int64, "split": pl.String}
        table.add(part, pl.DataFrame(columns, schema=types))
        table.alive[part][:] = [alive for *_, alive in held]
    return table
