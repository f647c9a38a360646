"""What a generated source says before it runs, and what makes it run again."""

import copy
import json

import pytest
import yaml

from dataengine.mixture import load
from dataengine.plan import plan

MIXTURE = {
    "name": "tiny",
    "models": {
        "teacher": {
            "backend": "openai", "base_url": "http://localhost:8000/v1", "model": "big",
            "price": {"input": 1.0, "output": 2.0}, "max_concurrency": 8,
        },
        "local": {"backend": "vllm", "model": "checkpoint"},
    },
    "sources": [
        {
            "name": "persona-math", "recipe": "math_grade_school",
            "personas": {"path": "personas.jsonl"}, "prompts": "teacher",
            "answers": {"model": "teacher", "samples": 5}, "rows": 100, "ceiling": 2,
        }
    ],
}  # fmt: skip


@pytest.fixture
def described(tmp_path):
    """The first stage of a mixture after an edit: path of keys -> value."""
    (tmp_path / "personas.jsonl").write_text(json.dumps({"persona": "A baker."}) + "\n")
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "model.safetensors").write_bytes(b"one")

    def go(**edits):
        mixture = copy.deepcopy(MIXTURE)
        for path, value in edits.items():
            *steps, last = path.split("__")
            ours = ("models", "budget", "seed")
            place = mixture if path.split("__")[0] in ours else mixture["sources"][0]
            for step in steps:
                place = place[step]
            place[last] = value
        file = tmp_path / "mixture.yaml"
        file.write_text(yaml.safe_dump(mixture))
        return plan(load(file))

    return go


def test_the_plan_says_requests_tokens_money_and_what_was_assumed(described):
    said = described(budget={"usd": 3.5}).steps[0].stage.explain()
    assert "100 rows of math_grade_school: 600 to 1,200 requests" in said
    assert "capped at 3.50 USD" in said
    assert "1 writing and 5 answering requests a candidate" in said
    assert "to 200 candidates" in said
    tokens, money = said.split(" tokens, ")
    least, most = (float(text) for text in money.split(" USD")[0].split(" to "))
    assert 0 < least < most
    assert tokens.split(", ")[1].endswith(("M", "k"))


def test_an_unknown_price_is_said_to_be_unknown(described):
    answers = {"model": "local", "samples": 5}
    assert "price unknown" in described(answers=answers).steps[0].stage.explain()


@pytest.mark.parametrize(
    "edit",
    [
        {"models__teacher__price": {"input": 9, "output": 9}},
        {"models__teacher__max_concurrency": 512},
        {"models__teacher__rpm": 10},
        {"models__teacher__base_url": "http://elsewhere/v1"},
        {"models__local__args": {"tensor-parallel-size": 2}},
        {"budget": {"usd": 1.0}},
        {"models__unused": {"backend": "vllm", "model": "x"}},
    ],
)
def test_how_fast_how_dear_and_where_does_not_make_it_run_again(described, edit):
    assert described(**edit).fingerprints[0] == described().fingerprints[0]


@pytest.mark.parametrize(
    "edit",
    [
        {"models__teacher__model": "bigger"},
        {"models__teacher__extra_body": {"top_k": 3}},
        {"answers": {"model": "local", "samples": 5}},
        {"answers": {"model": "teacher", "samples": 6}},
        {"answers": {"model": "teacher", "samples": 5, "share": 0.8}},
        {"recipe": "math_algebra"},
        {"language": "de"},
        {"rows": 101},
        {"ceiling": 3},
        {"near": 0.9},
        {"seed": 7},
    ],
)
def test_what_decides_the_rows_makes_it_run_again(described, edit):
    assert described(**edit).fingerprints[0] != described().fingerprints[0]


def test_another_checkpoint_in_the_same_folder_makes_it_run_again(described, tmp_path):
    from dataengine.models.model_config import _content_name

    answers = {"model": "local", "samples": 5}
    before = described(answers=answers).fingerprints[0]
    (tmp_path / "checkpoint" / "model.safetensors").write_bytes(b"two")
    _content_name.cache_clear()
    assert described(answers=answers).fingerprints[0] != before
