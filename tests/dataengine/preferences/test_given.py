"""Candidates, scores and comparisons that exist already."""

import json
from pathlib import Path

import polars as pl
import pytest
import yaml

from dataengine.build import execute as build_all
from dataengine.document import Document
from dataengine.errors import UserError
from dataengine.mixture import load
from dataengine.plan import plan
from dataengine.progress import Progress

ANSWERS = [
    {"q": "Name a colour.", "model": m, "output": t, "rating": r}
    for m, t, r in [("a", "Red.", 4), ("b", "Seven.", 1), ("c", "Dark blue.", 5)]
] + [
    {"q": "Name a bird.", "model": m, "output": t, "rating": r}
    for m, t, r in [("a", "Wren.", 5), ("b", "Crow.", 5)]
]
COLUMNS = {"prompt": "q", "text": "output", "score": "rating"}


def table(**more):
    return {"candidates": {"path": "answers.jsonl", "columns": COLUMNS, **more}}


def test_a_score_beside_each_answer(build):
    built = build(table(), records={"answers.jsonl": ANSWERS})
    (row,) = built.rows.to_dicts()
    assert (row["chosen_model"], row["chosen"][0]["content"]) == ("c", "Dark blue.")
    assert row["rejected_model"] in ("a", "b")
    assert row["provenance"]["dataset"] == "answers.jsonl"
    assert built.table("")["reason"].to_list() == ["tie"]
    assert built.audit["unpaired"] == {"tie": 1}


def test_scores_written_as_text_count(build):
    texts = [{**answer, "rating": str(answer["rating"])} for answer in ANSWERS[:3]]
    built = build(table(), records={"answers.jsonl": texts})
    (row,) = built.rows.to_dicts()
    assert (row["chosen_model"], row["chosen_score"]) == ("c", 5.0)
    texts[2]["rating"] = "5/5"  # no number: missing, never guessed
    (row,) = build(table(), records={"answers.jsonl": texts}, out="words").rows.to_dicts()
    assert (row["chosen_model"], row["rejected_model"]) == ("a", "b")


def test_scores_in_a_table_of_their_own_join_by_prompt_and_model(build):
    scores = [
        {"prompt": " name a COLOUR.", "model": m, "aspect": aspect, "score": s}
        for m, of in {"c": (1, "N/A"), "a": (5, 4), "b": (None, 2)}.items()
        for aspect, s in zip(("helpfulness", "honesty"), of, strict=True)
    ]
    scores += [
        {"prompt": "Name a fish.", "model": "a", "score": 3},
        {"prompt": "Name a bird.", "model": "z", "score": 3},
    ]
    source = {
        "candidates": {"path": "answers.jsonl", "columns": {"prompt": "q", "text": "output"}},
        "scores": {"path": "s.jsonl"},
    }
    built = build(source, records={"answers.jsonl": ANSWERS, "s.jsonl": scores})
    (row,) = built.rows.to_dicts()
    assert (row["chosen_model"], row["chosen_score"], row["rejected_model"]) == ("a", 4.5, "c")
    failed = dict(built.table("failed").select("reason", "row").iter_rows())
    assert failed == {
        "scores: no candidate answers this prompt": 7,
        "scores: no such answer": 8,
        "not judged": None,
    }
    assert built.audit["judge"]["scores"] == {"scored": 4, "missing": 1, "not applicable": 1}


def test_comparisons_with_texts_of_their_own(build):
    told = [
        {"q": "Name a colour.", "l": "a", "r": "b", "p": 1.0},
        {"q": "Name a colour.", "l": "a", "r": "c", "p": 1.5},
        {"q": "Name a bird.", "l": "a", "r": "b", "p": 1.75, "rt": "A crow."},
        {"q": "Name a bird.", "l": "a", "r": "z", "p": 2},
        {"q": "Name a bird.", "l": "a", "r": "b", "p": 3},
        {"q": "Name a bird.", "l": "a", "r": "b", "p": None},
        {"q": "Name a bird.", "l": "a", "r": "a", "p": 1},
    ]
    columns = {"prompt": "q", "first": "l", "second": "r", "preference": "p", "second_text": "rt"}
    source = table() | {
        "annotations": {"path": "told.jsonl", "columns": columns},
        "pairs": {"rule": "pairwise"},
    }
    built = build(source, records={"answers.jsonl": ANSWERS, "told.jsonl": told})
    made = {
        (r["chosen"][0]["content"], r["rejected"][0]["content"], r["margin"])
        for r in built.rows.to_dicts()
    }
    assert made == {("Red.", "Seven.", 1.0), ("A crow.", "Wren.", 0.5)}
    assert built.manifest["stages"][0]["reasons"] == {
        "annotations: no such answer": 1,
        "annotations: preference is not between 1 and 2": 1,
        "equal answers": 1,
        "not judged": 1,
        "tie": 1,
    }
    assert built.manifest["stages"][0]["rows_in"] == len(told)
    assert built.audit["win_rates"]["c"] == 50.0


