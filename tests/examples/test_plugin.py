"""The plugin in `examples/`: installed as a package of its own, it brings a thing of every kind."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[2] / "examples" / "plugin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the plugin is installed in, and its examples beside it."""
    home = tmp_path_factory.mktemp("plugin")
    shutil.copytree(PLUGIN, home / "checkout")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    target = ["--target", str(home / "site"), str(home / "checkout")]
    done = subprocess.run([*pip, *target], capture_output=True, text=True, check=False)
    if "setuptools" in done.stderr and done.returncode:
        pytest.skip("needs setuptools 80 to install the plugin without an isolated build")
    assert done.returncode == 0, done.stderr
    for left in ("dataengine_garden", "dataengine_garden.egg-info", "build"):
        shutil.rmtree(home / "checkout" / left, ignore_errors=True)
    return home


def called(home, *words, code=None):
    """A command of ours where the plugin is installed."""
    path = os.pathsep.join(filter(None, [str(home / "site"), os.environ.get("PYTHONPATH")]))
    call = ["-c", code] if code else ["-m", *words]
    return subprocess.run(
        [sys.executable, *map(str, call)],
        capture_output=True,
        text=True,
        check=False,
        cwd=home / "checkout",
        env={**os.environ, "PYTHONPATH": path},
    )


def answered(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_its_source_filter_stage_and_suite_build_and_the_lock_builds_the_same(installed):
    built = answered(
        called(installed, "dataengine.build", "mixture.yaml", "--out", "out", "--json")
    )
    stages = {stage["name"]: stage for stage in built["manifest"]["stages"]}
    assert stages["read"]["rows_in"] == 5
    assert stages["no_url"]["reasons"] == {"gives a URL": 1}
    assert stages["at_most"]["reasons"] == {"enough of its skill": 1}
    assert stages["decontaminate"]["reasons"] == {"contaminated": 1}
    lock = (installed / "checkout/out/mixture.lock.yaml").read_text()
    assert str(installed) not in lock
    again = called(
        installed, "dataengine.build", "out/mixture.lock.yaml", "--out", "again", "--json"
    )
    assert answered(again)["manifest"]["splits"] == built["manifest"]["splits"]


def test_its_verifier_and_recipe_are_named_like_ours(installed):
    rows = [
        {"prompt": "Is basil a herb?", "completion": "yes"},
        {"prompt": "Is moss a tree?", "completion": "No, it is not."},
    ]
    (installed / "checkout/tasks.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    mixture = {
        "name": "tasks",
        "kind": "rlvr",
        "models": {"m": {"backend": "openai", "model": "n"}},
        "sources": [
            {"name": "tasks", "path": "tasks.jsonl", "verifier": "yes_no"},
        ],
    }
    code = f"""
import json
from dataengine import build, plan
mixture = {mixture!r}
made = build(mixture, "tasks", quiet=True)
recipe = dict(name="r", recipe=dict(plant_care=dict(plants=["moss"])), prompts="m", answers="m",
              personas=dict(path="tasks.jsonl"), rows=1)
print(json.dumps(dict(truths=sorted(made.rows()["ground_truth"]),
    plan=str(plan(mixture | dict(kind="sft", sources=[recipe]))))))
"""
    told = answered(called(installed, code=code))
    assert told["truths"] == ["no", "yes"]
    assert "plant_care" in told["plan"]


def test_its_names_are_in_the_schema_and_met_with_the_nearest(installed):
    schema = called(installed, "dataengine.validate", "--schema").stdout
    for name in ("no_url", "at_most", "yes_no", "plant_care", "notes"):
        assert f'"{name}"' in schema
    for given, meant in (("no_ulr", "no_url"), ("at_mst", "at_most"), ("yes_no", "is a verifier")):
        code = f"from dataengine import load; load(dict(name='x', filters=['{given}'], sources=[dict(name='a', path='b')]))"
        assert meant in called(installed, code=code).stderr
    listed = called(installed, "eval.verifiers", "list").stdout
    assert "yes_no" in listed


def test_its_code_is_part_of_the_fingerprint_of_what_it_decides(installed):
    code = """
import json
from dataengine import plan
found = plan("mixture.yaml")
print(json.dumps({s.stage.name: f for s, f in zip(found, found.fingerprints)}))
"""
    before = answered(called(installed, code=code))
    assert answered(called(installed, code=code)) == before
    file = installed / "site/dataengine_garden/filters.py"
    file.write_text(file.read_text() + "\n# edited\n")
    after = answered(called(installed, code=code))
    assert after["no_url"] != before["no_url"]
    ours = called(
        installed,
        code="from dataengine import plan; "
        "print(plan(dict(name='x', sources=[dict(name='a', path='tasks.jsonl')], "
        "filters=['identity'])).fingerprints[1])",
    )
    without = subprocess.run(
        [sys.executable, "-c", ours.args[2]],
        cwd=installed / "checkout",
        capture_output=True,
        text=True,
        check=True,
    )
    assert ours.stdout == without.stdout, "a plugin that is not used changes nothing"


def test_two_of_one_name_are_refused_and_what_cannot_be_loaded_is_told(installed, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(installed, home)
    points = next((home / "site").glob("dataengine_garden-*.dist-info/entry_points.txt"))
    text = points.read_text()
    points.write_text(text.replace("no_url =", "length ="))
    told = called(home, "dataengine.build", "mixture.yaml", "--plan")
    assert told.returncode == 2 and told.stderr.count("\n") == 1
    assert "two filters are called 'length': dataengine-garden 0.1.0 brings one" in told.stderr
    points.write_text(text.replace("filters:NoUrl", "filters:Nothing"))
    told = called(home, "dataengine.build", "mixture.yaml", "--plan")
    assert told.returncode == 2 and told.stderr.count("\n") == 1
    assert "the filter 'no_url' of dataengine-garden 0.1.0 cannot be used" in told.stderr
