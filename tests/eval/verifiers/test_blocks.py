import pytest

from eval.verifiers import verifier, verify
from eval.verifiers.blocks import Block, blocks, json_value

NUMBER = '{"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```py\na\n```", [Block("py", "a\n")]),
        ("````json\n```\n````", [Block("json", "```\n")]),
        ("  ```\n  a\n    b\n  ```", [Block("", "a\n  b\n")]),
        ("1. So:\n   ```python\n   a\n   ```\n2. b", [Block("python", "a\n")]),
        ("- ```python\n  a\n  ```", [Block("python", "a\n")]),
        ("Here it is: ```python\na\n```", [Block("python", "a\n")]),
        ("~~~\na\n~~~\n```\nb", [Block("", "a\n"), Block("", "b")]),
        ("Use ```x``` here", []),
        ("`a` and `b`\n", []),
    ],
)
def test_fenced_blocks(text: str, found: list[Block]) -> None:
    assert blocks(text) == found


@pytest.mark.parametrize(
    "answer",
    ['{"n": 3}', '```json\n{"n": 3}\n```', '  ```\n  {"n": 3}\n  ```', '````\n{"n": 3}\n````'],
)
def test_json_alone_or_in_a_fence(answer: str) -> None:
    assert json_value(answer) == {"n": 3}
    assert verify("json_schema", answer, NUMBER).passed is True


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_three_names_are_not_json(value: str) -> None:
    assert verify("json_schema", f'{{"n": {value}}}', NUMBER).passed is False
    assert not verifier("json_schema").agree(f"[{value}]", f"[{value}]")
    form = '{"instruction_id_list": ["detectable_format:json_format"], "kwargs": [{}]}'
    assert verify("ifeval", f'{{"n": {value}}}', form).passed is False
    assert verify("ifeval", '{"n": 3}', form).passed is True


def test_f1_of_nothing() -> None:
    assert verify("f1", "", "A").passed is False
    assert verify("f1", "A", "A").passed is True  # an article counts where there is nothing else
    assert (verify("f1", "hello", "%").error or "").startswith("MalformedGroundTruth")
    assert not verifier("f1").agree("", "%")


@pytest.mark.parametrize(
    ("text", "nth", "followed"),
    [
        ("\n\nThe boat left.\n\nMeanwhile it rained.", 1, "the"),
        ("\n\nThe boat left.\n\nMeanwhile it rained.", 2, "meanwhile"),
        ("The boat left.\r\n\r\nMeanwhile it rained.", 2, "meanwhile"),
    ],
)
def test_paragraphs_are_counted_and_indexed_in_one_list(text: str, nth: int, followed: str) -> None:
    for word in ("the", "meanwhile"):
        truth = (
            '{"instruction_id_list": ["length_constraints:nth_paragraph_first_word"], "kwargs":'
            f' [{{"num_paragraphs": 2, "nth_paragraph": {nth}, "first_word": "{word}"}}]}}'
        )
        assert verify("ifeval", text, truth).passed is (word == followed)
