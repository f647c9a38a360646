"""Builds by the real command, in processes that are killed, starved and lied to."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

MIXTURE = """\
name: faults
sources:
  - {name: chat, path: chat.jsonl, licence: CC0-1.0}
  - {name: more, path: more.jsonl, licence: CC0-1.0, repeat: 1.5}
filters: [empty_turns, identity, repetition, {length: {max_chars: 9000}}]
dedup: {exact: true}
splits: {train: 0.9, validation: 0.1}
"""
RECORD = '{{"messages": [{{"role": "user", "content": "{0} asks {1}?"}}, {{"role": "assistant", "content": "{0} is told {1}. {2}"}}]}}\n'


@pytest.fixture
def mixture(tmp_path: Path) -> Path:
    draw = random.Random(3)
    words = ["harbour", "lantern", "copper", "meadow", "whistle", "ladder", "orchard", "velvet"]
    for name in ("chat", "more"):
        with (tmp_path / f"{name}.jsonl").open("w") as stream:
            for i in range(1_500):
                stream.write(RECORD.format(name, i, " ".join(draw.choices(words, k=40))))
    file = tmp_path / "mixture.yaml"
    file.write_text(MIXTURE)
    return file


PROGRAM = ["-m", "dataengine.build"]


def command(*arguments: object) -> list[str]:
    return [sys.executable, *PROGRAM, *map(str, arguments)]


def run(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, **more)  # type: ignore[call-overload, no-any-return]


def outputs(folder: Path) -> dict[str, bytes]:
    """Every row a build shows the world, and its manifest but for the engine's own commit."""
    files = [p for p in folder.rglob("*.parquet") if ".work" not in p.parts]
    rows = {str(p.relative_to(folder)): p.read_bytes() for p in files}
    manifest = json.loads((folder / "manifest.json").read_text())
    return rows | {"manifest.json": json.dumps({**manifest, "engine": None}).encode()}


def finished_stages(folder: Path) -> dict[str, int]:
    """Each finished stage and the inode of its account: another one means that it ran again."""
    return {p.parent.name: p.stat().st_ino for p in (folder / ".work").glob("[!t]*/account.json")}


def step_files(folder: Path) -> dict[Path, int]:
    """Every part, every decision on one, every look at one and every shard, and its inode: another
    one means that it was made again. What was scattered goes when it is gathered."""
    kinds = ("[!t]*/**/[!t]*.arrow", "shards-*/data/*.parquet")
    files = [path for kind in kinds for path in (folder / ".work").glob(kind)]
    return {p: p.stat().st_ino for p in files if p.parent.name != "scattered"}


SCATTERING = """
import sys
from dataengine import exchange
from dataengine.build import app
from dataengine.stages import shards
exchange.CACHED, exchange.SCATTERED_BYTES, shards.SHARD_BYTES = 0, 100_000, 50_000
app()
"""
"""A build of many small shards that holds no parts in the page cache."""


@pytest.mark.parametrize("program", [["-m", "dataengine.build"], ["-c", SCATTERING]])
def test_killed_at_random_moments_it_ends_with_the_same_bytes(
    mixture, tmp_path, program, monkeypatch
):
    monkeypatch.setattr(sys.modules[__name__], "PROGRAM", program)
    started = time.monotonic()
    assert run(mixture, "--out", tmp_path / "undisturbed").returncode == 0
    whole = time.monotonic() - started
    draw = random.Random(20)
    out = tmp_path / "killed"
    kills = 0
    while kills < 10:
        before, files = finished_stages(out), step_files(out)
        process = subprocess.Popen(command(mixture, "--out", out), stderr=subprocess.DEVNULL)
        started = time.monotonic()
        try:
            process.wait(draw.uniform(0.25, 0.8) * whole)
            whole = min(whole, time.monotonic() - started)  # a run that has less to do is shorter
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
        after = finished_stages(out)
        assert {name: after.get(name) for name in before} == before
        still = step_files(out)
        assert {path: still.get(path) for path in files} == files
        assert not (out / "manifest.json").exists() or outputs(out) == outputs(
            tmp_path / "undisturbed"
        )
        if (out / "manifest.json").exists():
            for name in draw.sample(sorted(after), 3):
                (out / ".work" / name / "account.json").unlink()
                (out / ".work" / name).rename(out / ".work" / f"tmp-{name}")
            (out / "manifest.json").unlink()
    assert run(mixture, "--out", out).returncode == 0
    assert outputs(out) == outputs(tmp_path / "undisturbed")