def test_bad_records_are_told_and_cost_nothing_else(build):
    bad = [
        "not json",
        json.dumps({"q": "Name a colour."}),
        json.dumps({"q": "", "model": "a", "output": "x"}),
    ]
    build_rows = [json.dumps(a) for a in ANSWERS]
    with pytest.raises(UserError, match="name its columns"):
        build({"candidates": {"path": "answers.jsonl"}}, records={"answers.jsonl": ANSWERS})
    file = Path(build.folder) / "answers.jsonl"
    file.write_text("\n".join([bad[0], *build_rows, *bad[1:]]) + "\n")
    built = build(table())
    reasons = built.table("failed")["reason"].to_list()
    assert sorted(reasons) == [
        "candidates: empty turn",
        "candidates: no model",
        "candidates: not JSON",
    ]
    assert built.rows.height == 1


def test_sides_that_training_cannot_tell_apart_are_dropped(build):
    long = "the same words " * 60
    rows = [
        {"q": "Go on.", "model": m, "output": long + m, "rating": r}
        for m, r in (("a", 1), ("b", 5))
    ]
    built = build(
        table() | {"pairs": {"max_length": 200}}, records={"answers.jsonl": [*ANSWERS, *rows]}
    )
    assert "equal at 200 tokens" in built.manifest["stages"][0]["reasons"]
    assert (
        build(table() | {"pairs": {"max_length": 400}}, out="more").rows.height
        == built.rows.height + 1
    )


def test_given_candidates_may_be_judged(server, build):
    mind = server()
    source = {
        "candidates": {"path": "answers.jsonl", "columns": {"prompt": "q", "text": "output"}},
        "judge": {"model": "judge", "aspects": ["safety"]},
    }
    rows = [
        {"q": f"Q{i}", "model": m, "output": f"{m}: quality {n}"}
        for i in range(3)
        for n, m in enumerate("abc", 1)
    ]
    built = build(source, mind.url, records={"answers.jsonl": rows})
    assert mind.asked.total() == 3
    assert built.rows["chosen_model"].to_list() == ["c"] * 3


def test_failing_answers_are_never_chosen(build):
    rows = [
        {
            "q": "What is 2 + 2?",
            "model": m,
            "output": t,
            "rating": r,
            "verifier": "gsm8k",
            "ground_truth": "4",
        }
        for m, t, r in [("a", "Surely #### 5", 5), ("b", "So #### 4", 3), ("c", "It is #### 6", 1)]
    ]
    built = build(table(), records={"answers.jsonl": rows})
    assert [(r["chosen_model"], r["rejected_model"]) for r in built.rows.to_dicts()] == [("b", "c")]
    assert built.audit["verifier"]["chosen_passes"] == 1.0
    free = build(table() | {"pairs": {"verifier_override": False}}, out="free")
    assert free.rows["chosen_model"].to_list() == ["a"]
    by = build(table() | {"pairs": {"rule": "verifier"}}, out="by")
    assert by.rows["chosen_model"].to_list() == ["b"]


def test_one_prompt_stands_in_one_split(build):
    rows = [{"q": f"Q{i}", "model": m, "output": f"{m}{i}"} for i in range(30) for m in "abcd"]
    told = [{"q": f"Q{i}", "l": "a", "r": m, "p": 2} for i in range(30) for m in "bcd"]
    source = {
        "candidates": {"path": "answers.jsonl", "columns": {"prompt": "q", "text": "output"}},
        "annotations": {
            "path": "told.jsonl",
            "columns": {"prompt": "q", "first": "l", "second": "r", "preference": "p"},
        },
        "pairs": {"rule": "pairwise"},
    }
    built = build(
        source,
        records={"answers.jsonl": rows, "told.jsonl": told},
        splits={"train": 0.6, "test": 0.4},
    )
    assert built.rows.height == 90
    sides = [
        {
            r["prompt"][0]["content"]
            for f in (built.out / "data").glob(f"{split}-*")
            for r in pl.read_parquet(f).to_dicts()
        }
        for split in ("train", "test")
    ]
    assert all(sides)
    assert not sides[0] & sides[1]


def test_the_example_builds_from_its_own_answers(tmp_path):
    """After an edit to a rubric or to the judge's words its answers no longer fit: write them anew."""
    file = Path(__file__).parents[3] / "examples" / "preference.yaml"
    assert yaml.safe_load(file.read_text())["kind"] == "preference"
    made = build_all(Document(file), plan(load(file)), tmp_path / "out", 1, Progress(quiet=True))
    audit = made["preferences"][0]
    assert (audit["pairs"], audit["candidates"], audit["candidates_failed"]) == (6, 24, {})
    assert audit["verifier"]["chosen_passes"] == 1.0


def test_real_annotations_give_the_published_win_rates(shared, build):
    prefs = shared / "data" / "prefs"
    source = {
        "candidates": {
            "path": str(prefs / "alpaca_eval_outputs.jsonl"),
            "columns": {"text": "output"},
            "where": "model IN ('vicuna-13b', 'text_davinci_003@v1ref')",
        },
        "annotations": {
            "path": str(prefs / "alpaca_eval_annotations.jsonl"),
            "where": "annotator = 'alpaca_eval_gpt4' AND model_2 = 'vicuna-13b'",
            "columns": {
                "first": "model_1",
                "second": "model_2",
                "first_text": "output_1",
                "second_text": "output_2",
            },
        },
        "pairs": {"rule": "pairwise"},
    }
    built = build(source)
    assert built.audit["win_rates"] == {"vicuna-13b": 70.43, "text_davinci_003@v1ref": 29.57}
    assert built.audit["length"]["longer_wins"] > 0.6
