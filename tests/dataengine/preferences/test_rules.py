"""Rules on random tables of candidates, scores and failures, and on planted ones."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.preferences.candidates import CANDIDATES, JUDGEMENTS, SCORES, candidate_id, means
from dataengine.preferences.rules import Pairs, pair, pair_judgements

ASPECTS = ("helpfulness", "honesty", "truthfulness")


def rules(**given):
    return Pairs.model_validate(given)


def candidate(prompt, model, text, on_policy=False, passed=None):
    return dict.fromkeys(CANDIDATES) | {
        "candidate_id": candidate_id(prompt, model, 0, text),
        "prompt_id": prompt,
        "model": model,
        "on_policy": on_policy,
        "text": text,
        "passed": passed,
    }


def score(of, aspect, value):
    """A number, "N/A", or None for a score that is missing."""
    state = {"N/A": "not applicable", None: "missing"}.get(value, "scored")
    return dict.fromkeys(SCORES) | {
        "candidate_id": of["candidate_id"],
        "prompt_id": of["prompt_id"],
        "aspect": aspect,
        "state": state,
        "score": value if state == "scored" else None,
    }


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("A b.\nC", "A b.\r\nC", True),
        ("A  b.", " A b.\n", True),
        ("A b", "A\u00a0b", True),
        ("caf\u00e9", "cafe\u0301", True),
        ("\ufeffA", "A", True),
        ("A b", "Ab", False),
        ("A.", "A", False),
        ("a", "A", False),
    ],
)
def test_answers_that_differ_in_blanks_alone_make_no_pair(one, other, same):
    first, second = candidate("p", "a", one), candidate("p", "b", other)
    table = judged([first, second], [score(first, "honesty", 5.0), score(second, "honesty", 1.0)])
    pairs, left = pair(table, rules(), 0)
    assert pairs.height == (0 if same else 1)
    assert left["reason"].to_list() == (["equal answers"] if same else [])
    compared = {"prompt_id": "p", "first": first["candidate_id"], "second": second["candidate_id"]}
    judgements = dict.fromkeys(JUDGEMENTS) | compared | {"preference": 1.0, "orders": 1}
    both = pl.DataFrame([first, second], schema=CANDIDATES)
    pairs, left = pair_judgements(
        pl.DataFrame([judgements], schema=JUDGEMENTS), both, rules(rule="pairwise")
    )
    assert pairs.height == (0 if same else 1)
    assert left["reason"].to_list() == (["equal answers"] if same else [])


def judged(candidates, scores):
    return means(pl.DataFrame(candidates, schema=CANDIDATES), pl.DataFrame(scores, schema=SCORES))


said = st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0, "N/A", None, "unasked"])
answers = st.fixed_dictionaries(
    {
        "prompt": st.sampled_from(["p1", "p2", "p3"]),
        "model": st.sampled_from(["a", "b", "c", "d"]),
        "text": st.sampled_from(["yes", "no", "maybe", " yes ", ""]),
        "on_policy": st.booleans(),
        "passed": st.sampled_from([True, False, None]),
        "scores": st.tuples(said, said, said),
    }
)
tables = st.lists(answers, max_size=14, unique_by=lambda a: (a["prompt"], a["model"]))


@settings(max_examples=150, deadline=None)
@given(
    tables,
    st.sampled_from(["best_vs_lower", "best_vs_worst", "max_delta", "verifier"]),
    st.sampled_from([0.0, 0.5, 2.0]),
    st.sampled_from(["any", "at_least_one", "both"]),
    st.booleans(),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_whatever_is_missing_pairs_are_sound(drawn, rule, margin, own, override, seed, shuffle):
    candidates, scores = [], []
    for a in drawn:
        one = candidate(a["prompt"], a["model"], a["text"], a["on_policy"], a["passed"])
        candidates.append(one)
        scores += [
            score(one, aspect, value)
            for aspect, value in zip(ASPECTS, a["scores"], strict=True)
            if value != "unasked"
        ]
    config = rules(rule=rule, min_margin=margin, on_policy=own, verifier_override=override)
    table = judged(candidates, scores)
    pairs, left = pair(table, config, seed)
    facts = {c["candidate_id"]: c for c in table.to_dicts()}
    for made in pairs.to_dicts():
        chosen, rejected = facts[made["chosen"]], facts[made["rejected"]]
        assert chosen["prompt_id"] == rejected["prompt_id"] == made["prompt_id"]
        assert made["chosen_score"] > made["rejected_score"]
        assert made["margin"] >= margin
        assert chosen["text"].strip() != rejected["text"].strip()
        assert chosen["text"].strip()
        if rule == "verifier":
            assert (chosen["passed"], rejected["passed"]) == (True, False)
        else:
            assert (made["chosen_score"], made["rejected_score"]) == (
                chosen["mean"],
                rejected["mean"],
            )
            shared = set(scored(scores, chosen)) & set(scored(scores, rejected))
            assert shared, "means over different aspects are not compared"
        if override:
            assert chosen["passed"] is not False
        least = {"any": 0, "at_least_one": 1, "both": 2}[own]
        assert chosen["on_policy"] + rejected["on_policy"] >= least
    paired, unpaired = set(pairs["prompt_id"]), set(left["prompt_id"])
    assert not paired & unpaired
    assert paired | unpaired == {c["prompt_id"] for c in candidates}
    shuffle.shuffle(candidates)
    shuffle.shuffle(scores)
    again, why = pair(judged(candidates, scores), config, seed)
    assert again.equals(pairs)
    assert why.equals(left)


def scored(scores, one):
    return [
        s["aspect"]
        for s in scores
        if s["candidate_id"] == one["candidate_id"] and s["score"] is not None
    ]


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ({"a": [4, 4], "b": [4, 4]}, "tie"),
        ({"a": [4, 3], "b": [3, 4]}, "tie"),
        ({"a": [5, 5], "b": [4, None]}, "not judged"),
        ({"a": [5, 5], "b": [4]}, "not judged"),
        ({"a": [5], "b": []}, "not judged"),
        ({"a": [5, "N/A"], "b": ["N/A", 3]}, "no aspect in common"),
        ({"a": ["N/A", "N/A"], "b": [3, 3]}, "not judged"),
        ({"a": [4, 4], "b": [4, 3]}, "below the margin"),
        ({"a": [5, 5], "b": [2, 2]}, None),
        ({"a": [5, "N/A"], "b": [2, 2]}, None),
        ({"a": [5, 5]}, "one candidate"),
    ],
)
def test_what_cannot_be_told_apart_is_not_paired(scores, reason):
    candidates = [candidate("p", model, f"from {model}") for model in scores]
    told = [
        score(one, aspect, value)
        for one, values in zip(candidates, scores.values(), strict=True)
        for aspect, value in zip(ASPECTS, values, strict=False)
    ]
    pairs, left = pair(judged(candidates, told), rules(min_margin=1.0), 1)
    assert left["reason"].to_list() == ([reason] if reason else [])
    assert pairs.height == (reason is None)


def test_equal_texts_never_pair_but_another_may():
    candidates = [candidate("p", m, t) for m, t in (("a", "same"), ("b", " same"), ("c", "other"))]
    told = [score(c, "helpfulness", v) for c, v in zip(candidates, (5, 1, 3), strict=True)]
    pairs, _ = pair(judged(candidates, told), rules(), 1)
    assert pairs["rejected"].to_list() == [candidates[2]["candidate_id"]]


def test_each_rule_takes_the_candidates_it_says():
    passed = {"a": False, "b": True, "c": None, "d": None}
    candidates = [candidate("p", m, f"from {m}", passed=passed[m]) for m in "abcd"]
    by = {c["candidate_id"]: c["model"] for c in candidates}
    told = [score(c, "helpfulness", v) for c, v in zip(candidates, (5, 4, 2, 1), strict=True)]

    def made(**config):
        pairs, left = pair(judged(candidates, told), rules(**config), 7)
        return [(by[c], by[r]) for c, r in pairs.select("chosen", "rejected").iter_rows()] or left[
            "reason"
        ].to_list()

    assert made(rule="best_vs_worst") == [("b", "d")]
    assert made(rule="max_delta") == [("b", "d")]
    assert made(rule="best_vs_worst", verifier_override=False) == [("a", "d")]
    assert made(rule="verifier") == [("b", "a")]
    assert made(rule="best_vs_lower", min_margin=3) == [("b", "d")]
    assert made(rule="best_vs_lower", min_margin=3.5) == ["below the margin"]
    drawn = {pair(judged(candidates, told), rules(), seed)[0]["rejected"][0] for seed in range(30)}
    assert {by[c] for c in drawn} == {"c", "d"}


verdicts = st.sampled_from([None, 1.0, 1.2, 1.5, 1.9, 2.0])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(verdicts, verdicts, st.sampled_from([1, 2])), max_size=8), st.booleans())
def test_a_pair_never_contradicts_its_judge(asked, override):
    rows, candidates = [], []
    for number, (preference, swapped, orders) in enumerate(asked):
        first, second = (
            candidate(f"p{number}", m, f"{m}{number}", passed=number % 2 == 0) for m in "ab"
        )
        candidates += [first, second]
        rows.append(
            dict.fromkeys(JUDGEMENTS)
            | {
                "prompt_id": f"p{number}",
                "first": first["candidate_id"],
                "second": second["candidate_id"],
                "preference": preference,
                "swapped": swapped if orders == 2 else None,
                "orders": orders,
            }
        )
    judgements = pl.DataFrame(rows, schema=JUDGEMENTS)
    table = pl.DataFrame(candidates, schema=CANDIDATES)
    pairs, left = pair_judgements(
        judgements, table, rules(rule="pairwise", verifier_override=override)
    )
    assert pairs.height + left.height == len(rows)
    facts = {row["prompt_id"]: row for row in rows}
    for made in pairs.to_dicts():
        asked_of = facts[made["prompt_id"]]
        told = [asked_of["preference"]] + ([asked_of["swapped"]] if asked_of["orders"] == 2 else [])
        won = "second" if made["chosen"] == asked_of["second"] else "first"
        assert all(t is not None and (t > 1.5) == (won == "second") and t != 1.5 for t in told)
        assert made["chosen_score"] > made["rejected_score"]
        assert 0 < made["margin"] <= 1
