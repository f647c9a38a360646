"""The paraphrase tier of a build, and the judge of what it is not sure of.

Embeddings are stood in for by vectors given word by word; the judge is a server that counts.
"""

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dataengine.errors import UserError
from dataengine.mixture import load
from dataengine.plan import plan
from dataengine.stages.same_problem import Asked, question

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
    monkeypatch.setattr("decontam.paraphrase.embedding.embedder", lambda: embed)
    monkeypatch.setattr("decontam.paraphrase.embedding.cutter", lambda: None)
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
    [folder] = (f.parent for f in (out / ".work").glob("decontaminate-*/account.json"))
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


TWO = [
    {"id": "quilt", "prompt": "Who sewed the first quilt of them all?"},
    {"id": "thimble", "prompt": "Who wore a thimble while the first quilt was in the making?"},
    {"id": "again", "prompt": "Who sewed the first quilt of them all?"},
]


@pytest.mark.parametrize(
    ("same", "decided"),
    [
        ([1], {"quilt": "drop", "thimble": "keep-by-judge", "again": "drop"}),
        ([], dict.fromkeys(("quilt", "thimble", "again"), "keep-by-judge")),
        ([3], dict.fromkeys(("quilt", "thimble", "again"), "review")),
    ],
)
def test_a_row_near_several_items_is_one_call(
    mixture, built, serving, tmp_path: Path, same: list[int], decided: dict[str, str]
) -> None:
    """Two items ask the same in the same words: that is one question of the call."""
    asked: list[str] = []

    def judge(body: dict[str, Any]) -> str:
        asked.append(body["messages"][-1]["content"])
        return json.dumps({"rationale": "Who sewed it.", "same": same})

    server = serving(judge)
    models = {"wise": {"backend": "openai", "base_url": server.url, "model": "judge-1"}}
    file = mixture({"judge": "wise"}, models=models)
    items = tmp_path / "evals" / "mine.jsonl"
    items.write_text("".join(json.dumps(i) + "\n" for i in TWO))
    built(file)
    _, evidence = stage_tables(tmp_path / "out")
    of_row = evidence.filter(pl.col("row_text").str.contains(SAME, literal=True))
    assert dict(of_row.select("eval_id", "decision").rows()) == decided
    about = [text for text in asked if SAME in text]
    assert (len(about), server.asked.total()) == (1, 2)
    assert "[begin question 2 " in about[0] and "[begin question 3 " not in about[0]


def test_of_a_row_s_stretches_the_widest_are_asked_about_in_order() -> None:
    def line(turn: int, start: int, end: int, item: str) -> dict[str, Any]:
        text = f"{turn}: the whole of this turn, of which a part came near"
        span = {"turn": turn, "start": start, "end": end}
        return {
            "rule": "maybe a paraphrase", "turn": turn, "row_spans": [span], "row_text": text[2:],
            "row_text_start": 2, "item_text": item,
        }  # fmt: skip

    lines = [line(1, 3, 12, "b"), line(0, 7, 12, "a"), line(0, 3, 12, "b")]
    asked = Asked.of(lines)
    assert (asked.text, asked.questions) == ("the whole\n\nthe whole", ["b", "a"])
    near = lines[0] | {"rule": "near"}
    assert Asked.of([near, *lines[1:]]).text == f"the whole\n\n{near['row_text']}"


def test_the_judge_is_asked_what_the_first_tier_found_near(
    mixture, built, serving, tmp_path: Path
) -> None:
    asked: list[str] = []

    def judge(body: dict[str, Any]) -> str:
        asked.append(body["messages"][-1]["content"])
        return json.dumps({"rationale": "It is the same.", "same": True})

    server = serving(judge)
    models = {"wise": {"backend": "openai", "base_url": server.url, "model": "judge-1"}}
    file = mixture({"judge": "wise"}, models=models)
    item = "Which of the early masons laid the oldest granite bridge that still carries traffic?"
    row = "Which of the early masons laid the oldest stone bridge that still bears carts?"
    (tmp_path / "evals" / "mine.jsonl").write_text(json.dumps({"id": "1", "prompt": item}) + "\n")
    chats = [
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "Yes."}]}
        for text in (row, OTHER)
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(chat) + "\n" for chat in chats))
    built(file)
    _, evidence = stage_tables(tmp_path / "out")
    assert evidence.select("decision", "rule").rows() == [("drop", "near")]
    assert len(asked) == 1 and row in asked[0] and item in asked[0]


def test_what_a_ledger_holds_of_one_question_stays_valid() -> None:
    """The request of one question is the one that builds before this asked, word by word."""
    [_, user] = question("a text", ["an item"], 512).messages
    whole = json.dumps(question("a text", ["an item"], 512).messages)
    assert user["content"].startswith("[begin question ")
    assert blake2b(whole.encode(), digest_size=8).hexdigest() == "dc48eeef509bd232"


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
