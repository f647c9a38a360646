"""A reward model is asked for both answers of each pair."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")

from eval.reward import app, table


@pytest.fixture
def judge(tiny: Path, tmp_path: Path) -> Path:
    """A reward model of random weights that prefers what it prefers."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model: Any = AutoModelForSequenceClassification.from_pretrained(tiny, num_labels=1)
    model.config.pad_token_id = 2
    model.save_pretrained(tmp_path / "rm")
    AutoTokenizer.from_pretrained(tiny).save_pretrained(tmp_path / "rm")
    return tmp_path / "rm"


def build(folder: Path, rows: list[dict[str, Any]]) -> Path:
    (folder / "data").mkdir(parents=True)
    file = folder / "data" / "validation-00000-of-00001.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    return folder


def said(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def asked(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_rewards_are_those_of_the_whole_conversation(judge: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    answers = [("no", "yes, always"), ("a much longer answer", "b")]
    rows = [
        {
            "id": str(k),
            "source": f"s{k}",
            "prompt": said("user", "So?"),
            "chosen": said("assistant", chosen),
            "rejected": said("assistant", rejected),
        }
        for k, (chosen, rejected) in enumerate(answers)
    ]
    data = build(tmp_path / "pairs", rows)
    done = asked("--model", judge, "--data", data, "--out", tmp_path / "r.parquet", "--batch", 4)
    assert done.exit_code == 0, done.output
    found = pl.read_parquet(tmp_path / "r.parquet")
    tokenizer = AutoTokenizer.from_pretrained(judge)
    model: Any = AutoModelForSequenceClassification.from_pretrained(judge).eval()
    for row, told in zip(rows, found.to_dicts(), strict=True):
        for side in ("chosen", "rejected"):
            turns = [*row["prompt"], *row[side]]  # type: ignore[misc]
            ids = tokenizer.apply_chat_template(turns, return_tensors="pt")["input_ids"]
            with torch.no_grad():  # alone and unpadded
                assert told[side] == pytest.approx(model(ids).logits[0, 0].item(), abs=1e-5)
    right = sum(row["chosen"] > row["rejected"] for row in found.to_dicts())
    assert f"| all | {50 * right:.1f} |" in done.output and "| s1 |" in done.output


def test_a_tie_is_wrong_and_the_margin_is_the_mean() -> None:
    rewards = pl.DataFrame(
        {"id": ["a", "b"], "source": ["s", "s"], "chosen": [1.0, 2.0], "rejected": [1.0, 0.0]}
    )
    assert "| all | 50.0 | 0.0 to 100.0 | 1.000 | 2 |" in table(rewards)


def test_what_is_no_reward_model_or_no_pairs_is_one_line(
    judge: Path, tiny: Path, tmp_path: Path
) -> None:
    pair = {k: said("user", "x") for k in ("prompt", "chosen", "rejected")}
    data = build(tmp_path / "pairs", [pair])
    for options, message in (
        (("--model", tiny, "--data", data), "it is no reward model"),
        (("--model", tmp_path / "none", "--data", data), "none cannot be asked"),
        (("--model", judge, "--data", tmp_path / "none"), "no split 'validation' can be read"),
        (("--model", judge, "--data", data, "--split", "test"), "no split 'test' can be read"),
        (("--model", judge, "--data", build(tmp_path / "sft", [{"messages": []}])), "no pairs"),
    ):
        done = asked(*options)
        assert done.exit_code == 2 and message in done.output, done.output
        assert "Traceback" not in done.output
