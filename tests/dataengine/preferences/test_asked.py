"""Pairs from candidates that models are asked for, end to end."""

import json

import polars as pl
import pytest

from dataengine.errors import UserError


def test_candidates_scores_and_pairs(server, build, asked, prompts):
    mind = server()
    built = build(asked, mind.url, records=prompts)
    candidates, scores = built.table("candidates"), built.table("scores")
    assert candidates.height == 12 * 4
    assert scores.height == 12 * 4 * 3
    assert mind.asked.total() == 12 * 4 + 12 * 3
    assert built.audit["candidates"] == 48
    drawn = (
        candidates.filter(~pl.col("on_policy"))
        .group_by("prompt_id")
        .agg(pl.col("model").n_unique())
    )
    assert drawn["model"].to_list() == [2] * 12
    assert candidates["model"].n_unique() == 4
    own = candidates.filter("on_policy")
    assert own["policy"].unique().to_list() == ["policy"]
    assert own["text"].n_unique() == 24, "two samples of one prompt differ"
    assert sorted(scores["position"].unique()) == [0, 1, 2, 3]
    na = scores.filter(pl.col("state") == "not applicable")
    assert na.height
    assert na["score"].null_count() == na.height
    text = dict(candidates.select("candidate_id", "text").iter_rows())
    mean = scores.group_by("candidate_id").agg(pl.col("score").mean()).iter_rows()
    means = dict(mean)
    for row in built.rows.iter_rows(named=True):
        details = json.loads(row["provenance"]["details"])
        assert row["chosen"][0]["content"] == text[details["chosen"]]
        assert row["rejected"][0]["content"] == text[details["rejected"]]
        assert row["chosen_score"] == means[details["chosen"]]
        assert row["chosen_score"] > row["rejected_score"]
        assert row["margin"] == pytest.approx(row["chosen_score"] - row["rejected_score"])


def test_every_prompt_ends_as_a_pair_or_says_why_not(server, build, asked, prompts):
    built = build(asked, server().url, records=prompts)
    stage = built.manifest["stages"][0]
    assert stage["rows_in"] == 12 == stage["kept"] + stage["dropped"] + stage["failed"]


def test_another_rule_asks_nobody_again(server, build, asked, prompts):
    mind = server()
    first = build(asked, mind.url, records=prompts)
    asked_once = mind.asked.total()
    second = build({**asked, "pairs": {"rule": "max_delta", "min_margin": 1.0}}, mind.url)
    assert mind.asked.total() == asked_once
    assert second.rows["margin"].min() >= 1.0
    assert first.table("candidates").equals(second.table("candidates"))


def test_kept_tables_give_the_same_pairs_to_the_byte(server, build, asked, prompts, tmp_path):
    """The tables are all that is needed: made again from them, the pairs are the same."""
    built = build(asked, server().url, records=prompts)
    folder = f"{built.out}/dropped/00-prefer-pairs-"
    again = build(
        {
            "candidates": {"path": f"{folder}candidates.parquet"},
            "scores": {"path": f"{folder}scores.parquet"},
        },
        out="again",
    )
    assert again.bytes == built.bytes
    assert again.audit["position"] == built.audit["position"]


def test_a_model_that_fails_costs_its_candidate_alone(server, minds, build, asked, prompts):
    mind = server(lambda body: "" if body["model"] == "a" else minds(body))
    built = build(asked, mind.url, records=prompts)
    failures = built.table("candidates-failed")
    assert failures["model"].unique().to_list() == ["a"]
    assert failures["reason"].unique().to_list() == ["empty"]
    assert built.table("candidates").height + failures.height == 48
    assert built.manifest["stages"][0]["rows_in"] == 12


def test_what_failed_for_now_is_asked_again_and_nothing_else(
    server, build, asked, prompts, monkeypatch
):
    monkeypatch.setattr("dataengine.models.failure.Overloaded.tries", 1)
    monkeypatch.setattr("dataengine.models.model_client.ALIKE_AT_FIRST", 10**6)
    monkeypatch.setattr("dataengine.models.model_client.DOWN_AFTER", 10**6)
    well = []

    def decide(body):
        ill = body["model"] == "a" or (body["model"] == "judge" and len(str(body)) % 3 == 0)
        return (503, {"message": "not now"}, {}) if ill and not well else "ok"

    mind = server(decide=decide)
    first = build(asked, mind.url, records=prompts)
    assert any("failed for now (overloaded" in note for note in first.notes)
    answered = set(mind.answered)
    well.append(True)
    second = build(asked, mind.url, records=prompts)
    assert max(mind.answered.values()) == 1 and answered < set(mind.answered)
    assert not any("failed for now" in note for note in second.notes)
    third = build(asked, mind.url, records=prompts)
    undisturbed = build(asked, server().url, out="undisturbed", records=prompts)
    assert second.bytes == third.bytes == undisturbed.bytes


def test_a_prompt_of_several_turns_is_asked_and_kept_as_it_is(server, build, asked):
    turns = [
        ("system", "Be brief."),
        ("user", "Hello."),
        ("assistant", "Hi."),
        ("user", "How far is the moon?"),
    ]
    told = [{"role": role, "content": text} for role, text in turns]
    mind = server()
    built = build(asked, mind.url, records={"prompts.jsonl": [{"prompt": told}]})
    for body in map(json.loads, mind.asked):
        if body["model"] != "judge":
            assert body["messages"] == told
    (row,) = built.rows.to_dicts()
    assert [(turn["role"], turn["content"]) for turn in row["prompt"]] == turns


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"judge": None}, "say who judges"),
        ({"prompts": None}, "need `prompts: {from"),
        ({"judge": {"model": "jugde"}}, "did you mean judge?"),
        ({"judge": {"model": "judge", "aspects": ["helpfullness"]}}, "did you mean helpfulness?"),
        ({"pairs": {"rule": "best_vs_worse"}}, "best_vs_worst"),
        ({"candidates": {"on_policy": {"model": "policy", "samples": 1}}}, "takes two candidates"),
        ({"candidates": {"pool": {"models": ["a", "b"], "samples_per_prompt": 3}}}, "there are 2"),
    ],
)
def test_mistakes_are_told_in_one_line(server, build, asked, prompts, change, told):
    source = {k: v for k, v in {**asked, **change}.items() if v is not None}
    with pytest.raises(UserError, match=told.replace("{", r"\{").replace("?", r"\?")) as error:
        build(source, "http://127.0.0.1:9/v1", records=prompts)
    assert "out.yaml" in str(error.value)
