import json

import pytest

from eval.verifiers import verifier, verify, verify_batch
from eval.verifiers.response import Response, final_answer, opens_thought, read
from eval.verifiers.reward import Reward


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("plain", None, "plain"),
        (" two\n", None, " two\n"),
        ("<think>a</think>\n\nb", "a", "b"),
        ("<think></think>\n\nb", None, "b"),
        ("from the prompt's own tag</think>b", "from the prompt's own tag", "b"),
        ("<think>a</think></think>b", "a", "b"),
        ('<think>He said "yes"</think>"No"', 'He said "yes"', '"No"'),
        ("<think>\n```py\nopen fence</think>42", "```py\nopen fence", "42"),
        ("<think>a</think>b\n<think>c</think>d", "a\n\nc", "b\nd"),
        ("<thinking>a</thinking>b", "a", "b"),
        ("[THINK]a[/THINK]b", "a", "b"),
        ("<think>it is 5", "it is 5", None),
        ("b\n<think>or c", "or c", None),
        # What a text says about tags is text.
        ("Use `<think>` and `</think>`.", None, "Use `<think>` and `</think>`."),
        ("```\n<think>\na\n</think>\n```\nb", None, "```\n<think>\na\n</think>\n```\nb"),
        ("I think, therefore I am", None, "I think, therefore I am"),
    ],
)
def test_reasoning_is_read_apart(text: str, reasoning: str | None, answer: str | None) -> None:
    assert read(text) == Response(reasoning, answer)


def test_a_thought_that_the_prompt_opened() -> None:
    assert read("a guess of 72", in_thought=True) == Response("a guess of 72", None)
    assert read("a</think>b", in_thought=True) == Response("a", "b")
    assert read("<think>a</think>b", in_thought=True) == Response("a", "b")
    assert opens_thought("<|im_start|>assistant\n<think>\n")
    assert not opens_thought("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert not opens_thought("Use <think> tags.<|im_start|>assistant\n")
    assert not opens_thought("<|im_start|>assistant\n")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>x</think><answer>42</answer>", "42"),
        ("first <answer>41</answer>, no: <ANSWER> 42 </ANSWER> done", "42"),
        ("<answer>42", "42"),  # a stop sequence took the closing tag
        ("<answer></answer> 4", "<answer></answer> 4"),
        ("```html\n<answer>4</answer>\n```", "```html\n<answer>4</answer>\n```"),
        ("the answer is 4", "the answer is 4"),
        ("<think>it is <answer>4</answer>", None),
    ],
)
def test_answer_tags(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer
    if answer is not None:
        assert final_answer(answer) == answer


def test_every_verifier_judges_the_final_answer() -> None:
    thought = "<think>commas, commas, \\boxed{7} so 7</think>"
    schema = '{"type": "object", "required": ["n"]}'
    assert verify("gsm8k", thought + "<answer>42</answer>", "42").passed
    assert verify("json_schema", thought + '<answer>{"n": 1}</answer>', schema).passed
    assert verify("exact", thought + "Lisbon", "lisbon").passed
    no_comma = json.dumps({"instruction_id_list": ["punctuation:no_comma"], "kwargs": [None]})
    assert verify("ifeval", thought + "None here", no_comma).passed
    assert verifier("math").agree(thought + "\\boxed{0.5}", "\\boxed{\\frac12}")
    assert not verifier("math").agree(thought + "\\boxed{8}", "\\boxed{7}")


def test_unfinished_reasoning_is_no_answer_to_any_verifier() -> None:
    cut = "<think>it is \\boxed{5}, so 5"
    for name, truth in [("gsm8k", "5"), ("math", "5"), ("regex", "5"), ("refusal", "compliance")]:
        verdict = verify(name, cut, truth)
        assert (verdict.passed, verdict.reason) == (
            False,
            "no answer: its reasoning never ended",
        )
        assert not verifier(name).can_agree or not verifier(name).agree(cut, cut)
    assert verify("gsm8k", cut, "five").error is not None  # a bad label stays an error
    batch = verify_batch("math", [cut, "\\boxed{5}", cut], ["5", "5", "5"])
    assert [verdict.passed for verdict in batch] == [False, True, False]


def test_a_reward_where_the_template_opened_the_thought() -> None:
    rows = {"verifier": ["gsm8k"] * 3, "ground_truth": ["72"] * 3}
    completions = ["First guess: the answer is 72. But wait", "hm</think>72", "hm</think>71"]
    assert Reward(in_thought=True)(["p"] * 3, completions, **rows) == [0.0, 1.0, 0.0]
    assert Reward()(["p"] * 3, completions, **rows) == [1.0, 1.0, 0.0]
