"""A policy, a pool and a judge behind one server, and a short way to build pairs from them."""

import json
import re
from hashlib import blake2b

import polars as pl
import pytest
import yaml

from dataengine.build import execute as build_all
from dataengine.document import Document
from dataengine.mixture import load
from dataengine.plan import plan
from dataengine.progress import Progress


def dice(told, sides):
    """A number from what is asked, so that the same question has the same answer."""
    text = json.dumps(told, sort_keys=True).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") % sides


def shown(body):
    """The answers that a judge is shown, in order."""
    text = body["messages"][-1]["content"]
    return re.findall(
        r"\[begin (?:answer \d+|first answer|second answer) \w+\]\n(.*?)\n\[end", text, re.S
    )


def quality(text):
    found = re.search(r"quality (\d)", text)
    return int(found.group(1)) if found else 3


def aspect(body):
    return re.findall(r"^# (.+)$", body["messages"][-1]["content"], re.M)[-1]


def answered(body):
    """Models answer with a quality that they were dealt; the judge sees it, mostly."""
    if body["model"] != "judge":
        return f"{body['model']} answers {dice(body, 10**6)}: quality {1 + dice(body, 5)}"
    answers = shown(body)
    if body["response_format"]["json_schema"]["name"] == "Verdict":
        first, second = map(quality, answers)
        better = "tie" if first == second else "first" if first > second else "second"
        return json.dumps({"rationale": "seen", "better": better})
    scores = [
        {
            "answer": n,
            "rationale": f"about {n}",
            "score": "N/A" if aspect(body) == "Honesty" and dice([text], 4) == 0 else quality(text),
        }
        for n, text in enumerate(answers, 1)
    ]
    return json.dumps({"answers": scores})


@pytest.fixture
def minds():
    """What the models of these tests answer to a request's body."""
    return answered


@pytest.fixture
def server(serving):
    """`server(answer, **faults)` starts one and gives its mind."""

    def start(answer=answered, **more):
        return serving(answer, **more)

    return start


def lines(file, records):
    file.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return file


@pytest.fixture
def build(tmp_path):
    """build(source, url=..., records={"prompts.jsonl": [...]}): the whole build of one source."""

    def go(source, url=None, out="out", records=None, **mixture):
        for name, rows in (records or {}).items():
            lines(tmp_path / name, rows)
        models = {
            name: {"backend": "openai", "base_url": url, "model": name, "timeout": 2.0}
            for name in ("policy", "a", "b", "c", "judge")
        }
        described = {
            "name": "tiny",
            "kind": "preference",
            **({"models": models} if url else {}),
            "sources": [{"name": "pairs", "licence": "CC0-1.0", **source}],
            **mixture,
        }
        file = tmp_path / f"{out}.yaml"
        file.write_text(yaml.safe_dump(described, sort_keys=False))
        notes = []
        progress = Progress(quiet=True)
        progress.note = notes.append
        manifest = build_all(Document(file), plan(load(file)), tmp_path / out, 2, progress)
        return Built(tmp_path / out, manifest, notes)

    go.folder = tmp_path
    return go


class Built:
    """A finished build: its rows, its evidence, and its audit."""

    def __init__(self, out, manifest, notes):
        self.out, self.manifest, self.notes = out, manifest, notes
        self.audit = manifest["preferences"][0]

    @property
    def rows(self):
        return pl.concat(pl.read_parquet(f) for f in sorted((self.out / "data").glob("*.parquet")))

    def table(self, name):
        (file,) = (self.out / "dropped").glob(f"*-prefer-pairs{name and '-' + name}.parquet")
        return pl.read_parquet(file)

    @property
    def bytes(self):
        return {f.name: f.read_bytes() for f in sorted((self.out / "data").glob("*.parquet"))}


PROMPTS = [{"prompt": f"What is {i} plus one?"} for i in range(12)]


@pytest.fixture
def asked():
    """A source that asks the policy and two of three models, and a judge."""
    return {
        "prompts": {"from": [{"path": "prompts.jsonl"}]},
        "candidates": {
            "on_policy": {"model": "policy", "samples": 2},
            "pool": {"models": ["a", "b", "c"], "samples_per_prompt": 2},
        },
        "judge": {"model": "judge", "aspects": ["helpfulness", "honesty", "safety"]},
    }


@pytest.fixture
def prompts():
    return {"prompts.jsonl": PROMPTS}
