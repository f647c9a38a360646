"""What the repetition filter drops, the loop detector suspects; plain texts it does not."""

import random

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dataengine.loops import suspects
from dataengine.stages.filters.repetition import LOOP_BYTES, SHORTEST_TEXT, Repetition

BYTES = (SHORTEST_TEXT, LOOP_BYTES)

UNITS = [
    "The harbour was quiet that morning, and nobody came. ",
    "no ", "ha", "x", "0", "-", "very very good, ", "中文句子在这里重复。", "これは文です。", "Ещё одно предложение! ",
    "هذه جملة متكررة؟ ", "यह एक वाक्य है। ", "1. Step one: open the lid\n", "- item of a list\n", "* b\n",
    "> quoted words here\n", "```\ncode()\n```\n", "~~~\nx\n~~~ after the fence\n", "    indented = 1\n", "}\n", "| a | b |\n",
    "def f(x):\n", "<p>hello there</p>\n", "import os\n", "Yes, vs. No; e.g. this…", "word\u2028", "a\x85", "\r",
]  # fmt: skip
unit = st.sampled_from(UNITS) | st.text(min_size=1, max_size=30)
block = st.tuples(unit, st.integers(1, 60)).map(lambda pair: pair[0] * pair[1])
numbered = st.tuples(unit, st.integers(1, 40)).map(
    lambda pair: "".join(f"{i}. {pair[0]}\n" for i in range(pair[1]))
)


@settings(max_examples=400, deadline=None)
@given(st.lists(block | numbered, min_size=1, max_size=5).map("".join))
@example("The lid is open, and it stays. " * 8)
@example("a b c " * 300)
@example("```\nprint('hello, world')\n" * 40)
def test_what_the_rule_drops_is_suspected(text):
    finding = Repetition().find(text, [], 0)
    assert finding is None or suspects(pl.Series([text]), *BYTES)[0], (finding, text)


@pytest.mark.parametrize("seed", range(20))
def test_loops_injected_into_prose_are_suspected(seed):
    draw = random.Random(seed)
    words = ["".join(draw.choices("abcdefghijklmnop", k=draw.randrange(1, 9))) for _ in range(500)]
    unit = " ".join(draw.choices(words, k=draw.randrange(1, 12))) + draw.choice([". ", " ", "\n"])
    prose = " ".join(draw.choices(words, k=draw.randrange(60)))
    text = prose + "\n" + unit * (6_000 // len(unit) + 8)
    assert Repetition().find(text, [], 0) is not None
    assert suspects(pl.Series(["", text, prose]), *BYTES).tolist() == [False, True, False]


def test_prose_is_not_suspected():
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefghijklmnop", k=7)) for _ in range(5_000)]
    texts = [". ".join(" ".join(draw.choices(words, k=9)) for _ in range(40)) for _ in range(50)]
    assert not suspects(pl.Series(texts), *BYTES).any()
    assert suspects(pl.Series([], dtype=pl.String), *BYTES).tolist() == []
