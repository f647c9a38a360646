"""RLVR with tools: functions that TRL offers to the policy and runs for it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataengine.errors import UserError

QUICK = (
    *("--per_device_train_batch_size", "4", "--gradient_accumulation_steps", "1"),
    *("--num_generations", "4", "--generation_batch_size", "4", "--max_completion_length", "512"),
    *("--gradient_checkpointing", "false", "--logging_steps", "1", "--disable_tqdm", "true"),
    *("--max_steps", "1", "--save_strategy", "no"),
)
SHOP = '''
def stock(thing: str) -> int:
    """
    How many lie in the store.

    Args:
        thing: What is looked for.
    """
    return 3


def untold(thing):
    return 3
'''


@pytest.fixture
def prepared(
    model_with: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """The job and the trainer of a command in a folder with shop.py."""
    from train.command import prepare
    from train.rlvr import STAGE

    (tmp_path / "shop.py").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    tokens = ("<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>")
    model = model_with("qwen3", tokens=tokens, window=2048)

    def call(data: Path, *more: str) -> Any:
        argv = ["--data", str(data), "--model", str(model), "--recipe", "tulu31_8b", *QUICK]
        job = prepare(STAGE, [*argv, "--out", str(tmp_path / "out"), *more])
        STAGE.check(job)
        return STAGE.trainer(job)

    return call


def rows(**more: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{n:032x}",
            "prompt": [{"role": "user", "content": f"How many of {n}?"}],
            "ground_truth": "3",
            "verifier": "exact",
            **more,
        }
        for n in range(4)
    ]


def test_the_tools_are_offered_and_what_is_called_is_run(prepared, build):
    trainer = prepared(build("rlvr", rows=rows()), "--tools", "shop:stock")
    tokenizer = trainer.processing_class
    ids, _, _ = trainer._tokenize_prompts([rows()[0]["prompt"]])
    assert '"name": "stock"' in tokenizer.decode(ids[0])
    call = '<tool_call>\n{"name": "stock", "arguments": {"thing": "oar"}}\n</tool_call><|im_end|>'
    said = tokenizer("<think>\nhm\n</think>\n\n" + call, add_special_tokens=False)["input_ids"]
    answer = tokenizer("3<|im_end|>", add_special_tokens=False)["input_ids"]
    turns = iter([([said], None), ([answer], None)])
    trainer._generate_single_turn = lambda *given, **named: next(turns)
    # as TRL makes them for each batch before it generates
    trainer._sync_tool_dicts, trainer._async_tool_dicts = [{"stock": trainer.tools[0]}], [{}]
    prompt = rows()[0]["prompt"]
    _, completion_ids, _, completions, *_ = trainer._generate([list(prompt)])
    assert [turn["role"] for turn in completions[0]] == ["assistant", "tool", "assistant"]
    assert completions[0][1]["content"] == "3"
    paid = trainer.reward_funcs[0](
        [prompt],
        completions,
        completion_ids=completion_ids,
        verifier=["exact"],
        ground_truth=["3"],
    )
    assert paid == [1.0]


def test_rows_that_offer_what_nothing_runs_are_refused_with_their_count(prepared, build):
    tool = {"type": "function", "function": {"name": "stock", "parameters": {}}}
    data = build("rlvr", rows=rows(tools=json.dumps([tool])))
    with pytest.raises(UserError, match=r"stock \(in 4 rows\); give them as --tools"):
        prepared(data)
    assert prepared(data, "--tools", "shop:stock")


def test_a_function_that_cannot_be_offered_is_one_line(prepared, build):
    data = build("rlvr", rows=rows())
    for name in ("shop:untold", "shop:absent", "nowhere:stock", "shop"):
        with pytest.raises(UserError, match=f"--tools {name}: "):
            prepared(data, "--tools", name)
