"""The card: a header the Hub reads, and figures that are the manifest's."""

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dataengine.publish.card import card, conservation, table


def parts(text: str) -> tuple[dict[str, Any], str]:
    """A card's header and its body."""
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), body


def test_header(manifest: dict[str, Any]) -> None:
    head, _ = parts(card(manifest))
    assert head == {
        "language": ["en"],
        "license": "cc-by-nc-4.0",
        "size_categories": "n<1K",
        "task_categories": ["text-generation"],
        "pretty_name": "tiny-mix",
        "tags": ["sft"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": "train", "path": "data/train-*.parquet"},
                    {"split": "validation", "path": "data/validation-*.parquet"},
                ],
            }
        ],
        "dataset_info": {"config_name": "default", "description": manifest["fingerprint"]},
    }


def test_the_same_manifest_has_the_same_card(manifest: dict[str, Any]) -> None:
    assert card(manifest) == card(copy.deepcopy(manifest))


def test_sources_funnel_and_sum(manifest: dict[str, Any]) -> None:
    _, body = parts(card(manifest))
    assert (
        "60 rows for supervised fine-tuning, from 1 source: 50 in `train`; 10 in `validation`"
        in body
    )
    assert (
        "| alpaca | `data/alpaca.jsonl`, content `00ff` | CC-BY-NC-4.0 | all rows | 70 | 60 |"
        in body
    )
    assert "| alpaca | 60 | 100.0 | 1,200 | 20.0 | 31 |" in body
    assert "| read alpaca | 70 | 0 | 67 | 0 | 3 | no assistant turn (3) |" in body
    assert "| decontaminate | 67 | 0 | 60 | 7 | 0 | contaminated (7) |" in body
    assert "70 read = 60 here + 7 dropped + 3 failed." in body
    assert "The strictest licence in force is CC-BY-NC-4.0** (non-commercial, attribution)" in body
    assert "**Not done.**" in body and "Generation" not in body


def test_copies_are_in_the_sum(manifest: dict[str, Any]) -> None:
    manifest["sources"][0]["rows_read"] = 60
    manifest["stages"][0]["added"] = 10
    assert "60 read + 10 copied = 60 here + 7 dropped + 3 failed." in card(manifest)


@given(lost=st.integers(-3, 3), field=st.sampled_from(["dropped", "failed", "added"]))
def test_a_manifest_that_does_not_add_up_has_no_card(lost: int, field: str) -> None:
    stage = {"added": 0, "dropped": 7, "failed": 3}
    stage[field] += lost
    whole = {
        "name": "x",
        "sources": [{"rows_read": 70}],
        "stages": [stage],
        "splits": {"train": {"rows": 60}},
    }
    if lost:
        with pytest.raises(ValueError, match="does not add up"):
            conservation(whole)
    else:
        assert conservation(whole)["published"] == 60


def test_decontamination_table(manifest: dict[str, Any]) -> None:
    manifest["decontamination"] = {
        "method": "default",
        "suites": [
            {"name": "gsm8k", "tier": "development", "items": 200, "hash": "ab" * 16},
            {"name": "bbh", "tier": "unseen", "items": 50, "hash": "cd" * 16},
        ],
        "table": [
            {"suite": "bbh", "source": "alpaca", "items_hit": 0, "share": 0.0, "rows_dropped": 0},
            {
                "suite": "gsm8k",
                "source": "alpaca",
                "items_hit": 3,
                "share": 0.015,
                "rows_dropped": 7,
            },
        ],
    }
    assert "More than 2 %" not in card(manifest)
    manifest["decontamination"] |= {
        "sources": [{"source": "alpaca", "verdict": "contaminated"}],
        "decided": {"drop": 7, "review": 1234},
    }
    body = card(manifest)
    assert "More than 2 % of a suite's items were found in alpaca:" in body
    assert "Not dropped although they resemble an item: 1,234 left for a person to review." in body
    assert "| gsm8k | alpaca | 3 | 1.5 | 7 |" in body
    assert "| bbh | alpaca |" not in body, "a suite that was not hit is in the list of suites only"
    assert "| bbh | unseen | 50 | cdcdcdcdcdcd |" in body


def test_a_hub_source_is_linked_and_pinned(manifest: dict[str, Any]) -> None:
    source = manifest["sources"][0]
    del source["path"], source["content"]
    source |= {"hub": "openai/gsm8k", "revision": "e53f048856ff4f594e959d75785d2c2d37b678ee"}
    head, body = parts(card(manifest))
    assert head["source_datasets"] == ["openai/gsm8k"]
    assert "[openai/gsm8k](https://huggingface.co/datasets/openai/gsm8k) at `e53f048`" in body


