"""A teacher in a thread of its own, and a short way to build from it."""

import json
from hashlib import blake2b

import polars as pl
import pytest
import yaml

from dataengine.document import Document
from dataengine.mixture import load
from dataengine.plan import Plan, plan
from dataengine.progress import Progress
from dataengine.run import Run

PERSONAS = [{"id": f"p{i}", "persona": f"A person with {i} goats."} for i in range(40)]


def dice(body, sides):
    """A number from what is asked, so that the teacher says the same to the same question."""
    told = json.dumps(body, sort_keys=True).encode()
    return int.from_bytes(blake2b(told, digest_size=8).digest(), "big") % sides


def math_teacher(body):
    """Writes word problems about a number of its own; answers right in four of five samples."""
    if "response_format" in body:
        first = dice(body, 10**6)
        words = " ".join(f"w{dice([first, i], 9999)}" for i in range(12))
        return json.dumps({"problem": f"If {words} are {first} and 1 more, how many are there?"})
    question = body["messages"][-1]["content"]
    number = next(int(word) for word in question.split() if word.isdigit())
    wrong = dice(body, 5) == 0
    return f"We add one.\n#### {number + (dice(body, 7) + 2 if wrong else 1)}"


@pytest.fixture(name="math_teacher")
def _math_teacher():
    return math_teacher


@pytest.fixture(name="dice")
def _dice():
    return dice


@pytest.fixture
def teacher(serving):
    """Start a teacher; `teacher(answer, **faults)` gives the server."""

    def start(answer=math_teacher, **more):
        return serving(answer, **more)

    return start


@pytest.fixture
def build(tmp_path):
    """Build a mixture with one generated source; gives what its stage made."""
    (tmp_path / "personas.jsonl").write_text("".join(json.dumps(p) + "\n" for p in PERSONAS))

    def go(url, source=None, out="out", **mixture):
        described = {
            "name": "tiny",
            "models": {"teacher": {"backend": "openai", "base_url": url, "model": "tiny"}},
            "sources": [
                {
                    "name": "persona-math",
                    "recipe": "math_grade_school",
                    "personas": {"path": "personas.jsonl", "licence": "cc-by-4.0"},
                    "prompts": "teacher",
                    "answers": {"model": "teacher", "samples": 5},
                    "rows": 20,
                    **(source or {}),
                }
            ],
            **mixture,
        }
        file = tmp_path / "mixture.yaml"
        file.write_text(yaml.safe_dump(described))
        lines = []
        progress = Progress(quiet=True)
        progress.note = lines.append
        steps = plan(load(file))
        steps = Plan(steps.mixture, steps.steps[:1])
        run = Run(steps, tmp_path / out, 2, progress)
        run.execute()
        return Built(run.finished, run.table, tmp_path / out, lines, steps, Document(file))

    return go


class Built:
    def __init__(self, finished, table, out, notes, plan, document):
        self.finished, self.out, self.notes = finished, out, notes
        self.table = table
        self.plan, self.document = plan, document
        self.account = finished[0].account
        self.generation = self.account.figures["generation"]

    def rows(self, kind="kept"):
        folder = self.finished[0].folder
        if kind == "kept":
            found = [view.frame() for view in self.table.views()]
        else:
            found = [pl.read_parquet(part) for part in sorted((folder / kind).glob("*.parquet"))]
        return pl.concat(found) if found else None

    @property
    def bytes(self):
        folder = self.finished[0].folder
        files = [*folder.glob("*.arrow"), *folder.glob("*/*.parquet")]
        return {p.name: p.read_bytes() for p in sorted(files)}
