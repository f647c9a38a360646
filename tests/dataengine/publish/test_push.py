"""`--dry-run`: what would be published, byte for byte, without a network."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataengine.errors import UserError
from dataengine.publish.hub import publish as publish_here
from dataengine.publish.hub import push, require_checked

OFFLINE = """
import runpy, socket, sys
def refuse(*args, **options):
    raise OSError("the network was asked")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
module, *sys.argv[1:] = sys.argv[1:]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""
"""Run a module where every way to the network is shut."""


def listed(files: dict[str, bytes]) -> dict[str, tuple[int, str]]:
    files.pop(".gitattributes", None)
    return {path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items()}


def shown(files: list[dict[str, Any]]) -> dict[str, tuple[int, str]]:
    return {file["path"]: (file["bytes"], file["sha256"]) for file in files}


def test_it_names_every_byte_that_the_hub_then_receives(
    hub: Any, example: Callable[..., Path], client: Callable[..., Any]
) -> None:
    folder = str(example("quickstart"))
    dry = client("-c", OFFLINE, "dataengine.publish", folder, "--dry-run", "--json", HF_TOKEN="")
    assert dry.returncode == 0, dry.err
    told = json.loads(dry.out)
    assert hub.requests == []
    assert (told["repo"], told["branch"], told["private"], told["token"]) == (
        "me/example",
        "main",
        True,
        False,
    )

    done = client("-m", "dataengine.publish", folder, "--json")
    assert done.returncode == 0, done.err
    assert json.loads(done.out)["url"].startswith(f"{hub.url}/datasets/me/example/commit/")
    got = hub.files("me/example")
    assert {"report.html", "croissant.json", "training_summary.md", "README.md"} < set(got)
    assert json.loads(got["croissant.json"])["url"] == f"{hub.url}/datasets/me/example"
    assert shown(told["files"]) == listed(got)


def test_the_table_of_a_mixtures_build(
    hub: Any, example: Callable[..., Path], client: Callable[..., Any]
) -> None:
    folder = example("generated")
    call = ["dataengine.build", str(folder.parent / "mixture.yaml"), "--out", str(folder)]
    dry = client("-c", OFFLINE, *call, "--publish", "--dry-run")
    assert dry.returncode == 0, dry.err
    lines = [line.split() for line in dry.out.splitlines()]
    readme = folder / "README.md"
    sha256 = hashlib.sha256(readme.read_bytes()).hexdigest()
    assert ["README.md", f"{readme.stat().st_size:,}", sha256] in lines
    assert "to me/example, branch main (private)" in dry.out and "nothing was sent" in dry.out
    assert hub.requests == []

    as_json = client("-c", OFFLINE, *call, "--publish", "--dry-run", "--json")
    told = json.loads(as_json.out)
    assert told["url"] is None
    assert shown(told["push"]["files"])["README.md"] == (readme.stat().st_size, sha256)

    alone = client("-m", *call, "--dry-run")
    assert alone.returncode == 2 and "say --publish --dry-run" in alone.err


def _unknown(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["composition"][0]["licence"] = None
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _preview(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text()) | {"preview": {"records": 5}}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _edited(folder: Path) -> None:
    (folder / "data" / "train-00000-of-00002.parquet").write_bytes(b"PAR1")


@pytest.mark.parametrize(
    ("harm", "repo", "says"),
    [
        (_unknown, "me/tiny", "no known licence for alpaca"),
        (_edited, "me/tiny", "is not the file that manifest.json describes"),
        (lambda folder: (folder / "README.md").unlink(), "me/tiny", "README.md is missing"),
        (lambda folder: (folder / "manifest.json").unlink(), "me/tiny", "no finished build here"),
        (lambda folder: None, "tiny", "write OWNER/NAME"),
        (_preview, "me/tiny", "a preview of at most 5 records of each source, which is not for"),
    ],
)
def test_it_refuses_what_publishing_refuses_in_the_same_words(
    hub: Any,
    build: Path,
    monkeypatch: pytest.MonkeyPatch,
    harm: Callable[[Path], None],
    repo: str,
    says: str,
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_write")
    harm(build)
    with pytest.raises(UserError, match=says) as dry:
        push(build, repo)
    with pytest.raises(UserError) as real:
        publish_here(build, repo)
    assert str(dry.value) == str(real.value)


def test_dropped_rows_and_branches_are_shown_as_they_would_go(build: Path) -> None:
    plain = push(build, "me/tiny")
    more = push(build, "me/tiny", dropped=True, branch="preview", private=False)
    added = {file.path for file in more.files} - {file.path for file in plain.files}
    assert added == {"dropped/decontaminate.parquet"}
    assert (more.where, more.private) == ("me/tiny, branch preview", False)


def test_a_build_that_was_not_checked_is_refused_unless_it_is_to_tell() -> None:
    manifest = {"decontamination": {"missing": ["gsm8k"]}}
    with pytest.raises(UserError, match="gsm8k asked for and not checked"):
        require_checked(manifest, None)
    require_checked(manifest, "tell")
    require_checked({"decontamination": None}, None)


def test_a_folder_without_a_place_to_go(
    hub: Any, build: Path, client: Callable[..., Any], tmp_path: Path
) -> None:
    nowhere = client("-m", "dataengine.publish", str(build), "--dry-run")
    assert nowhere.returncode == 2
    assert "names no publish.repo; say --repo OWNER/NAME" in nowhere.err
    there = client("-m", "dataengine.publish", str(build), "--dry-run", "--repo", "me/other")
    assert there.returncode == 0 and "to me/other, branch main (private)" in there.out
    shutil.rmtree(build / "data")
    gone = client("-m", "dataengine.publish", str(build), "--dry-run", "--repo", "me/other")
    assert gone.returncode == 2 and "Traceback" not in gone.err
