"""The notebook in `examples/`: every cell runs, in order, in a process of its own."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("name", sorted(file.name for file in EXAMPLES.glob("*.ipynb")))
def test_every_cell_of_the_notebook_runs(name, tmp_path):
    for folder in ("data", "evals"):
        shutil.copytree(EXAMPLES / folder, tmp_path / folder)
    cells = json.loads((EXAMPLES / name).read_text("utf-8"))["cells"]
    codes = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    script = tmp_path / "cells.json"
    script.write_text(json.dumps(codes))
    code = """
import ast, json, sys
space = {"__name__": "__main__"}
for cell in json.load(open("cells.json")):
    tree = ast.parse(cell)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), space)
    if last:
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), space)
        shown = getattr(value, "_repr_html_", value.__repr__)()
        print(value if hasattr(value, "_repr_html_") else shown)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "plan of from-a-notebook" in done.stdout and "did you mean empty_turns?" in done.stdout
    assert done.stdout.rstrip().endswith("True")
    assert (tmp_path / "builds/notebook/README.md").is_file()
