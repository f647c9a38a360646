"""Driving: whatever an engine loses, every part is made once, with the same bytes."""

import re
import shutil
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planted import Planted

from dataengine.engines import drive as driving
from dataengine.engines.drive import ATTEMPTS, drive
from dataengine.engines.job import Done, Tasks, perform
from dataengine.errors import UserError

from .conftest import calls, contents

WAYS = ["never came back", "said to be lost", "made and not told", "made and said to be lost"]


class Forgetful:
    """Loses each part in the ways that are planned for it, then makes it."""

    def __init__(self, plan):
        self.plan = {part: list(ways) for part, ways in enumerate(plan)}
        self.asked = []

    def run(self, job, parts):
        self.asked.append(list(parts))
        for part in reversed(parts):
            way = self.plan[part].pop(0) if self.plan.get(part) else ""
            done = perform(job, part) if "made" in way or not way else None
            if "said" in way:
                yield Done(part, ConnectionError("the worker died"), lost=True)
            elif not way:
                yield done


@pytest.fixture(autouse=True)
def no_lag(monkeypatch):
    monkeypatch.setattr(driving, "LAG", 0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    plan=st.lists(st.lists(st.sampled_from(WAYS), max_size=ATTEMPTS - 1), min_size=1, max_size=6)
)
def test_every_part_is_made_once_with_the_same_bytes_whatever_is_lost(plan, job, notes, tmp_path):
    for folder in ("calm", "made", "notes"):
        shutil.rmtree(tmp_path / folder, ignore_errors=True)
    notes.mkdir()
    stage = Planted(notes=notes)
    drive(Forgetful([]), job(stage, len(plan), "calm"), len(plan), lambda part: None)
    told = []
    drive(Forgetful(plan), job(stage, len(plan)), len(plan), told.append)
    assert contents(tmp_path / "made") == contents(tmp_path / "calm")
    assert calls(notes) == dict.fromkeys(range(len(plan)), 2)  # once calm, once not
    assert len(told) == len({*told})


def test_only_what_is_missing_is_handed_out(job, notes):
    given = job(Planted(notes=notes))
    perform(given, 1)
    engine, told = Forgetful([]), []
    drive(engine, given, 5, told.append)
    assert engine.asked == [[0, 2, 3, 4]]
    assert sorted(done.part for done in told) == [0, 1, 2, 3, 4]
    drive(engine, given, 5, told.append)
    assert len(engine.asked) == 1


def test_a_part_that_is_lost_three_times_ends_the_build_with_its_number_and_the_reason(job, notes):
    engine = Forgetful([[], [], ["said to be lost"] * 3])
    with pytest.raises(UserError, match=r"part 2 \(.*000002.rows.arrow\) was lost 3 times.*died"):
        drive(engine, job(Planted(notes=notes)), 5, lambda part: None)
    assert engine.asked == [[0, 1, 2, 3, 4], [2], [2]]


def test_an_error_of_a_stage_ends_the_build_at_once_with_the_part(job, notes):
    engine = Forgetful([])
    with pytest.raises(OSError) as raised:
        drive(engine, job(Planted(notes=notes, how="cannot_read")), 5, lambda part: None)
    assert len(engine.asked) == 1 and raised.value.errno == 5
    assert re.search(r"planted_in_a_test: raised on part 2 \(.*000002", raised.value.__notes__[-1])


def test_bad_input_is_told_as_it_is(job, notes):
    with pytest.raises(UserError, match=r"^the folder of gold answers is not there") as raised:
        drive(Forgetful([]), job(Planted(notes=notes, how="is_bad_input")), 5, lambda part: None)
    assert not hasattr(raised.value, "__notes__")


class Lagging(Tasks):
    """Tasks whose third file is seen only when it is looked for the fourth time."""

    def __init__(self, tasks):
        self.tasks, self.looked = tasks, 0

    def __getitem__(self, part):
        return self.tasks[part]

    def made(self, part):
        self.looked += part == 3
        return self.tasks.made(part) and (part != 3 or self.looked > 3)


def test_a_file_that_is_seen_late_is_not_made_again(job, notes, monkeypatch):
    given = job(Planted(notes=notes))
    monkeypatch.setattr(driving, "LAG", 60)
    monkeypatch.setattr(driving.time, "sleep", lambda seconds: None)
    engine = Forgetful([])
    drive(engine, replace(given, tasks=Lagging(given.tasks)), 5, lambda part: None)
    assert engine.asked == [[0, 1, 2, 3, 4]] and calls(notes)[3] == 1
