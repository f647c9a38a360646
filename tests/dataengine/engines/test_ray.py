"""The Ray engine, on a cluster of two CPUs that this file starts: the same bytes, whoever dies."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from planted import Brittle, Planted

from dataengine.engines.drive import drive
from dataengine.engines.ray import _refuse_dead, connected
from dataengine.errors import UserError

from .conftest import HERE, calls, contents, outputs

pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")


@pytest.fixture(scope="module")
def cluster():
    """A cluster that is there before an engine is, and must be there after it."""
    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", HERE)
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    patch.setattr("dataengine.engines.ray.PATIENCE", 60)  # the machine may be busy
    from ray.cluster_utils import Cluster

    cluster = Cluster(True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    yield cluster
    cluster.shutdown()
    patch.undo()


@pytest.fixture(scope="module")
def address(cluster):
    return cluster.address


@pytest.fixture(scope="module")
def ray(address):
    """An engine for all tests; when it is left, the cluster must still be there."""
    with connected(2, address) as engine:
        yield engine
    _refuse_dead(address)


def test_the_same_bytes_as_threads(ray, replayed, tmp_path):
    manifest = replayed("threads")
    assert manifest["stages"][2]["kept"] == 12
    replayed("ray", engine=ray)
    assert outputs(tmp_path / "ray") == outputs(tmp_path / "threads")
    assert not [*(tmp_path / "ray").rglob("jobs")]


def test_a_killed_worker_loses_a_part_for_a_while(ray, job, notes, tmp_path):
    drive(ray, job(Planted(notes=notes, part=-1), out="calm"), 5, lambda part: None)
    drive(ray, job(Planted(notes=notes, part=1, how="dies_once")), 5, lambda part: None)
    assert contents(tmp_path / "made") == contents(tmp_path / "calm")
    assert calls(notes)[1] == 2  # in calm, and the one that died, are the first two lines


def test_a_part_that_kills_every_worker_is_named(ray, job, notes):
    with pytest.raises(UserError, match=r"part 3 .* was lost 3 times .*WorkerCrashedError"):
        drive(ray, job(Planted(notes=notes, part=3, how="dies")), 5, lambda part: None)
    assert calls(notes)[3] == 3


def test_an_error_comes_back_once_with_its_part(ray, job, notes):
    with pytest.raises(RuntimeError, match="Stubborn: a bad record at row 7") as raised:
        drive(ray, job(Brittle(notes=notes), verb="look"), 5, lambda part: None)
    assert "raised on part 2 (" in raised.value.__notes__[-1]
    with pytest.raises(UserError, match=r"^the folder of gold answers"):
        drive(ray, job(Planted(notes=notes, how="is_bad_input")), 5, lambda part: None)


def test_workers_have_one_thread_each(ray):
    import ray as cluster

    seen = cluster.remote(
        lambda: (__import__("polars").thread_pool_size(), os.environ["OMP_NUM_THREADS"])
    )
    assert cluster.get(seen.remote()) == (1, "1")


def test_a_node_that_goes_loses_its_parts_for_a_while(ray, cluster, job, notes, tmp_path):
    drive(ray, job(Planted(notes=notes, part=-1), 12, out="calm"), 12, lambda part: None)
    nodes = [cluster.add_node(num_cpus=2)]

    def done(part):
        while nodes:
            cluster.remove_node(nodes.pop(), allow_graceful=False)

    drive(ray, job(Planted(notes=notes, part=9, how="takes_a_second"), 12), 12, done)
    assert contents(tmp_path / "made") == contents(tmp_path / "calm") and not nodes


def test_a_worker_without_memory_says_so_with_the_part(ray, job, notes):
    with pytest.raises(MemoryError, match="Unable to allocate") as raised:
        stage = Planted(notes=notes, how="needs_more_memory_than_there_is")
        drive(ray, job(stage), 5, lambda part: None)
    assert "raised on part 2 (" in raised.value.__notes__[-1] and calls(notes)[2] == 1


def test_a_full_disk_keeps_what_is_made_and_goes_on_when_there_is_room(
    ray, job, notes, little_room, tmp_path
):
    given = job(Planted(notes=notes, how="says_more_than_the_disk_holds"))
    with pytest.raises(OSError) as raised:
        drive(ray, given, 5, lambda part: None)
    assert raised.value.errno == errno.ENOSPC
    assert "000002.arrow" not in contents(tmp_path / "made")
    little_room("100m")
    drive(ray, given, 5, lambda part: None)
    assert len(contents(tmp_path / "made")) == 5 and calls(notes)[2] == 2


def test_a_dead_address_is_refused(monkeypatch):
    monkeypatch.setattr("dataengine.engines.ray.PATIENCE", 3)
    with pytest.raises(UserError, match=r"^--address 127.0.0.1:9: no Ray cluster answered"):
        _refuse_dead("127.0.0.1:9")


def test_a_driver_that_waits_for_a_dead_cluster_obeys(mixture, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        options = ["--out", str(tmp_path / "x"), "--engine", "ray", "--address", address]
        command = [sys.executable, "-m", "dataengine.build", str(mixture), *options]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while process.poll() is None and not children.read_text():  # who asks the cluster
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM
    assert not (tmp_path / "x").exists()


def test_a_killed_driver_goes_on_without_doing_anything_again(address, mixture, built, tmp_path):
    built(mixture, "threads")
    out = tmp_path / "killed"
    code = (
        "import sys, dataengine.sources.ingest as i; i.PART_ROWS = 60\n"
        "from dataengine.command import run_command; from dataengine.build import app\n"
        "run_command(app)"
    )
    # Paths from the driver's folder, which is not the workers'.
    options = [mixture.name, "--out", out.name, "--engine", "ray", "--address", address]
    command = [sys.executable, "-c", code, *options]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=tmp_path, **quiet)
    while not [*out.glob(".work/repetition-*/*/*.arrow")] and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = {file: file.stat().st_ino for file in out.glob(".work/repetition-*/*/0*.arrow")}
    assert before and not (out / "manifest.json").exists()
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {file: file.stat().st_ino for file in before} == before
    assert outputs(out) == outputs(tmp_path / "threads")