KILLED = """
import os, signal
from dataengine import exchange
gather = exchange.Scattered.gather
def killed(self, bucket):
    if bucket == int(os.environ["KILLED_AT"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return gather(self, bucket)
exchange.Scattered.gather = killed
"""


def test_killed_between_scatter_and_gather_it_scatters_nothing_again(
    mixture, tmp_path, monkeypatch
):
    assert run(mixture, "--out", tmp_path / "undisturbed", "--workers", 1).returncode == 0
    out = tmp_path / "out"
    monkeypatch.setattr(sys.modules[__name__], "PROGRAM", ["-c", KILLED + SCATTERING])
    seen: list[dict[Path, int]] = []
    for at in (0, 2):
        monkeypatch.setenv("KILLED_AT", str(at))
        assert run(mixture, "--out", out, "--workers", 1).returncode == -signal.SIGKILL
        files = (out / ".work").glob("shards-*/scattered/[0-9]*.arrow")
        seen.append({path: path.stat().st_ino for path in files})
        written = sorted((out / ".work").glob("shards-*/data/*.parquet"))
        assert len(written) == at
    assert len(seen[0]) == 2 and seen[0] == seen[1]
    monkeypatch.setenv("KILLED_AT", "-1")
    assert run(mixture, "--out", out).returncode == 0
    assert not [*(out / ".work").glob("shards-*/scattered")]
    rows = [
        pl.concat(map(pl.read_parquet, sorted((folder / "data").glob("train-*"))))
        for folder in (tmp_path / "undisturbed", out)
    ]
    assert rows[0].equals(rows[1])  # in smaller shards


DYING = """
import os, signal
def died(*_):
    os.kill(os.getpid(), signal.SIGKILL)
"""
IN_SETTLE = DYING + "from dataengine.dedup import near; near.Settings.twins = died"
IN_THE_INDEX = DYING + "from decontam.index import index; index.np.save = died"


@pytest.mark.parametrize("dying", [IN_SETTLE, IN_THE_INDEX])
def test_what_a_killed_build_left_half_made_is_cleared_away(mixture, tmp_path, dying, monkeypatch):
    item = {"id": "1", "prompt": "twenty words that stand in no row of these", "answer": ""}
    (tmp_path / "gsm8k.jsonl").write_text(json.dumps(item) + "\n")
    more = f"decontaminate: {{against: [gsm8k], path: {tmp_path}}}\n"
    mixture.write_text(MIXTURE.replace("exact: true", "exact: true, minhash: true") + more)
    out, cache = tmp_path / "out", tmp_path / "cache"
    monkeypatch.setenv("DECONTAM_CACHE", str(cache))
    monkeypatch.setattr(sys.modules[__name__], "PROGRAM", ["-c", f"{dying}\n{SCATTERING}"])
    assert run(mixture, "--out", out).returncode == -signal.SIGKILL
    assert [*(out / ".work").glob("*/tmp*"), *cache.glob("*/tmp*")]
    monkeypatch.setattr(sys.modules[__name__], "PROGRAM", ["-c", SCATTERING])
    assert run(mixture, "--out", out).returncode == 0
    assert not [*(out / ".work").glob("**/tmp*")]
    assert len([*cache.glob("indices/*")]) == 1
    assert run(mixture, "--out", tmp_path / "undisturbed").returncode == 0
    assert outputs(out) == outputs(tmp_path / "undisturbed")


