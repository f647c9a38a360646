"""The build folder, as its owner, a neighbour and a careless person meet it."""

import fcntl
import importlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from dataengine import folder
from dataengine.build import app
from dataengine.errors import UserError

build = importlib.import_module("dataengine.build")  # `from dataengine import` gives the function


def chats(n):
    return [
        {"prompt": f"question {i} of many?", "completion": f"Answer {i}, given once."}
        for i in range(n)
    ]


def shown(out):
    files = [p for p in out.rglob("*") if p.is_file() and ".work" not in p.parts]
    return {str(p.relative_to(out)): p.read_bytes() for p in files}


def test_two_runs_at_once_are_refused_and_a_dead_one_is_not_in_the_way(mix, built, tmp_path):
    mixture = mix({"a": chats(5)})
    holder = subprocess.Popen(
        [sys.executable, "-c", "import fcntl, sys, time\nheld = open(sys.argv[1], 'a')\nfcntl.flock(held, fcntl.LOCK_EX)\nprint('held', flush=True)\ntime.sleep(60)", str(_lock(tmp_path / "out"))],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    with pytest.raises(UserError, match="another run is building here"):
        built(mixture)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    built(mixture)


def _lock(out):
    (out / ".work").mkdir(parents=True)
    return out / ".work" / "lock"


def test_the_lock_is_let_go_when_a_build_ends(mix, built, tmp_path):
    built(mix({"a": chats(5)}))
    with (tmp_path / "out" / ".work" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_build_of_another_mixture_is_left_alone(mix, built, tmp_path):
    built(mix({"a": chats(5)}, name="first"))
    before = shown(tmp_path / "out")
    with pytest.raises(UserError, match="holds the build of first, not of second"):
        built(mix({"a": chats(5)}, name="second"))
    assert shown(tmp_path / "out") == before


def test_a_folder_of_somebody_elses_files_is_left_alone(mix, built, tmp_path):
    (tmp_path / "out" / "data").mkdir(parents=True)
    (tmp_path / "out" / "data" / "precious.txt").write_text("years of work")
    with pytest.raises(UserError, match="is no build folder, but has a data of its own"):
        built(mix({"a": chats(5)}))
    assert (tmp_path / "out" / "data" / "precious.txt").read_text() == "years of work"


def test_what_was_deleted_from_a_finished_build_is_laid_out_again(mix, built, tmp_path):
    mixture, out = mix({"a": chats(5)}), tmp_path / "out"
    built(mixture)
    before = shown(out)
    for name in ("README.md", "mixture.lock.yaml", "data/train-00000-of-00001.parquet"):
        (out / name).unlink()
        built(mixture)
        assert shown(out) == before


class Killed(BaseException):
    pass


@pytest.mark.parametrize("moment", range(12))
def test_killed_at_every_step_of_laying_out_it_ends_the_same(
    mix, built, tmp_path, monkeypatch, moment
):
    mixture, out = mix({"a": [*chats(5), {"prompt": "q"}]}), tmp_path / "out"
    built(mixture, "undisturbed")
    (tmp_path / "a.jsonl").write_text(json.dumps({"prompt": "old", "completion": "build"}))
    built(mixture)
    mix({"a": [*chats(5), {"prompt": "q"}]})
    left = [moment]
    rename, laying = build.Path.rename, build._lay_out

    def dying(path, target):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return rename(path, target)

    def laid(*given):
        with monkeypatch.context() as now:
            now.setattr("pathlib.Path.rename", dying)
            laying(*given)

    with monkeypatch.context() as now:
        now.setattr(build, "_lay_out", laid)
        try:
            built(mixture)
        except Killed:
            assert not (out / "manifest.json").exists()
    built(mixture)
    assert shown(out) == shown(tmp_path / "undisturbed")


def test_a_file_system_without_hard_links_gets_copies(mix, built, tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    mixture = mix({"a": [*chats(5), {"prompt": "q"}]})
    built(mixture, "linked")
    monkeypatch.setattr(folder.os, "link", refused)
    built(mixture, "copied")
    assert shown(tmp_path / "linked") == shown(tmp_path / "copied")


def test_no_published_byte_says_where_on_the_disk_anything_lay(mix, built, tmp_path):
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "own.jsonl").write_text(
        '{"id": "1", "prompt": "Why is the sky over Oslo so blue in March?"}\n'
    )
    pl.DataFrame({"id": ["x"], "messages": [[{"role": "user", "content": "a"}]]}).write_parquet(
        tmp_path / "known.parquet"
    )
    mixture = mix(
        {"a": {"records": [*chats(5), {"prompt": "q"}], "path": str(tmp_path / "a.jsonl")}},
        decontaminate={"against": [str(tmp_path / "evals")], "path": str(tmp_path / "evals")},
        dedup={"minhash": {"against": [str(tmp_path / "known.parquet")]}},
    )  # fmt: skip
    built(mixture)
    for name, data in shown(tmp_path / "out").items():
        assert str(tmp_path).encode() not in data, name
    assert built(tmp_path / "out" / "mixture.lock.yaml", "again")["splits"]
    assert shown(tmp_path / "out" / "data") == shown(tmp_path / "again" / "data")


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no other file system at hand")
def test_a_folder_on_another_file_system(mix, built, tmp_path):
    import tempfile

    mixture = mix({"a": chats(5)})
    built(mixture)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        built(mixture, f"{other}/out")
        assert shown(build.Path(other, "out", "data")) == shown(tmp_path / "out" / "data")


def test_steps_may_lie_in_another_folder_and_one_run_at_a_time_may_have_it(tmp_path, mix):
    mixture, work = mix({"a": chats(5)}), tmp_path / "shared" / "work"
    first = [str(mixture), "--out", str(tmp_path / "one"), "--work", str(work)]
    done = CliRunner().invoke(app, first)
    assert done.exit_code == 0, done.output
    assert [p.name for p in (tmp_path / "one/.work").iterdir()] == ["lock"]
    assert (work / "lock").is_file() and [*work.glob("shards-*/account.json")]
    planned = CliRunner().invoke(app, [*first, "--plan", "--json"])
    assert {stage["state"] for stage in json.loads(planned.output)["stages"]} == {"done"}
    second = [str(mixture), "--out", str(tmp_path / "two"), "--work", str(work)]
    with folder.held(tmp_path / "one", "test", work):
        refused = CliRunner().invoke(app, second)
    assert str(refused.exception) == (
        f"{work}: another run is building here; wait for it, or choose another --work"
    )
    assert CliRunner().invoke(app, second).exit_code == 0
    assert (tmp_path / "two/manifest.json").read_bytes() == (
        tmp_path / "one/manifest.json"
    ).read_bytes()
