"""The checks on what is trained and on what truncation does, on planted templates and pairs."""

import pytest
from datasets import Dataset

from dataengine.errors import UserError
from train.checks import check_assistant_mask
from train.mask import marked_template, masked
from train.truncation import cut_pairs


def chat(*turns: tuple[str, str]) -> dict:
    return {"id": "r1", "messages": [{"role": r, "content": c} for r, c in turns]}


ROWS = [
    chat(("user", "hello"), ("assistant", "red")),
    chat(("user", "sort abc"), ("assistant", "abc"), ("user", "blue"), ("assistant", "e")),
]


def template(tokenizer, **swaps: str):
    for old, new in swaps.values():
        assert old in tokenizer.chat_template
        tokenizer.chat_template = tokenizer.chat_template.replace(old, new)
    return tokenizer


def refused(tokenizer, rows=ROWS) -> str:
    with pytest.raises(UserError) as caught:
        check_assistant_mask(tokenizer, rows)
    return str(caught.value)


def test_the_frame_around_every_answer_is_returned(tokenizer):
    assert check_assistant_mask(tokenizer, ROWS)["answer"] == ("", "<|end|>")


def test_a_constant_frame_is_the_templates_own(tokenizer):
    start = ("{%- generation -%}", "{%- generation -%}<think></think>")
    frame = check_assistant_mask(template(tokenizer, a=start), ROWS)["answer"]
    assert frame == ("<think></think>", "<|end|>")


def test_an_end_of_turn_outside_the_mask_is_refused(tokenizer):
    end = ("{{- '<|end|>' -}}{%- endgeneration -%}", "{%- endgeneration -%}{{- '<|end|>' -}}")
    assert "never learn to stop" in refused(template(tokenizer, a=end))


def test_a_mask_over_the_users_words_is_refused(tokenizer):
    user = (
        "{%- else -%}{{- '<|' + message['role'] + '|>' + message['content'] -}}",
        "{%- else -%}{%- generation -%}{{- message['role'] + message['content'] + '<|end|>' -}}"
        "{%- endgeneration -%}",
    )
    said = refused(template(tokenizer, a=user))
    assert "row r1 has 1 assistant turns, but its trained tokens form 2 stretches" in said


def test_a_mask_that_runs_from_user_into_assistant_is_refused(tokenizer):
    tokenizer.chat_template = (
        "{%- for message in messages -%}{%- generation -%}"
        "{{- message['content'] + '<|end|>' -}}{%- endgeneration -%}{%- endfor -%}"
    )
    said = refused(tokenizer, [ROWS[0], chat(("user", "blue"), ("assistant", "abc"))])
    assert "row r1" in said


def test_a_template_that_rewrites_the_answer_is_refused(tokenizer):
    upper = (
        "generation -%}{{- message['content'] -}}",
        "generation -%}{{- message['content'] | upper -}}",
    )
    said = refused(template(tokenizer, a=upper))
    assert "decode to 'RED<|end|>'" in said and "'red'" in said


def test_an_unrendered_tool_call_is_refused(tokenizer):
    drop = ("{{- '<call>' + call['function']['name'] -}}", "")
    row = chat(("user", "hello"), ("assistant", "blue"))
    row["messages"][1]["tool_calls"] = [{"type": "function", "function": {"name": "add"}}]
    assert "the call to add is not among the trained tokens" in refused(
        template(tokenizer, a=drop), [row]
    )


def test_without_marks_the_turns_are_found_by_rendering(tokenizer):
    marks = ("{%- generation -%}", ""), ("{%- endgeneration -%}", "")
    marked = [masked(tokenizer, row, tokenizer.chat_template) for row in ROWS]
    bare = template(tokenizer, a=marks[0], b=marks[1])
    assert marked_template(bare) is None
    assert [masked(bare, row, None) for row in ROWS] == marked


def pairs(*texts: tuple[str, str, str]) -> Dataset:
    return Dataset.from_list(
        [
            {
                "id": f"p{n}",
                "prompt": [{"role": "user", "content": prompt}],
                "chosen": [{"role": "assistant", "content": chosen}],
                "rejected": [{"role": "assistant", "content": rejected}],
            }
            for n, (prompt, chosen, rejected) in enumerate(texts)
        ]
    )


def test_pairs_equal_under_the_cut_are_refused_by_count(tokenizer):
    long = "xyz " * 100
    rows = pairs(("hello", "red", "blue"), ("hello", long + "red", long + "blue"))
    with pytest.raises(UserError, match=r"1 of 2 pairs are equal .*max_length=64.*\(first: p1\)"):
        cut_pairs(tokenizer, rows, 64)
    assert cut_pairs(tokenizer, rows, None) == {"truncated": 0, "dropped": 0}


def test_cut_and_dropped_pairs_are_counted(tokenizer):
    long = "xyz " * 100
    rows = pairs(("hello", "red" + long, "blue"), (long, "red", "blue"), ("hello", "red", "blue"))
    assert cut_pairs(tokenizer, rows, 64) == {"truncated": 2, "dropped": 1}