def test_bad_input_is_one_line_and_exit_code_2(mixture, tmp_path):
    mixture.write_text(MIXTURE.replace("chat.jsonl", "chat.jsonn"))
    done = run(mixture, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.startswith("error: source chat: path: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_validate_says_the_same_and_writes_nothing(mixture, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    call = [sys.executable, "-m", "dataengine.validate", str(mixture), "--json"]
    done = subprocess.run(call, capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert told.items() >= {"valid": True, "name": "faults", "stages": 10}.items()
    assert [(s["name"], s["rows"]) for s in told["sources"]] == [("chat", 1_000), ("more", 1_000)]
    mixture.write_text(MIXTURE.replace("more.jsonl", "nothing.jsonl"))
    done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert done.stderr == f"error: {error}\n" and "nothing.jsonl" in error
    assert sorted(tmp_path.rglob("*")) == before


def test_a_plan_touches_nothing_and_lists_what_a_run_executes(mixture, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    planned = json.loads(run(mixture, "--plan", "--json", "--out", tmp_path / "out").stdout)
    assert sorted(tmp_path.rglob("*")) == before
    built = json.loads(run(mixture, "--json", "--out", tmp_path / "out").stdout)["manifest"]
    assert [s["fingerprint"] for s in planned["stages"]] == [
        s["fingerprint"] for s in built["stages"]
    ]
    assert [s["rows"] for s in planned["stages"]][:2] == [1_500, 1_500]
    again = json.loads(run(mixture, "--plan", "--json", "--out", tmp_path / "out").stdout)
    assert {s["state"] for s in again["stages"]} == {"done"}
    assert [s["rows"] for s in again["stages"]] == [s["kept"] for s in built["stages"]]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
@pytest.mark.parametrize("option", ["--out", "--work"])
def test_a_full_disk_is_one_line_and_goes_on_when_there_is_room(mixture, tmp_path, option):
    small = tmp_path / "small"
    folders = {"--out": tmp_path / "out", option: small / "full"}
    given = [text for named in folders.items() for text in named]
    small.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=800k", "tmpfs", str(small)], capture_output=True
    )
    if mount.returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    try:
        done = run(mixture, *given)
        assert done.returncode == 2, done.stderr
        assert f"{small / 'full'}: no space left" in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        assert not (folders["--out"] / "manifest.json").exists()
        subprocess.run(["mount", "-o", "remount,size=200m", str(small)], check=True)
        assert run(mixture, *given).returncode == 0
        assert run(mixture, "--out", tmp_path / "roomy").returncode == 0
        assert outputs(folders["--out"]) == outputs(tmp_path / "roomy")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_folder_that_cannot_be_written(mixture, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = run(mixture, "--out", tmp_path / "file" / "out")
    assert done.returncode == 2
    assert "cannot be written to" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_work_folder_that_cannot_be_written_is_the_one_that_is_named(mixture, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for work in (tmp_path / "file", tmp_path / "file" / "work"):
        done = run(mixture, "--out", tmp_path / "out", "--work", work)
        assert done.returncode == 2 and done.stderr.count("\n") == 1
        assert f"{work}: cannot be written to (" in done.stderr
        assert done.stderr.endswith("; choose another --work\n")
    done = run(mixture, "--out", tmp_path / "file", "--work", tmp_path / "work")
    assert f"{tmp_path / 'file'}: cannot be written to (" in done.stderr
    assert done.stderr.endswith("; choose another --out\n")


def test_no_secret_is_in_any_byte_that_a_build_writes(mixture, tmp_path):
    secrets = {"HF_TOKEN": "hf_planted0secret", "OPENAI_API_KEY": "sk-planted0secret"}
    done = run(mixture, "--out", tmp_path / "out", env={**os.environ, **secrets})
    assert done.returncode == 0
    written = [p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert len(written) > 20
    for secret in secrets.values():
        assert secret not in done.stdout + done.stderr
        assert not any(secret.encode() in data for data in written)
