"""The Python API: `from dataengine import build, plan, load, Mixture`."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest
from typer.testing import CliRunner

import dataengine
from dataengine import Built, Mixture, UserError, build, load, plan
from dataengine.build import app
from dataengine.stages.filters import Finding, TurnFilter

RECORDS = [
    {"prompt": "Name a river.", "completion": "The Aare."},
    {"prompt": "Name a lake.", "completion": "\u200b"},
    {"prompt": "Name a hill.", "completion": "The Gurten."},
    {"prompt": "Name a river.", "completion": "The Aare."},
]


@pytest.fixture
def mixture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text("".join(json.dumps(r) + "\n" for r in RECORDS), encoding="utf-8")
    return {
        "name": "rivers",
        "sources": [{"name": "a", "path": Path("a.jsonl"), "licence": "CC0-1.0"}],
        "filters": ["empty_turns"],
        "dedup": {"exact": True},
    }


def published(folder):
    files = sorted(p for p in Path(folder).rglob("*") if p.is_file() and ".work" not in p.parts)
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def test_a_file_a_dict_and_a_mixture_are_one_build_and_that_of_the_command(mixture):
    plain = {**mixture, "sources": [{**mixture["sources"][0], "path": "a.jsonl"}]}
    Path("mixture.yaml").write_text(json.dumps(plain))
    forms = {"dict": mixture, "file": "mixture.yaml", "loaded": load("mixture.yaml")}
    forms |= {"made": Mixture(**plain)}
    for name, form in forms.items():
        build(form, f"out/{name}", quiet=True, workers=1)
    done = CliRunner().invoke(app, ["mixture.yaml", "--out", "out/command"])
    assert done.exit_code == 0
    first, *others = (published(f"out/{name}") for name in (*forms, "command"))
    assert all(other == first for other in others)


def test_what_a_build_holds(mixture):
    built = build(mixture, quiet=True)
    assert built.folder == Path("builds/rivers")
    assert built.rows("train")["id"].to_list() == built.rows()["id"].to_list()
    assert built.rows()["messages"][0][1]["content"] in ("The Aare.", "The Gurten.")
    gone = built.dropped().select("stage", "reason").rows()
    assert gone == [("empty_turns", "empty turn"), ("exact_dedup", "exact duplicate")]
    assert built.failed().is_empty() and built.evidence().is_empty()
    assert built.manifest["name"] == "rivers" and built.card.startswith("---\n")
    assert "exact duplicate 1" in str(built) and "exact duplicate 1" in built._repr_html_()
    assert repr(built) == "<Built rivers: train 2 rows in builds/rivers>"
    assert Built.open("builds/rivers").rows().equals(built.rows())
    with pytest.raises(UserError, match="no split 'test'; there are: train"):
        built.rows("test")
    with pytest.raises(UserError, match="names no publish"):
        built.publish()


def test_a_plan_prints_itself_and_knows_what_is_done(mixture):
    told = str(plan(mixture))
    assert "plan of rivers" in told and "exact_dedup" in told and "to do" in told
    build(mixture, quiet=True)
    assert "to do" not in str(plan(mixture)) and "done" in plan(mixture)._repr_html_()
    assert "to do" in str(plan(mixture, out="elsewhere"))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"nme": 1}, "mixture: nme: unknown key 'nme'; did you mean name?"),
        ({"sources": [{"name": "a", "path": "b.jsonl", "rows": 0}]}, "mixture: sources[0].rows:"),
        ({"filters": [object()]}, "mixture: filters[0]: object is no plain value"),
        ({"filters": ["gsm8k"]}, "verifier, not a filter"),
        ({"filters": ["emty_turns"]}, "unknown filter 'emty_turns'; did you mean empty_turns?"),
    ],
)
def test_bad_input_is_told_in_one_line(mixture, more, told):
    with pytest.raises(UserError) as raised:
        plan({**mixture, **more})
    assert told in str(raised.value) and "\n" not in str(raised.value)


def test_a_filter_defined_here_is_one_of_its_code(mixture):
    def defined(word):
        class Hides(TurnFilter):
            """Drops rows whose answer names a thing."""

            name: ClassVar[str] = "hides_in_a_test"

            def find(self, text, turns, number):
                return Finding("hidden", 0, 1) if word in text else None

        Hides.__module__ = "__main__"
        return Hides

    one = defined("Aare")
    mine = {**mixture, "filters": ["hides_in_a_test"]}
    first = build(mine, quiet=True)
    assert first.dropped()["reason"].to_list()[0] == "hidden"
    before = plan(mine).fingerprints
    again = plan(mine).fingerprints
    one.find = lambda self, text, turns, number: Finding("hidden", 0, 1) if text else None
    assert before == again != plan(mine).fingerprints


def test_names_are_functions_whatever_was_imported_before():
    for module in ("dataengine.plan", "dataengine.build"):
        importlib.import_module(module)
    assert callable(dataengine.build) and callable(dataengine.plan)
    assert {"build", "plan", "load", "Mixture"} <= set(dir(dataengine))
    with pytest.raises(AttributeError, match="no attribute 'biuld'"):
        _ = dataengine.biuld


def test_importing_it_imports_nothing_heavy():
    code = "import sys, dataengine; print(*{'polars', 'pydantic', 'numba', 'datasets'} & {*sys.modules})"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""
