"""The cache of compiled kernels: what is on disk is loaded, and nothing else is."""

import subprocess
import sys

import pytest

MODULE = """
import sys
import numpy as np
from dataengine.kernels.jit import is_on_disk, kernel
from part import added

@kernel
def total(numbers):
    found = 0
    for number in numbers:
        found = added(found, number)
    return found

@kernel
def root(numbers):
    return np.sqrt(total(numbers))

numbers = np.arange(5)
print(is_on_disk(total), total(numbers), "numba.np.linalg" in sys.modules)
if sys.argv[1:]:
    print(root(numbers))
"""

PART = """
from dataengine.kernels.jit import inlined

@inlined
def added(found, number):
    return found + number
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("DECONTAM_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    (tmp_path / "module.py").write_text(MODULE)
    (tmp_path / "part.py").write_text(PART)

    def once(*arguments: str) -> tuple[str, str]:
        command = [sys.executable, str(tmp_path / "module.py"), *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        return ended.stdout, ended.stderr

    return once


def test_a_kernel_on_disk_is_loaded_without_what_compiling_needs(run) -> None:
    said = "compiling kernels for this machine, once; about 15 seconds\n"
    assert run() == ("False 10 True\n", said)
    assert run() == ("True 10 False\n", "")


def test_kernels_compile_after_others_were_loaded(run) -> None:
    run()
    assert run("root")[0] == "True 10 False\n3.1622776601683795\n"


def test_a_kernel_is_compiled_anew_when_a_part_in_another_file_has_changed(run, tmp_path) -> None:
    run()
    (tmp_path / "part.py").write_text(PART.replace("found + number", "found - number"))
    assert run()[0] == "False -10 True\n"


def test_a_file_that_a_kernel_does_not_import_may_change(run, tmp_path) -> None:
    (tmp_path / "other.py").write_text("WORD = 1\n")
    run()
    (tmp_path / "other.py").write_text("WORD = 2\n")
    assert run()[0] == "True 10 False\n"
