"""A long item word for word is dropped, whatever else its row holds."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decontam.check import check
from decontam.index.verbatim import LEAST, is_long
from decontam.text.words import words_of
from eval.suites import load

STEM = "Complete the rest of the sequence, making sure that the parentheses are closed properly. Input:"
TABLE = (
    "Construct a complete truth table for the following argument. Then, using the truth table, "
    "determine whether the argument is valid or invalid. If it is invalid, choose a counterexample."
)
MORSE = " / ".join(
    [".... . .-.. .-.. ---", ".-- --- .-. .-.. -..", "- .... .", ". -. -..", "-. --- .--"]
)
DRAWING = '[asy]\ndraw((0,0)--(4,0)--(4,3)--cycle);\nlabel("$A$",(0,0),SW);\nlabel("5",(2,1.7),N);\n[/asy]'
ITEMS = [
    {"id": "drawn", "prompt": f"What is the area of the region?\n\n{DRAWING}", "answer": "6"},
    {"id": "drawn too", "prompt": f"What is the area of the region?\n\n{DRAWING.replace('4', '9')}"},
    {"id": "morse", "prompt": MORSE, "answer": "hello"},
    *(
        {"id": f"brackets {n}", "prompt": f"{STEM} {' '.join(marks)}", "answer": f"{n}"}
        for n, marks in enumerate(["[({[[(", "[({[[([", "{[<(({", "<<[{((", "([{<<([", "((([[["])
    ),
    *(
        {"id": f"table {n}", "prompt": f"{TABLE}\n{formula}", "answer": f"{n}"}
        for n, formula in enumerate(
            ["~G ⊃ H\n~H / G", "K ≡ L\n~L / K", "M ∨ N\n~M · O / N", "Q ⊃ R\nS / ~R", "A · B / ~A"]
        )
    ),
]  # fmt: skip


def decided(folder: Path, texts: dict[str, str], items: list[dict] = ITEMS) -> dict[str, tuple]:  # type: ignore[type-arg]
    path = folder / "rows.jsonl"
    path.write_text(
        "".join(
            json.dumps({"id": i, "messages": [{"role": "user", "content": text}]}) + "\n"
            for i, text in texts.items()
        )
    )
    found = check([path], [("own", "extra", items, None)], cache=folder / "cache", threads=1)
    return {
        line["row_id"]: (line["decision"], line["eval_id"], line["rule"])
        for line in found.evidence.sort("score").iter_rows(named=True)
    }


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["id"])
def test_a_copy_is_dropped_for_its_item_in_other_text_and_between_the_marks_of_lines(
    tmp_path: Path, item: dict[str, str]
) -> None:
    text = item["prompt"]
    quoted = "\n".join(f"> - {line}" for line in text.split("\n"))
    rows = {
        "alone": text,
        "among": f"Tell me of rivers.\n\n{text}\n\nAnd of hills, (please).",
        "quoted": f"See here:\n{quoted}",
    }
    found = decided(tmp_path, rows)
    assert is_long(text, len(words_of([text]).words))
    # Of one line of marks alone nobody can tell which of them quote it.
    for name in {*rows} - ({"quoted"} if item["id"] == "morse" else set()):
        assert found[name][:2] == ("drop", item["id"]), name


def test_what_has_an_items_words_and_other_marks_is_no_copy(tmp_path: Path) -> None:
    found = decided(
        tmp_path,
        {
            "other brackets": f"{STEM} < {{ [ ( ( <",
            "more brackets": f"{STEM} [ ( {{ [ [ ( [ <",
            "another table": f"{TABLE}\n~H · G\nH / ~G",
            "other dots": MORSE.replace("-.", ".-"),
            "another drawing": "What is the area of the region?\n\n[asy]\nfill((7,8));[/asy]",
        },
    )
    assert {name for name, line in found.items() if line[0] == "drop"} == set()


WORDS = [
    "the",
    "a",
    "of",
    "lamp",
    "harbour",
    "7",
    "12",
    "x",
    "y",
    "ferry",
    "keeper",
    "+",
    "-",
    ">",
    "(",
    ")",
    "[",
    "]",
    "=",
    "tide",
    "Row",
    "\n",
]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_item_of_twenty_words_is_found_wherever_it_stands(tmp_path: Path, data) -> None:  # type: ignore[no-untyped-def]
    text = st.lists(st.sampled_from(WORDS), min_size=25, max_size=40).map(" ".join)
    prompts = data.draw(st.lists(text, min_size=1, max_size=6, unique=True))
    items = [{"id": f"{n}", "prompt": f"Item{n} {prompt}"} for n, prompt in enumerate(prompts)]
    long = [item for item in items if len(words_of([item["prompt"]]).words) >= LEAST]
    around = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)
    rows = {
        item["id"]: f"{data.draw(around)}\n{item['prompt']}\n{data.draw(around)}" for item in long
    }
    if not rows:
        return
    found = decided(tmp_path, rows, items)
    assert {name: line[0] for name, line in found.items()} == dict.fromkeys(rows, "drop")


def test_every_suite_at_hand(tmp_path: Path, shared: Path) -> None:
    suites = [suite for suite in load(shared / "data/evals") if not suite.missing]
    with (shared / "data/train/lima.jsonl").open() as lines:
        turns = [turn["content"] for line in lines for turn in json.loads(line)["messages"]]
    lot, fillers = random.Random(0), [turn for turn in turns if 20 <= len(turn) <= 300]
    path = tmp_path / "rows.jsonl"
    planted = set()
    with path.open("w") as out:
        for suite in suites:
            for number, item in enumerate(suite.items()):
                if item.passage or not is_long(item.prompt, len(item.prompt.split())):
                    continue
                text = f"{lot.choice(fillers)}\n\n{item.prompt}\n\n{lot.choice(fillers)}"
                row = f"{suite.name}/{number}"
                planted.add(row)
                out.write(
                    json.dumps({"id": row, "messages": [{"role": "user", "content": text}]}) + "\n"
                )
    assert planted
    assert planted - check([path], suites).dropped == set()
