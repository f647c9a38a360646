"""The paraphrase tier of a build, and the judge of what it is not sure of.

Embeddings are stood in for by vectors given word by word; the judge is a server that counts.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dataengine.errors import UserError
from dataengine.mixture import load
from dataengine.plan import plan

ITEMS = [
    {"id": "bakery", "prompt": "Marta sells 37 croissants and 14 rolls a day. How many in 5 days?"},
    {"id": "quilt", "prompt": "Who sewed the first quilt of them all?"},
]
SURE = "In 5 days, what is the count of what Marta sells, at 14 rolls and 37 croissants daily?"
SAME = "Of whom is it known that a quilt was sewn by them before everybody else?"
OTHER = "What does a quilt that was sewn by hand keep away from everybody?"
FAR = "On a cold morning the people of Bergen saw fog over the harbour."


def embed(texts: list[str]) -> np.ndarray:
    vectors = np.zeros((len(texts), 384), np.float32)
    for place, text in enumerate(texts):
        vectors[place] = [("Marta" in text), ("quilt" in text), 0.01] + [0.0] * 381
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def mixture(mix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """mixture(paraphrases, **keys): four rows of one user turn each, against two items."""
    monkeypatch.setattr("decontam.paraphrase.semantic.embedder", lambda: embed)
    monkeypatch.setattr("decontam.paraphrase.embedding.model_folder", lambda: tmp_path)
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "mine.jsonl").write_text("".join(json.dumps(i) + "\n" for i in ITEMS))

    def written(paraphrases: Any, **keys: Any) -> Path:
        rows = [
            {
                "messages": [
                    {"role": "user", "content": text},
                    {"role": "assistant", "content": "I see."},
                ]
            }
            for text in (SURE, SAME, OTHER, FAR)
        ]
        decontaminate = {"against": ["evals"], "paraphrases": paraphrases}
        return mix({"a": {"records": rows, "licence": "mit"}}, decontaminate=decontaminate, **keys)

    return written


def judge(body: dict[str, Any]) -> str:
    asked = body["messages"][-1]["content"]
    same = SAME in asked
    return json.dumps(
        {"rationale": "Both ask for the first." if same else "It asks for a use.", "same": same}
    )


def stage_tables(out: Path) -> tuple[dict[str, Any], pl.DataFrame]:
    [folder] = (out / ".work").glob("decontaminate-*")
    evidence = pl.read_parquet(folder / "evidence.parquet")
    return json.loads((folder / "account.json").read_text()), evidence


def test_without_a_judge_what_is_in_doubt_is_kept_for_review(
    mixture, built, tmp_path: Path
) -> None:
    built(mixture(True))
    account, evidence = stage_tables(tmp_path / "out")
    assert (account["dropped"], account["reasons"]) == (1, {"contaminated": 1})
    assert evidence.select("eval_id", "decision", "rule").rows() == [
        ("bakery", "drop", "paraphrase"),
        ("quilt", "review", "maybe a paraphrase"),
        ("quilt", "review", "maybe a paraphrase"),
    ]


def test_a_judge_decides_and_says_why(mixture, built, serving, tmp_path: Path) -> None:
    server = serving(judge)
    models = {"wise": {"backend": "openai", "base_url": server.url, "model": "judge-1"}}
    file = mixture({"judge": "wise"}, models=models)
    does = [step.stage.explain() for step in plan(load(file)) if step.stage.name == "decontaminate"]
    assert does == ["against evals, paraphrases too, those in doubt judged by wise"]
    built(file)
    account, evidence = stage_tables(tmp_path / "out")
    assert (account["kept"], account["dropped"]) == (2, 2)
    assert evidence.select("decision", "reason").rows() == [
        ("drop", "3 numbers and 1 names agree"),
        ("drop", "0 numbers and 0 names agree; judge-1: Both ask for the first."),
        ("keep-by-judge", "0 numbers and 0 names agree; judge-1: It asks for a use."),
    ]
    assert account["figures"]["decided"] == {"drop": 2, "keep-by-judge": 1}
    assert server.asked.total() == 2
    again = tmp_path / "again"
    again.mkdir()
    (again / "ledger.sqlite").write_bytes((tmp_path / "out" / "ledger.sqlite").read_bytes())
    built(file, out="again")
    assert server.asked.total() == 2
    assert stage_tables(again)[1].equals(evidence)


def test_a_judge_that_fails_decides_nothing(mixture, built, serving, tmp_path: Path) -> None:
    server = serving(lambda body: "no JSON at all")
    models = {"wise": {"backend": "openai", "base_url": server.url, "model": "judge-1"}}
    built(mixture({"judge": "wise"}, models=models))
    account, evidence = stage_tables(tmp_path / "out")
    assert account["dropped"] == 1
    assert evidence["decision"].to_list() == ["drop", "review", "review"]
    assert "judge-1: no verdict (" in evidence["reason"][1]


def test_an_endpoint_gives_the_embeddings_and_a_judge_decides(
    mixture, built, serving, tmp_path: Path
) -> None:
    """The endpoint's cosines are narrow: 0.9 is its floor."""

    def answer(body: dict[str, Any]) -> Any:
        if "messages" in body:
            return judge(body)
        told = [(("Marta" in t) * 1.0, ("quilt" in t) * 1.0, 1.5) for t in body["input"]]
        return {"data": [{"index": i, "embedding": e} for i, e in enumerate(told)]}

    server = serving(answer)
    endpoint = {"backend": "openai", "base_url": server.url}
    models = {"wise": endpoint | {"model": "judge-1"}, "e5": endpoint | {"model": "e5"}}
    given = {"embeddings": "e5", "floor": 0.9, "judge": "wise"}
    file = mixture(given, models=models)
    [does] = [one.stage.explain() for one in plan(load(file)) if one.stage.name == "decontaminate"]
    assert does == "against evals, paraphrases too by e5, those in doubt judged by wise"
    built(file)
    account, evidence = stage_tables(tmp_path / "out")
    assert evidence.select("eval_id", "decision", "rule").rows() == [
        ("bakery", "drop", "paraphrase"),
        ("quilt", "drop", "maybe a paraphrase"),
        ("quilt", "keep-by-judge", "maybe a paraphrase"),
    ]
    assert account["figures"]["paraphrases"]["floor"] == 0.9
    asked = server.asked.total()
    again = tmp_path / "again"
    again.mkdir()
    (again / "ledger.sqlite").write_bytes((tmp_path / "out" / "ledger.sqlite").read_bytes())
    built(file, out="again")
    assert server.asked.total() == asked


@pytest.mark.parametrize("given", [{"embeddings": "e5"}, {"floor": 0.9}])
def test_embeddings_and_their_floor_go_together(mixture, given) -> None:
    models = {"e5": {"backend": "openai", "base_url": "http://localhost:1/v1", "model": "e5"}}
    with pytest.raises(UserError, match="embeddings and floor go together"):
        load(mixture(given, models=models))


def test_a_judge_nobody_knows(mixture) -> None:
    with pytest.raises(UserError, match=r"decontaminate.paraphrases: unknown model 'wise'"):
        load(mixture({"judge": "wise"}))


def test_the_extra_missing_is_said_before_anything_is_read(mixture, monkeypatch) -> None:
    file = mixture(True)
    monkeypatch.undo()
    monkeypatch.setattr("decontam.paraphrase.embedding.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[semantic\]'"):
        _ = plan(load(file)).fingerprints
