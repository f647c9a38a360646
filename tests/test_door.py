"""What a stranger meets first: the licence, the package's names, and commands that are ours."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORDS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
CODE = [
    file
    for folder in ("dataengine", "decontam", "eval", "personas", "train", "examples", "benchmarks")
    for file in sorted((ROOT / folder).rglob("*"))
    if file.suffix in (".py", ".yaml", ".md", ".jinja")
]


def test_nobody_is_told_to_install_a_stranger_s_package():
    """`dataengine` on PyPI is another project."""
    for file in [*WORDS, *CODE]:
        text = file.read_text(encoding="utf-8")
        found = re.findall(r"pip install[^\n]*\bdataengine\b[^\n]*", text)
        assert not [line for line in found if "posttrain-dataengine" not in line], file


def test_the_distribution_has_a_name_of_its_own_a_licence_and_commands():
    assert PROJECT["name"] == "posttrain-dataengine"
    assert PROJECT["scripts"].keys() == {"dataengine", "decontam"}
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", ["dataengine", "decontam", "eval", "personas", "train"])
def test_every_package_says_that_it_is_typed(package):
    assert (ROOT / package / "py.typed").is_file()


def test_what_leans_on_a_library_s_private_names_has_an_upper_bound():
    bounds = {re.split(r"[<>=\[]", need)[0]: need for need in PROJECT["dependencies"]}
    assert "<" in bounds["numba"]
