"""Storage: an object store's folder is as good as a local one, whatever dies and however late a
listing is."""

import pickle
import subprocess
import sys
import uuid

import fsspec
import pytest

from dataengine import storage
from dataengine.errors import UserError

MEMORY = fsspec.filesystem("memory")


@pytest.fixture
def url(node):
    """A folder of memory:// that no other test has."""
    return f"memory://{uuid.uuid4().hex}/work"


def put(url, name, data):
    file = storage.local(url) / name
    with storage.writing(file) as partial:
        partial.write_bytes(data)
    return file


def test_a_file_is_an_object_and_comes_back_on_another_node(url, node):
    here = put(url, "step-1/000000.arrow", b"rows")
    assert here.read_bytes() == b"rows" == MEMORY.cat_file(f"{url}/step-1/000000.arrow")
    address = storage.address(here)
    node("b")
    there = storage.local(address)
    assert there != here and not there.exists() and storage.exists(there)
    assert storage.fetch(there).read_bytes() == b"rows"
    assert not storage.exists(there.with_name("000001.arrow"))
    with pytest.raises(FileNotFoundError, match=r"000001\.arrow"):
        storage.fetch(there.with_name("000001.arrow"))


def test_a_local_path_is_what_it_is(tmp_path):
    assert storage.local(str(tmp_path)) == tmp_path
    assert storage.address(tmp_path) == storage.named(tmp_path) == str(tmp_path)
    assert storage.whole(tmp_path / "nowhere")


def test_a_copy_is_brought_once_and_again_when_the_object_is_another(url, node, monkeypatch):
    address = storage.address(put(url, "a.arrow", b"one"))
    brought = []
    get = type(MEMORY).get_file
    monkeypatch.setattr(type(MEMORY), "get_file", lambda *a, **k: (brought.append(a), get(*a, **k)))
    for _ in range(3):
        node("b")  # a process of its own each time
        assert storage.fetch(storage.local(address)).read_bytes() == b"one"
    assert len(brought) == 1
    node("a")
    put(url, "a.arrow", b"two")
    node("b")
    assert storage.fetch(storage.local(address)).read_bytes() == b"two" and len(brought) == 2


def test_a_writer_that_dies_in_the_middle_leaves_nothing_that_looks_whole(url, node, monkeypatch):
    file = storage.local(url) / "000000.arrow"
    with pytest.raises(KeyboardInterrupt), storage.writing(file) as partial:
        partial.write_bytes(b"half")  # died while writing
        raise KeyboardInterrupt
    assert not partial.exists()
    assert not storage.exists(file) and not file.exists() and storage.listed([file]) == set()

    def dies(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(MEMORY), "pipe_file", dies)  # died while putting
        put(url, "000000.arrow", b"half")
    assert not storage.exists(file) and not file.exists()
    put(url, "000000.arrow", b"whole")
    assert storage.exists(file) and file.read_bytes() == b"whole"


def test_a_listing_that_lags_hides_nothing_that_is_asked_for_by_name(url, node, monkeypatch):
    address = storage.address(put(url, "step/000000.arrow", b"x"))
    node("b")
    file = storage.local(address)
    with monkeypatch.context() as patch:
        patch.setattr(type(MEMORY), "ls", lambda *_, **__: [])
        assert storage.listed([file]) == set()
        assert storage.exists(file) and storage.listed([file]) == {file}
    other = put(url, "step/000001.arrow", b"y")
    assert storage.listed([file, other, file.with_name("2")]) == {file, other}


def test_a_folder_is_whole_when_its_list_is_there(url, node):
    folder = storage.local(url) / "step-1"
    put(url, "step-1/000000.arrow", b"asked for by its name")
    (folder / "dropped").mkdir()
    (folder / "dropped/000001.parquet").write_bytes(b"lost")
    (folder / "account.json").write_bytes(b"{}")
    (folder / "tmp-account.json").write_bytes(b"{")
    node("b")
    there = storage.local(url) / "step-1"
    assert not storage.whole(there)
    node("a")
    storage.keep(storage.local(url) / "step-1")
    node("b")
    there.mkdir(parents=True)
    (there / "evidence.parquet").write_bytes(b"of a folder that had this name before")
    assert storage.whole(storage.local(url) / "step-1")
    found = {str(f.relative_to(there)) for f in there.rglob("*") if f.is_file()}
    assert found == {"account.json", "dropped/000001.parquet", storage.KEPT}
    storage.remove(there)
    assert not storage.whole(there) and not there.exists()
    assert not storage.exists(there / "000000.arrow") and not MEMORY.exists(f"{url}/step-1")
    storage.remove(there)


def test_what_is_made_once_for_all_is_made_once(url, node):
    made = []
    for name in ("a", "b", "b"):
        node(name)
        index = storage.local(url) / "cache" / "index"
        with storage.kept(index):
            if not (index / "names.json").exists():
                made.append(name)
                index.mkdir(parents=True)
                (index / "names.json").write_text("{}")
        assert (index / "names.json").read_text() == "{}"
    assert made == ["a"]


def test_one_machine_at_a_time_has_a_folder_and_a_dead_run_is_not_in_the_way(url, node):
    with storage.claimed(storage.local(url)):
        node("b")
        told = rf"^{url}: a run on .* builds here; wait for it, or delete {url}/lock if it is"
        with pytest.raises(UserError, match=told), storage.claimed(storage.local(url)):
            pass
        node("a")
        with storage.claimed(storage.local(url)):  # as after kill -9: the copy's own lock decides
            pass
        MEMORY.pipe_file(f"{url}/lock", b"")
    assert not MEMORY.exists(f"{url}/lock")


def test_paths_travel_by_their_url(url, node, tmp_path):
    held = {
        "part": put(url, "read/000000.arrow", b"x"),
        "own": tmp_path,
        "root": storage.local(url),
    }
    with (tmp_path / "job").open("wb") as out:
        storage.dump(held, out)
    node("b")
    back = pickle.loads((tmp_path / "job").read_bytes())
    assert back["own"] == tmp_path and back["root"] == storage.local(url)
    assert back["part"] == storage.local(url) / "read/000000.arrow" != held["part"]
    assert storage.fetch(back["part"]).read_bytes() == b"x"


@pytest.mark.parametrize("url", ["sftp://host/x", "hdfs://x/y"])
def test_what_is_no_object_store_is_refused(url, node):
    with pytest.raises(UserError, match="is no object store that is known here"):
        storage.local(url)


def test_without_what_reads_it_the_extra_is_named(node, monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    known = sys.modules["fsspec.registry"]._registry
    monkeypatch.delitem(known, "s3", raising=False)  # another test loaded it
    with pytest.raises(UserError, match=r"pip install -e '\.\[s3\]'"):
        storage.local("s3://bucket/work")


def test_the_local_path_loads_no_client_of_an_object_store(tmp_path):
    code = (
        "import sys; from pathlib import Path; import dataengine.build, dataengine.run; from dataengine import storage\n"
        "storage.exists(Path('x')); assert not {'s3fs', 'aiobotocore', 'boto3'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
