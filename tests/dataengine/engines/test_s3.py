"""A work folder on S3: a real server on this machine (moto), the real client (s3fs), every engine."""

import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dataengine import storage
from dataengine.engines import slurm as slurm_engine
from dataengine.engines.ray import connected
from dataengine.engines.slurm import Slurm
from dataengine.errors import UserError

from .conftest import HERE, outputs

NEEDED = ("moto", "flask", "s3fs")
MISSING = [name for name in NEEDED if not importlib.util.find_spec(name)]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason="needs an S3 server and client: pip install 'moto[server]' s3fs"
)


@pytest.fixture(scope="module")
def s3():
    """The address of an S3 server, which every client of this process and its children asks."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    server = subprocess.Popen([sys.executable, "-c", serve], stderr=subprocess.DEVNULL)
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    patch.setenv("AWS_ACCESS_KEY_ID", "testing")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.setenv("PYTHONPATH", HERE)
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    yield
    server.kill()
    server.wait()
    patch.undo()


@pytest.fixture
def url(s3, node, tmp_path):
    """A folder in a bucket of this test's own."""
    import s3fs

    bucket = f"b-{tmp_path.name.replace('_', '-').lower()}-{os.getpid()}"
    s3fs.S3FileSystem(skip_instance_cache=True).mkdir(bucket)
    return f"s3://{bucket}/work/mix"


def objects(url):
    """Every object of the folder, with the time of its put."""
    import s3fs

    fs = s3fs.S3FileSystem(skip_instance_cache=True)
    found = fs.find(url, detail=True)  # a folder that appears meanwhile is told as one
    files = {name: held for name, held in found.items() if held["type"] == "file"}
    return {name: (held["size"], held["LastModified"]) for name, held in files.items()}


def test_the_same_bytes_as_on_a_file_system_and_another_machine_goes_on_for_nothing(
    url, node, replayed, tmp_path
):
    replayed("local")
    replayed("s3", work=storage.local(url))
    assert outputs(tmp_path / "s3") == outputs(tmp_path / "local")
    put = objects(url)
    assert not [name for name in put if "/tmp-" in name or "/jobs/" in name or "/looks/" in name]
    assert not [name for name in put if name.endswith("lock")]
    node("another")
    replayed("again", work=storage.local(url))
    assert outputs(tmp_path / "again") == outputs(tmp_path / "local")
    generated = [name for name in put if "/generate-" in name]
    assert generated and objects(url) == put


def test_the_same_bytes_on_ray_whose_workers_have_copies_of_their_own(
    url, replayed, tmp_path, monkeypatch
):
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    from ray.cluster_utils import Cluster

    replayed("local")
    (tmp_path / "workers").mkdir()
    with pytest.MonkeyPatch().context() as patch:
        patch.setenv("TMPDIR", str(tmp_path / "workers"))
        patch.setenv("RAY_TMPDIR", "/tmp")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        monkeypatch.setattr("dataengine.engines.ray.PATIENCE", 60)  # the machine may be busy
        cluster = Cluster(True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    try:
        with connected(2, cluster.address) as engine:
            replayed("ray", engine=engine, work=storage.local(url))
    finally:
        cluster.shutdown()
    assert outputs(tmp_path / "ray") == outputs(tmp_path / "local")
    (copy,) = (tmp_path / "workers").glob("dataengine-*/*")
    assert [*copy.glob("*/*.rows.arrow")] and [*copy.glob("cache/*/names.json")]


def test_the_same_bytes_on_slurm_and_what_an_element_says_comes_back(
    url, replayed, tmp_path, monkeypatch
):
    for name in ("sbatch", "squeue", "scancel"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(Path(HERE) / "fake_slurm" / "command")
    (tmp_path / "slurm").mkdir()
    (tmp_path / "workers").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("FAKE_SLURM", str(tmp_path / "slurm"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "workers"))
    monkeypatch.setattr(slurm_engine, "PAUSE", 0.1)
    replayed("local")
    replayed("on-slurm", engine=Slurm(array=2), work=storage.local(url))
    assert outputs(tmp_path / "on-slurm") == outputs(tmp_path / "local")
    assert [*(tmp_path / "workers").glob("dataengine-*/*/*/*.rows.arrow")]


BUILD = (
    "import sys, dataengine.sources.ingest as i; i.PART_ROWS = 60\n"
    "from dataengine.command import run_command; from dataengine.build import app\n"
    "run_command(app)"
)


def test_a_driver_killed_at_random_moments_goes_on_from_what_is_on_the_store(
    url, mixture, built, tmp_path
):
    built(mixture, "local")
    out, draw = tmp_path / "killed", random.Random(3)
    command = [sys.executable, "-c", BUILD, str(mixture), "--out", str(out), "--work", url]
    environment = os.environ | {"TMPDIR": str(tmp_path / "machine")}
    for kill in range(4):
        (tmp_path / "machine").mkdir(exist_ok=True)
        before = len(objects(url))
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        until = before + draw.randrange(1, 12)
        while process.poll() is None and len(objects(url)) < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if kill % 2:
            shutil.rmtree(tmp_path / "machine")  # and its disk is gone
    (tmp_path / "machine").mkdir(exist_ok=True)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert outputs(out) == outputs(tmp_path / "local")


def test_a_bucket_that_is_not_there_and_a_client_without_keys_are_one_line(
    s3, node, mixture, built, tmp_path, monkeypatch
):
    with pytest.raises(UserError, match=r"^s3://nowhere/x: cannot be written to \(.*bucket"):
        built(mixture, "out", work=storage.local("s3://nowhere/x"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(mixture), "--out", "x", "--work", "s3://nowhere/x"],
        capture_output=True, text=True, cwd=tmp_path, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 2 and "s3://nowhere/x: cannot be written to (" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