def test_what_a_generated_source_was_made_from(manifest: dict[str, Any]) -> None:
    source = manifest["sources"][0]
    del source["path"], source["content"]
    people = {"hub": "org/people", "revision": "e53f048856ff4f59", "licence": "MIT"}
    asked = {"path": "asked.jsonl", "content": "ab" * 16}
    source |= {"personas": people, "prompts": {"from": [asked], "exclude": []}}
    head, body = parts(card(manifest))
    assert head["source_datasets"] == ["org/people"]
    assert (
        "| alpaca | made from personas "
        "[org/people](https://huggingface.co/datasets/org/people) at `e53f048`, "
        "prompts `asked.jsonl`, content `abababababab` |"
    ) in body


def test_generation_figures(manifest: dict[str, Any]) -> None:
    manifest["models"] = [{"model": "Qwen/Qwen3-8B", "output_tokens": 700}]
    manifest["generation"] = [{"source": "math", "candidates": 1200, "reasons": {"timeout": 3}}]
    head, body = parts(card(manifest))
    assert head["tags"] == ["sft", "synthetic"]
    assert "| model | Qwen/Qwen3-8B |" in body and "| output tokens | 700 |" in body
    assert "| candidates | 1,200 |" in body and "| reasons | timeout 3 |" in body


def test_an_unknown_licence_is_said_plainly(manifest: dict[str, Any]) -> None:
    manifest["composition"][0]["licence"] = None
    head, body = parts(card(manifest))
    assert head["license"] == "unknown"
    assert "**Some rows have no known licence:**" in body and "strictest licence" not in body


def test_an_own_licence_hides_no_other(manifest: dict[str, Any]) -> None:
    manifest["composition"].append(
        manifest["composition"][0] | {"source": "own", "licence": "LicenseRef-Acme", "rows": 0}
    )
    manifest["composition"][1]["tokens_mean"] = 0.0
    manifest["composition"][1]["rows"], manifest["composition"][0]["rows"] = 1, 59
    head, body = parts(card(manifest))
    assert head["license"] == ["other", "cc-by-nc-4.0"]
    assert head["license_name"] == "licenseref-acme"
    assert (
        "**Several licences are in force at once:** LicenseRef-Acme (own terms), "
        "CC-BY-NC-4.0 (non-commercial, attribution). Treat the dataset as a whole by all of them."
    ) in body
    assert "| non-commercial: no commercial use | CC-BY-NC-4.0 | alpaca |" in body
    assert "| own terms: its own terms: read them | LicenseRef-Acme | own |" in body


def test_models_and_their_terms(manifest: dict[str, Any]) -> None:
    asked = [
        {"name": "t", "model": "org/teacher", "licence": "llama3.1", "as": ["prompts"]},
        {"name": "j", "model": "org/judge", "licence": None, "as": ["answers.judge"]},
    ]
    manifest["sources"][0]["asked"] = asked
    head, body = parts(card(manifest))
    assert "| org/teacher | llama3.1 | alpaca | prompts |" in body
    assert "| org/judge | **not stated** | alpaca | answers.judge |" in body
    assert "unknown" in head["license"] and "cc-by-nc-4.0" in head["license"]
    assert head["tags"] == ["sft", "synthetic"]
    manifest["sources"][0]["asked"] = asked[1:]
    assert parts(card(manifest))[0]["tags"] == ["sft"], "a judge wrote none of the text"


def test_the_publishers_own_words_stand_first_and_are_taken_as_they_are(
    manifest: dict[str, Any],
) -> None:
    text = "Made by {{ us }}.\n\nWrite to a@example.org. | <b>x</b>"
    manifest["about"] = {"file": "about.md", "content": "00", "text": text}
    _, body = parts(card(manifest))
    assert body.startswith(f"\n# tiny-mix\n\n{text}\n\n60 rows for")


@pytest.mark.parametrize("kind", ["sft", "preference", "rlvr"])
def test_kinds(manifest: dict[str, Any], kind: str) -> None:
    manifest["kind"] = kind
    head, body = parts(card(manifest))
    assert head["tags"][0] == kind
    column = {"sft": "`messages`", "preference": "`rejected`", "rlvr": "`ground_truth`"}[kind]
    assert column in body


def test_an_empty_build_still_has_a_card(manifest: dict[str, Any]) -> None:
    manifest["stages"][1] |= {"kept": 0, "dropped": 67}
    manifest |= {"splits": {}, "composition": []}
    assert "70 read = 0 here + 67 dropped + 3 failed." in card(manifest)


def test_names_cannot_break_a_table() -> None:
    assert table(["name", "rows"], [["a|b\n<c>", 1000]]) == (
        "| name | rows |\n| --- | ---: |\n| a\\|b &lt;c> | 1,000 |"
    )
