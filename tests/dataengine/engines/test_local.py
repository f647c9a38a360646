"""The local engine: the same bytes for any number of threads, and errors as they were raised."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from planted import Brittle, Planted, Stubborn

from dataengine.engines import opened
from dataengine.engines.drive import drive
from dataengine.engines.local import Local
from dataengine.errors import UserError

from .conftest import calls, outputs


def test_the_same_bytes_with_one_two_and_four_threads(mixture, built, tmp_path):
    manifest = built(mixture, "one", workers=1)
    reasons = {reason for stage in manifest["stages"] for reason in stage["reasons"]}
    assert reasons >= {"exact duplicate", "near duplicate", "contaminated"}
    assert [s["parts"] for s in manifest["stages"][:2]] == [[60, 53], [60, 53]]
    for workers in (2, 4):
        built(mixture, str(workers), workers=workers)
        assert outputs(tmp_path / str(workers)) == outputs(tmp_path / "one")


def test_nothing_is_handed_out_on_the_local_path(mixture, built, monkeypatch):
    monkeypatch.setattr("dataengine.engines.handed.hand_out", None)
    monkeypatch.setattr("dataengine.engines.job.Job.__reduce__", None)
    built(mixture)


def test_an_exception_that_would_not_travel_is_raised_as_it_is(job, notes):
    with ThreadPoolExecutor(2) as pool, pytest.raises(Stubborn) as raised:
        drive(Local(pool, 2), job(Brittle(notes=notes), verb="look"), 5, lambda part: None)
    assert "part 2" in raised.value.__notes__[0]


def test_parts_are_told_of_in_order(job, notes):
    told = []
    with ThreadPoolExecutor(3) as pool:
        drive(Local(pool, 3), job(Planted(notes=notes)), 5, told.append)
    assert [done.part for done in told] == [0, 1, 2, 3, 4]
    assert calls(notes) == dict.fromkeys(range(5), 1)


def test_an_option_of_another_engine_is_refused():
    told = "--partition is for --engine slurm, and this is --engine local"
    with pytest.raises(UserError, match=told), opened("local", 1, partition="main"):
        pass
