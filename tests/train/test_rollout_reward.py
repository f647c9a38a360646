"""What a rollout is paid for, where the chat template opens the thought and where it does not."""

from collections.abc import Callable
from pathlib import Path

import pytest

PROMPT = [{"role": "user", "content": "hello"}]


@pytest.fixture
def paid(model_with: Callable[..., Path]) -> Callable[..., float | None]:
    from transformers import AutoTokenizer

    from train.rollout_reward import RolloutReward

    def call(template: str, said: str, special: bool = True, **variables: object) -> float | None:
        tags = ("<think>", "</think>") if special else ()
        folder = model_with(template, tokens=("<|im_start|>", "<|im_end|>", *tags))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        reward = RolloutReward(tokenizer=tokenizer, variables=variables)
        tokens = [*tokenizer(said, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        shown = tokenizer.decode(tokens, skip_special_tokens=True)
        completion = [{"role": "assistant", "content": shown}]
        more = {"verifier": ["gsm8k"], "ground_truth": ["72"], "completion_ids": [tokens]}
        return reward([PROMPT], [completion], **more)[0]

    return call


@pytest.mark.parametrize("special", [True, False], ids=["special tags", "plain tags"])
def test_thinking_that_never_ends_is_not_paid(paid, special):
    assert paid("qwen3_5_think", "First guess: the answer is 72. But wait", special) == 0
    assert paid("qwen3_5_think", "Six times\n</think>\n\nThe answer is 72.", special) == 1
    assert paid("qwen3_5_think", "It is 72\n</think>\n\nThe answer is 9.", special) == 0


def test_where_nothing_is_opened_the_text_is_the_answer(paid):
    assert paid("qwen3_5_think", "The answer is 72.", enable_thinking=False) == 1
    assert paid("qwen2_5", "The answer is 72.") == 1
    assert paid("qwen3", "<think>\nis it 72? the answer is 72") == 0
