"""What lies in the cache is whole, whoever wrote it and whoever died."""

import os
import socket
import subprocess
import sys

import pytest

from dataengine.kernels.cache import appearing


def left(folder):
    return [file.name for file in folder.glob("tmp-*")]


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    file = tmp_path / "below" / "table"
    with pytest.raises(ZeroDivisionError), appearing(file) as partial:
        partial.write_text("hal")
        raise ZeroDivisionError
    assert not file.exists() and not left(file.parent)
    with appearing(file) as partial:
        partial.write_text("whole")
        assert not file.exists()
    assert file.read_text() == "whole" and not left(file.parent)


def test_of_two_writers_of_a_folder_the_first_stays(tmp_path):
    folder = tmp_path / "index"
    with appearing(folder) as one, appearing(folder) as other:
        for partial, name in ((one, "one"), (other, "other")):
            partial.mkdir()
            (partial / "name").write_text(name)
    assert (folder / "name").read_text() == "other" and not left(
        tmp_path
    )  # whose block ended first


def test_what_a_dead_process_began_goes_and_what_a_living_one_did_stays(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f"tmp-{dead.pid}@{socket.gethostname()}@0-a-file").write_text("hal")
    (tmp_path / f"tmp-{dead.pid}@{socket.gethostname()}@1-index").mkdir()
    living = [f"tmp-{os.getpid()}@{socket.gethostname()}@9-a", f"tmp-{dead.pid}@elsewhere@0-a"]
    for name in living:
        (tmp_path / name).write_text("at work")
    with appearing(tmp_path / "table") as partial:
        partial.write_text("whole")
    assert sorted(left(tmp_path)) == sorted(living)
