"""Download of the public sets that the benchmarks read, from the Hub, at pinned commits.

    python -m benchmarks.fetch [NAME ...] [--data benchmarks/data] [--check]

Eval suites come from the datasets that eval/suites names, training sets from benchmarks/sets.yaml,
all at commits: a branch is refused. Each becomes one file of JSON lines, `evals/NAME.jsonl` or
`train/NAME.jsonl`, which appears by one rename; `fetched.json` beside them says of each its
dataset, commit, rows and BLAKE2b. What is there already, with the right hash, is not fetched again,
so a run that broke off goes on with what is missing. `--check` compares hashes and fetches nothing.

Gated sets need HF_TOKEN. What cannot be had is told in a line, and the exit code is 1.
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import yaml

from eval.suites import Suite, shipped
from eval.suites.hub_items import fetch as attach

HOME = Path(__file__).parent
DATA = HOME / "data"
"""Where sets lie unless --data names another copy."""
COMMIT = re.compile(r"[0-9a-f]{40}")
FIELD = re.compile(r"\{([\w.]+)\}")
SPEAKER = re.compile(r"\n\n(Human|Assistant): ")
Row = dict[str, Any]


class Set(NamedTuple):
    """A public set: where it lies here, what pins it, and what its rows are."""

    file: str
    about: dict[str, Any]
    rows: Callable[[], Iterator[Row]]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=Raw)
    arguments.add_argument("names", nargs="*", help="sets by their names; all of them by default")
    arguments.add_argument("--data", type=Path, default=DATA, help="the folder to fill")
    arguments.add_argument("--check", action="store_true", help="compare hashes, fetch nothing")
    given = arguments.parse_args()
    known = {Path(one.file).stem: one for one in [*evals(), *train()]}
    unknown = [name for name in given.names if name not in known]
    if unknown:
        print(f"error: no set is called {unknown[0]}; there are: {', '.join(known)}")
        return 2
    wanted = [known[name] for name in given.names or known]
    told = [have(one, given.data, given.check) for one in wanted]
    return int(not all(told))


Raw = argparse.RawDescriptionHelpFormatter


def have(one: Set, folder: Path, check: bool) -> bool:
    """Whether a set lies in the folder as its commit has it, fetched now where it does not."""
    file, book = folder / one.file, folder / "fetched.json"
    held = json.loads(book.read_text("utf-8")) if book.is_file() else {}
    entry = held.get(one.file, {})
    same = {key: entry.get(key) for key in one.about} == one.about
    if same and file.is_file() and digest(file) == entry["blake2b"]:
        print(f"{one.file:40} {entry['rows']:>9,} rows  as before")
        return True
    if check:
        print(f"{one.file:40} {'missing' if not file.is_file() else 'is another'}")
        return False
    try:
        rows = write(one.rows(), file)
    except Exception as error:  # gated, renamed, no network: every client has its own kinds
        told = " ".join(str(error).split())[:160]
        print(f"{one.file:40} not fetched: {type(error).__name__}: {told}")
        return False
    held[one.file] = {**one.about, "rows": rows, "blake2b": digest(file)}
    written = json.dumps(dict(sorted(held.items())), indent=1, ensure_ascii=False) + "\n"
    part = book.with_suffix(".part")
    part.write_text(written, encoding="utf-8")
    part.rename(book)
    print(f"{one.file:40} {rows:>9,} rows  {one.about['hub']}@{one.about['revision'][:7]}")
    return True


def write(rows: Iterator[Row], file: Path) -> int:
    """Rows as JSON lines, in a file that appears when it is whole; returns how many there are."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part, count = file.with_suffix(".part"), 0
    with part.open("wb") as out:
        for row in rows:
            out.write(orjson.dumps(row, default=str) + b"\n")
            count += 1
    part.rename(file)
    return count


def digest(file: Path) -> str:
    """blake2b-128 of a file's bytes."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def evals() -> Iterator[Set]:
    """The suites that name a dataset at a commit."""
    for suite in shipped().values():
        if suite.hub and suite.local and COMMIT.fullmatch(suite.hub.revision):
            hub = suite.hub
            about = {"hub": hub.dataset, "config": hub.config, "split": hub.split}
            about |= {"revision": hub.revision, "fields": hub.fields.model_dump(exclude_none=True)}
            yield Set(f"evals/{suite.local.file}", about, lambda suite=suite: items(suite))


def items(suite: Suite) -> Iterator[Row]:
    """A suite's items as a local file of it has them: by an item's keys, or where `local` says."""
    remote = suite.located()
    attach([remote], allowed=True)
    fields = suite.local.fields.model_dump(exclude_none=True) if suite.local.fields else {}
    for item in remote.items():
        row = {key: value for key, value in item._asdict().items() if value not in (None, ())}
        for key, path in fields.items():
            if key in row and isinstance(path, str) and path != key:
                put(row, path, row.pop(key))
        yield row


def put(row: Row, path: str, value: Any) -> None:
    *outer, last = path.split(".")
    for key in outer:
        row = row.setdefault(key, {})
    row[last] = value


def train() -> Iterator[Set]:
    """The training sets of sets.yaml."""
    sets = yaml.safe_load((HOME / "sets.yaml").read_text("utf-8"))
    for name, entry in sets["train"].items():
        assert COMMIT.fullmatch(entry["revision"]), f"sets.yaml: {name}: the revision is no commit"
        yield Set(f"train/{name}.jsonl", entry, lambda name=name, entry=entry: chats(name, entry))


def chats(name: str, entry: dict[str, Any]) -> Iterator[Row]:
    """The records of a training set as chats."""
    for number, record in enumerate(records(entry)):
        if "dialogue" in entry:
            messages = dialogue(record[entry["dialogue"]])
        else:
            texts = [filled(text, record) for text in entry["messages"]]
            roles = ["user", "assistant"] * len(texts)
            messages = [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]
        yield {"id": f"{name}/{number}", "messages": messages, "source": name}


def records(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from datasets import load_dataset

    configs = entry.get("config")
    for config in configs if isinstance(configs, list) else [configs]:
        yield from load_dataset(
            entry["hub"],
            config,
            data_dir=entry.get("data_dir"),
            split=entry.get("split", "train"),
            revision=entry["revision"],
        )


def filled(text: str, record: dict[str, Any]) -> str:
    """A text with its {columns}: lists become lettered lines."""

    def value(found: re.Match[str]) -> str:
        told: Any = record
        for key in found[1].split("."):
            told = told[key]
        if isinstance(told, list):
            return "\n".join(f"{chr(65 + at)}) {one}" for at, one in enumerate(told))
        return str(told)

    return FIELD.sub(value, text).strip()


def dialogue(text: str) -> list[dict[str, str]]:
    """A conversation written as `Human: ... Assistant: ...`."""
    _, *turns = SPEAKER.split(text)
    names = {"Human": "user", "Assistant": "assistant"}
    return [
        {"role": names[who], "content": said.strip()}
        for who, said in zip(turns[::2], turns[1::2], strict=True)
    ]


if __name__ == "__main__":
    sys.exit(main())
