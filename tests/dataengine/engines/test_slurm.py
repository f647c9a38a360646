"""The Slurm engine: against commands that do as Slurm's do, and on Slurm where it answers."""

import shutil
import subprocess
from pathlib import Path

import pytest
from planted import Planted

from dataengine.engines import slurm as slurm_engine
from dataengine.engines.drive import drive
from dataengine.engines.handed import hand_out
from dataengine.engines.slurm import Slurm
from dataengine.errors import UserError

from .conftest import HERE, calls, contents, outputs

FAKE = Path(HERE) / "fake_slurm" / "command"


def answers():
    """Whether there is a Slurm here whose controller answers."""
    return (
        bool(shutil.which("sinfo"))
        and not subprocess.run(["sinfo"], capture_output=True, timeout=30).returncode
    )


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """The folder of what fake commands were asked; they are the first on the path."""
    for name in ("sbatch", "squeue", "scancel"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(FAKE)
    (tmp_path / "slurm").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setenv("FAKE_SLURM", str(tmp_path / "slurm"))
    monkeypatch.setenv("PYTHONPATH", HERE)
    monkeypatch.setattr(slurm_engine, "PAUSE", 0.1)
    monkeypatch.setattr("dataengine.engines.drive.LAG", 0)
    return tmp_path / "slurm"


def asked(slurm, command):
    """How often a command was given."""
    return (slurm / "calls").read_text().splitlines().count(command)


def test_the_same_bytes_as_threads(slurm, replayed, tmp_path):
    replayed("threads")
    replayed("on-slurm", engine=Slurm(array=2))
    assert outputs(tmp_path / "on-slurm") == outputs(tmp_path / "threads")


def test_elements_share_the_parts_and_each_is_made_once(slurm, job, notes, tmp_path):
    drive(Slurm(array=2), job(Planted(notes=notes)), 5, lambda part: None)
    assert calls(notes) == dict.fromkeys(range(5), 1) and len(contents(tmp_path / "made")) == 5
    assert len([*slurm.glob("dataengine-*")]) == 2


def test_the_parts_of_a_killed_element_are_given_to_another(slurm, job, notes):
    drive(Slurm(array=2), job(Planted(notes=notes, how="dies_once")), 5, lambda part: None)
    assert calls(notes) == {0: 1, 1: 1, 2: 2, 3: 1, 4: 1}
    assert asked(slurm, "sbatch") == 2


def test_an_array_that_a_killed_driver_left_is_waited_for(slurm, job, notes):
    given, engine = job(Planted(notes=notes, how="takes_a_second")), Slurm(array=2)
    file = hand_out(given, range(5))
    engine._submit(slurm_engine._name(given), file, given.fingerprint, 2)
    drive(engine, given, 5, lambda part: None)
    assert asked(slurm, "sbatch") == 1 and calls(notes) == dict.fromkeys(range(5), 1)


def test_an_error_ends_the_build_with_the_part_and_the_array_with_it(slurm, job, notes):
    with pytest.raises(OSError) as raised:
        drive(Slurm(), job(Planted(notes=notes, how="cannot_read")), 5, lambda part: None)
    assert "raised on part 2 (" in raised.value.__notes__[-1]
    assert (asked(slurm, "sbatch"), asked(slurm, "scancel")) == (1, 1)


def test_what_sbatch_refuses_is_one_line(slurm, job, notes):
    told = r"^--engine slurm: sbatch: error: invalid partition specified: nowhere$"
    with pytest.raises(UserError, match=told):
        drive(Slurm("nowhere"), job(Planted(notes=notes)), 5, lambda part: None)


def test_without_slurm_it_is_told_where_to_run(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="there is no sbatch here"):
        Slurm()


@pytest.mark.skipif(not answers(), reason="there is no Slurm here (sinfo does not answer)")
def test_the_same_bytes_on_a_real_slurm(replayed, tmp_path):
    replayed("threads")
    replayed("on-slurm", engine=Slurm(array=2))
    assert outputs(tmp_path / "on-slurm") == outputs(tmp_path / "threads")
