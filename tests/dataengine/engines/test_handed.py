"""Jobs handed to other processes: what travels, what is refused, how errors come back."""

import json
import os
import pickle
import subprocess
import sys

import pytest
from planted import Brittle, Planted, Stubborn

from dataengine.engines import versions
from dataengine.engines.handed import Refused, carried, hand_out, opened, parts_in, perform_here
from dataengine.engines.job import look_of, perform
from dataengine.errors import UserError
from dataengine.stages.decontaminate import Decontaminate
from eval import suites

from ..conftest import write_jsonl
from .conftest import HERE, calls, contents


def test_a_process_in_another_folder_makes_the_same_bytes(job, notes, tmp_path):
    here, there = job(Planted(notes=notes), out="here"), job(Planted(notes=notes))
    for part in range(5):
        assert perform(here, part).error is None
    file = hand_out(there, [1, 3])
    assert parts_in(file) == [1, 3]
    code = (
        "import sys; from dataengine.engines.handed import perform_here\n"
        "for part in (3, 1): assert perform_here(sys.argv[1], 'f' * 32, part).error is None"
    )
    environment = {**os.environ, "PYTHONPATH": HERE}
    command = [sys.executable, "-c", code, str(file)]
    subprocess.run(command, cwd="/", env=environment, check=True)
    made = contents(tmp_path / "made")
    assert made == {k: v for k, v in contents(tmp_path / "here").items() if k in made}
    assert [*made] == ["000001.arrow", "000003.arrow"]


def test_no_ledger_travels_and_nobody_to_tell(job, notes):
    context = opened(hand_out(job(Planted(notes=notes)), [0]), "f" * 32).context
    assert (context.ledger, context.pool, context.notify, context.workers) == (None, None, None, 1)


def test_fields_that_a_dump_leaves_out_travel(job, tmp_path):
    stage = Decontaminate(against=("gsm8k",), path="evals", base=tmp_path)
    ((_, found),) = opened(hand_out(job(stage), [0]), "f" * 32).acts
    assert found.base == tmp_path


def test_an_index_is_found_where_the_items_are_not(job, tmp_path):
    (tmp_path / "evals").mkdir()
    item = {
        "id": "1",
        "prompt": "twenty words that stand in no row of these parts at all",
        "answer": "",
    }
    file = write_jsonl(tmp_path / "evals/gsm8k.jsonl", [item])
    stage = Decontaminate(against=("gsm8k",), path="evals", base=tmp_path)
    given = job(stage, verb="look")
    stage.share(given.context)
    handed = hand_out(given, [0])
    file.unlink()
    done = perform_here(str(handed), "f" * 32, 0)
    assert done.error is None
    assert look_of(tmp_path / "made/000000.arrow").height == 0


def test_a_suite_of_the_hub_travels_without_its_rows(tmp_path):
    (tmp_path / "gsm8k.jsonl").write_text("")
    (suite,) = suites.load(["gsm8k"], tmp_path)
    suite._file, suite._commit, suite._rows = None, "c0ffee", lambda: iter([])
    back = pickle.loads(pickle.dumps(suite))
    assert (back.hash, back.missing, back._rows) == (suite.hash, None, None)
    assert suite._rows is not None


def test_a_worker_that_has_other_code_or_another_job_is_refused(job, notes, monkeypatch):
    file = hand_out(job(Planted(notes=notes)), [0])
    error = perform_here(str(file), "0" * 32, 0).error
    assert isinstance(error, Refused) and f"is the job {'f' * 32}, not {'0' * 32}" in str(error)
    older = versions.here() | {"polars": "0.1"}
    monkeypatch.setattr(versions, "here", lambda: older)
    error = perform_here(str(file), "f" * 32, 0).error
    assert isinstance(error, UserError) and "the driver has polars " in str(error)
    assert "here 0.1" in str(error) and calls(notes) == {}


VERSIONS = (
    "import json; from dataengine.engines import versions; print(json.dumps(versions.here()))"
)


@pytest.fixture
def garden(tmp_path):
    """garden(version, code): what a process has, in which a plugin is installed."""

    def installed(version, code):
        site = tmp_path / f"site-{version}-{len(code)}"
        told = site / f"garden-{version}.dist-info"
        told.mkdir(parents=True)
        (told / "METADATA").write_text(f"Name: garden\nVersion: {version}\n")
        (told / "entry_points.txt").write_text("[dataengine.filters]\nno_url = garden:NoUrl\n")
        (site / "garden.py").write_text(code)
        environment = {**os.environ, "PYTHONPATH": str(site)}
        return json.loads(
            subprocess.check_output([sys.executable, "-c", VERSIONS], env=environment)
        )

    return installed


def test_a_worker_that_has_other_plugins_is_refused(job, notes, garden, monkeypatch):
    first, edited, newer = garden("1.0", "x = 1"), garden("1.0", "x = 10"), garden("1.1", "x = 1")
    without = versions.here()
    assert first["plugin garden"].startswith("garden 1.0 ") and "plugin garden" not in without

    def refused(driver, worker):
        monkeypatch.setattr(versions, "here", lambda: driver)
        file = hand_out(job(Planted(notes=notes)), [0])
        monkeypatch.setattr(versions, "here", lambda: worker)
        return str(perform_here(str(file), "f" * 32, 0).error)

    for other in (edited, newer, without):
        there, here = first["plugin garden"], other.get("plugin garden", "none")
        assert f"the driver has plugin garden {there}, here {here}; " in refused(first, other)
    assert f"plugin garden none, here {newer['plugin garden']}; " in refused(without, newer)
    assert calls(notes) == {}
    assert refused(newer, dict(newer)) == "None" and calls(notes) == {0: 1}


def test_an_exception_that_cannot_be_unpickled_comes_back_by_name(job, notes):
    with pytest.raises(TypeError):
        pickle.loads(pickle.dumps(Stubborn("a", "b")))
    file = hand_out(job(Brittle(notes=notes), verb="look"), [2])
    done = pickle.loads(pickle.dumps(perform_here(str(file), "f" * 32, 2)))
    assert done.part == 2 and not done.lost and type(done.error) is RuntimeError
    assert str(done.error).startswith("Stubborn: a bad record at row 7\n")
    assert "planted.py" in str(done.error)


def test_an_exception_that_travels_keeps_its_type_and_its_traceback():
    back = pickle.loads(pickle.dumps(carried(OSError(28, "No space left on device"))))
    assert isinstance(back, OSError) and back.errno == 28
    assert "No space left on device" in back.__notes__[0]


def test_the_first_part_on_a_node_marks_it_for_the_others(job, notes):
    file = hand_out(job(Planted(notes=notes)), [0, 1])
    assert perform_here(str(file), "f" * 32, 0).error is None
    (mark,) = [p for p in file.parent.iterdir() if p.name.endswith(os.uname().nodename)]
    assert mark.name.startswith(file.stem)
