"""What CONTRIBUTING says: a thing of any kind is one file, and no test goes red for it.

The files are those of the example plugin, which brings one of each: put into a copy of the project
they are ours.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GARDEN = Path("examples/plugin/dataengine_garden")
PLACES = {
    "filters.py": "dataengine/stages/filters/no_url.py",
    "stages.py": "dataengine/stages/filters/at_most.py",
    "sources.py": "dataengine/sources/notes.py",
    "yes_no.py": "eval/verifiers/yes_no.py",
    "recipes.py": "personas/recipes/plant_care.py",
    "garden_quiz.yaml": "eval/suites/garden_quiz.yaml",
}
ASKED = (
    "tests/personas/test_recipes.py",
    "tests/eval/verifiers/test_registry.py",
    "tests/eval/suites/test_suites.py",
    "tests/dataengine/test_schema.py",
    "tests/dataengine/test_mixture.py",
)
"""The tests that speak of all things of a kind."""


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A copy of the project with one more file of each kind."""
    copy = tmp_path_factory.mktemp("grown")
    skipped = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.nbc", "*.nbi")
    for name in ("dataengine", "decontam", "eval", "personas", "train"):
        shutil.copytree(ROOT / name, copy / name, ignore=skipped)
    for name in ("tests", "docs", "examples"):
        shutil.copytree(ROOT / name, copy / name, ignore=skipped)
    for name in ("README.md", "CONTRIBUTING.md", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    for file, place in PLACES.items():
        assert not (copy / place).exists()
        shutil.copy(copy / GARDEN / file, copy / place)
    return copy


def called(copy, *words):
    env = {**os.environ, "PYTHONPATH": str(copy)}
    call = [sys.executable, *words]
    return subprocess.run(call, cwd=copy, env=env, capture_output=True, text=True, check=False)


def test_a_file_of_each_kind_is_all_that_a_mixture_needs(grown):
    mixture = grown / "examples/plugin/mixture.yaml"
    text = mixture.read_text("utf-8")
    mixture.write_text(text[: text.index("decontaminate:")], encoding="utf-8")  # needs no kernels
    built = called(grown, "-m", "dataengine.build", str(mixture), "--out", "out", "--json")
    assert built.returncode == 0, built.stderr
    stages = {one["name"]: one for one in json.loads(built.stdout)["manifest"]["stages"]}
    assert stages["read"]["rows_in"] == 5
    assert stages["no_url"]["dropped"] == stages["at_most"]["dropped"] == 1
    code = """
import dataengine
from eval import suites, verifiers
from personas import recipes
print(dataengine.__file__, recipes.kind("plant_care").name, verifiers.verifier("yes_no").name,
    suites.load("garden_quiz", hub=False)[0].name)
"""
    found = called(grown, "-c", code).stdout.split()
    assert found == [str(grown / "dataengine/__init__.py"), "plant_care", "yes_no", "garden_quiz"]


@pytest.mark.parametrize("test", ASKED)
def test_no_test_goes_red_for_it(grown, test):
    done = called(grown, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test)
    assert done.returncode == 0, done.stdout
