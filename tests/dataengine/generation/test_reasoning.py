"""A teacher's reasoning is paid for, and kept on the turn that it led to."""

import pytest


@pytest.mark.parametrize(
    ("how", "content", "thought"),
    [
        ("keep", "{said}", "I count."),
        ("in_content", "<think>\nI count.\n</think>\n\n{said}", None),
        ("drop", "{said}", None),
    ],
)
@pytest.mark.parametrize("sent", ["reasoning_content", "think"])
def test_reasoning_is_kept_moved_or_dropped(how, content, thought, sent, math_teacher, teacher, build):  # fmt: skip
    def thinking(body):
        said = math_teacher(body)
        if "response_format" in body:
            return said
        if sent == "think":
            return f"<think>I count.</think>{said}"
        return {"content": said, "reasoning_content": "I count."}

    built = build(teacher(thinking).url, {"rows": 2, "reasoning": how})
    for turns in built.rows()["messages"]:
        *before, last = turns
        number = last["content"].rpartition("#### ")[2]
        said = content.format(said=f"We add one.\n#### {number}")
        assert (last["content"], last["reasoning_content"]) == (said, thought)
        assert all(turn["reasoning_content"] is None for turn in before)
