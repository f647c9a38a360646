"""What a cut at max_length takes is counted: rows, tokens, answers."""

import pytest
from datasets import Dataset


def conversation(number: int, *words: int) -> dict:
    turns = []
    for place, count in enumerate(words):
        role = "assistant" if place % 2 else "user"
        turns.append({"role": role, "content": "xyz " * count})
    return {"id": f"r{number}", "messages": turns}


ROWS = Dataset.from_list(
    [
        conversation(1, 1, 1),
        conversation(2, 1, 200),
        conversation(3, 200, 1),
        conversation(4, 1, 1, 200, 1),
    ]
)


def test_rows_tokens_and_answers_that_a_cut_takes(tokenizer):
    from train import render
    from train.truncation import cut_conversations

    lengths = [len(render.ids(tokenizer, row["messages"], row)) for row in ROWS]
    assert lengths[0] < 64
    found = cut_conversations(tokenizer, ROWS, 64, all_tokens=False)
    assert found == {
        "rows cut": 3,
        "tokens cut": sum(lengths[1:]) - 3 * 64,
        "answers cut": 3,  # the last answer of each; r4 keeps its first
        "rows without any answer left": 1,
    }
    assert not any(cut_conversations(tokenizer, ROWS, None, all_tokens=False).values())


def test_the_plan_tells_them_and_trl_then_leaves_out_so_many(tiny, build, tmp_path, capsys):
    from train.command import run
    from train.sft import STAGE

    argv = ["--data", str(build("sft", rows=list(ROWS))), "--model", str(tiny)]
    more = ["--recipe", "plain", "--max_length", "64", "--per_device_train_batch_size", "2"]
    out = run(STAGE, [*argv, *more, "--out", str(tmp_path / "out"), "--disable_tqdm", "true"])
    said = capsys.readouterr().out
    assert "check: rows cut: 3\n" in said and "check: answers cut: 3\n" in said
    assert "check: rows without any answer left: 1\n" in said
    assert "within the length) | 1 |" in (out / "README.md").read_text()


@pytest.mark.parametrize(("strategy", "cuts"), [("bfd", True), ("bfd_split", False)])
def test_a_packing_that_splits_cuts_nothing(tiny, build, tmp_path, capsys, strategy, cuts):
    from train.command import run
    from train.sft import STAGE

    argv = ["--data", str(build("sft", rows=list(ROWS))), "--model", str(tiny), "--dry-run"]
    more = ["--recipe", "plain", "--max_length", "64", "--packing", "true"]
    run(STAGE, [*argv, *more, "--packing_strategy", strategy, "--out", str(tmp_path / "out")])
    assert ("check: rows cut" in capsys.readouterr().out) is cuts
