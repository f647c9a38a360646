"""The installed commands: what they find, and that a user's own files cannot stand in for ours."""

import subprocess
import sys
from pathlib import Path

import pytest

from dataengine import __version__, cli

OURS = ("decontam", "eval", "personas", "train")


def called(*words, cwd=None, code="from dataengine.cli import main; main()"):
    """A command line run as the console script runs it: the working folder is not searched."""
    call = [sys.executable, "-P", "-c", code, *map(str, words)]
    return subprocess.run(call, capture_output=True, text=True, cwd=cwd, check=False)


def test_help_names_every_command_and_the_version_is_the_package_s():
    told = called("--help")
    assert told.returncode == 0 and all(name in told.stdout for name in cli.COMMANDS)
    assert called("--version").stdout.strip() == __version__


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["biuld"], 2, "did you mean build?"),
        (["train"], 2, "train sft"),
        (["train", "--help"], 0, "train rlvr"),
        ([], 2, "Usage: dataengine COMMAND"),
        (["build", "nowhere.yaml"], 2, "error: nowhere.yaml"),
        (["validate", "--help"], 0, "Usage: dataengine validate"),
        (["ledger", "--help"], 0, "Usage: dataengine ledger"),
        (["eval", "verifiers", "list"], 0, "gsm8k"),
    ],
)
def test_a_command_is_found_or_named(words, code, told, tmp_path):
    done = called(*words, cwd=tmp_path)
    assert done.returncode == code and told in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def theirs(tmp_path):
    """A folder with a user's own files, under names of our packages."""
    for name in OURS:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the user s own file was run')\n")
    return tmp_path


def test_a_user_s_own_files_do_not_stand_in_for_ours(theirs, mix):
    mixture = mix({"a": [{"prompt": "Name a river.", "completion": "The Aare."}]})
    built = called("build", mixture, "--out", "out", cwd=theirs)
    assert built.returncode == 0, built.stderr
    checked = called(
        *("check", "--rows", theirs / "a.jsonl", "--suites", theirs / "a.jsonl", "--out", "found"),
        cwd=theirs,
        code="from decontam.__main__ import main; main()",
    )
    assert "own file" not in checked.stderr and "Traceback" not in checked.stderr


@pytest.mark.parametrize("name", OURS)
def test_python_m_says_which_file_hides_a_package(name, theirs):
    for other in OURS:
        if other != name:
            (theirs / f"{other}.py").unlink()
    call = [sys.executable, "-m", "dataengine.build", "mixture.yaml"]
    told = subprocess.run(call, capture_output=True, text=True, cwd=theirs, check=False)
    assert told.returncode == 2
    assert told.stderr.startswith(f"error: {theirs / name}.py hides our package `{name}`")
    assert told.stderr.count("\n") == 1


def test_imported_from_a_script_it_is_an_import_error_that_names_the_file(theirs):
    call = [sys.executable, "-c", "import dataengine"]
    told = subprocess.run(call, capture_output=True, text=True, cwd=theirs, check=False)
    assert "ImportError: " in told.stderr and "hides our package" in told.stderr


def test_a_folder_without_code_hides_nothing(tmp_path):
    for name in OURS:
        (tmp_path / name).mkdir()  # as `eval/` of a user's items
    call = [sys.executable, "-c", "import dataengine, eval.suites; print(eval.suites.__file__)"]
    told = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert Path(told.stdout.strip()).is_file(), told.stderr
