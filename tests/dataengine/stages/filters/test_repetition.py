import random

import orjson
import pytest

R = random.Random(1)
WORDS = [
    "harbour",
    "lantern",
    "copper",
    "meadow",
    "whistle",
    "ladder",
    "orchard",
    "velvet",
    "thunder",
    "pebble",
]
HAN = "春江潮水连海平海上明月共潮生滟滟随波千万里何处春江无月明"


def distinct(number: int, words: int = 7) -> list[str]:
    return [f"{' '.join(R.choices(WORDS, k=words))} {i}" for i in range(number)]


def between(sentence: str, others: list[str], end: str = ". ") -> str:
    return "".join(f"{sentence}{end}{other}{end}" for other in others)


LOOPS = {
    "a sentence 200 times with others between": between("It is so that it is", distinct(200)),
    "the same in Chinese": between("这是一个很好的问题", ["".join(R.choices(HAN, k=9)) for _ in range(60)], "。"),
    "the same in Japanese": between("それはとても良い質問ですね", ["".join(R.choices(HAN, k=9)) for _ in range(60)], "。"),
    "a sentence 30 times in a row": "I am sorry to hear that. " * 30,
    "a word 500 times": "very " * 500,
    "an ideograph 500 times": "哈" * 500,
    "a phrase without full stops": "and then we went home and slept " * 60,
    "a paragraph four times": ("The committee met on Tuesday and agreed that the bridge over the river should be "
        "repaired before the winter, at the cost of the county. \n") * 4,
}  # fmt: skip
FINE = {
    "a refrain": "\n".join(
        f"Verse {v}: {' '.join(R.choices(WORDS, k=6))}\nRow, row, row your boat" for v in range(5)
    ),
    "many distinct sentences": ". ".join(distinct(80)),
    "a list with a common beginning": "\n".join(
        f"- Check the {w} before you leave the house today" for w in WORDS
    ),
    "code with repeated lines": "```python\n"
    + "    return None\n\n" * 20
    + "```\n"
    + ". ".join(distinct(12)),
    "a table": "\n".join(f"| {w} | {R.randint(0, 999)} | yes |" for w in WORDS * 3),
    "a drawing": "-" * 400 + "\n" + ". ".join(distinct(5)),
    "emphasis": "No, no, no! Never again.",
    "dialogue": "\n".join(f"{'AB'[i % 2]}: {s}" for i, s in enumerate(distinct(20))),
    "numbers": ", ".join(str(i) for i in range(400)),
}


@pytest.mark.parametrize("text", LOOPS.values(), ids=LOOPS)
def test_loops_go(judge, text):
    assert judge("repetition", text).dropped.height == 1


@pytest.mark.parametrize("text", FINE.values(), ids=FINE)
def test_what_only_repeats_a_little_stays(judge, text):
    assert judge("repetition", text).kept.height == 1


def test_the_user_may_repeat(judge):
    assert judge("repetition", ["again " * 300, "I heard you."]).kept.height == 1


def test_nothing_but_code_blocks_is_no_loop(judge):
    block = "```python\nprint('hello, world')\nprint('hello, world')\nprint('hello, world')\n```\n"
    assert judge("repetition", block * 4).kept.height == 1


def test_a_full_stop_inside_a_link_or_after_vs_ends_no_sentence(judge):
    links = "\n".join(f"- https://example.org/questions/{n}/{WORDS[n % 10]}" for n in range(20))
    matches = "\n".join(f"| May | Harbour Rovers vs. {w} | 1-0 |" for w in WORDS)
    listed = "\n".join(f"- Harbour Rovers vs. the {w}" for w in WORDS)
    assert judge("repetition", links, matches, listed).kept.height == 3


def test_a_row_of_a_table_is_one_sentence(judge):
    row = "| a harbour in the north. | a lantern of copper. |\n"
    others = "".join(f"| a harbour in the north. | a {w} of copper. |\n" for w in WORDS * 2)
    assert judge("repetition", row * 20, others).dropped["id"].to_list() == ["0"]


def test_the_evidence_is_the_loop(judge):
    text = "So we begin. " + "The bell rang once more at noon. " * 12
    outcome = judge("repetition", text)
    found = orjson.loads(outcome.dropped["evidence"].item())
    assert found["text"].startswith("The bell rang once more at noon")
    assert text[found["start"] :].startswith("The bell")


def test_letters_loop_and_boards_do_not(judge):
    board = "\n".join(" ".join(R.choices("XO.", k=18)) for _ in range(40))
    assert judge("repetition", ".L" * 900, board).dropped["id"].to_list() == ["0"]
