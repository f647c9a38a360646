"""What many items share, and what says next to nothing, makes no row a leak."""

import json
import random
from pathlib import Path

import pytest

from decontam.check import check

TABLE = (
    "Use indirect truth tables to determine whether the following argument is valid. If the argument "
    "is invalid, choose an option which presents a counterexample. (There may be others as well.)"
)
WALK = "If you follow these instructions, do you return to the starting point? Always face forward."


def formula(lot: random.Random, letters: str) -> str:
    a, b, c = (lot.choice(["", "~"]) + lot.choice(letters) for _ in range(3))
    return f"({a} {lot.choice('⊃≡∨·')} {b}) {lot.choice('⊃≡∨·')} {c}"


def argument(lot: random.Random) -> str:
    letters = "".join(lot.sample("ABCDEFGHJKLMNOPQRSTUVW", 3))
    return f"{TABLE}\n{formula(lot, letters)}\n{formula(lot, letters)} / {formula(lot, letters)}"


def walk(lot: random.Random) -> str:
    steps = [
        f"Take {lot.randint(1, 10)} steps {lot.choice(['left', 'right', 'forward', 'backward'])}."
        for _ in range(lot.randint(3, 7))
    ]
    return f"{WALK} {' '.join(steps)}\nOptions:\n- Yes\n- No"


def suite(make, choices: list[str], seed: int = 1) -> tuple:  # type: ignore[no-untyped-def, type-arg]
    lot = random.Random(seed)
    items = [
        {"id": f"{n}", "prompt": make(lot), "choices": choices, "answer": choices[n % 2]}
        for n in range(40)
    ]
    return (make.__name__, "extra", items, None)


def dropped(folder: Path, texts: list[str | list[str]], *suites: tuple) -> set[int]:  # type: ignore[type-arg]
    path = folder / "rows.jsonl"
    rows = [
        {"id": f"{n}", "messages": [{"role": r, "content": c} for r, c in zip(
            ["user", "assistant"], [text] if isinstance(text, str) else text, strict=False)]}
        for n, text in enumerate(texts)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {int(i) for i in check([path], list(suites), cache=folder / "cache", threads=1).dropped}


@pytest.mark.parametrize(
    ("make", "choices"),
    [(argument, ["Valid", "Invalid when both are true", "Invalid when one is"]), (walk, ["Yes", "No"])],
)  # fmt: skip
def test_a_fresh_question_under_a_stem_stays_and_a_copy_of_one_goes(
    tmp_path: Path, make, choices
) -> None:  # type: ignore[no-untyped-def]
    lot, (name, tier, items, _) = random.Random(99), suite(make, choices)
    fresh = [f"{make(lot)}\n" + "\n".join(choices) for _ in range(30)]
    copies = [f"Solve this.\n\n{item['prompt']}" for item in items]
    gone = dropped(tmp_path, fresh + copies, (name, tier, items, None))
    assert gone >= set(range(30, 30 + len(copies)))
    assert len(gone - set(range(30, 30 + len(copies)))) <= 1


def test_a_bare_answer_is_no_copy_of_an_item(tmp_path: Path) -> None:
    sums = [
        {"id": "sum", "prompt": "−4 + ( −3 )=", "choices": ["-7", "-1", "1", "7"], "answer": "-7"},
        {"id": "egg", "prompt": "What is 12 * (7 − 3)?", "choices": ["48", "4"], "answer": "48"},
    ]
    rows = [
        ["What is 50 minus 7?", "43"],
        ["Bag 7 holds 7 eggs and box 1 holds 36. How many in all?", "43"],
        ["43", "1 and 7 make 8."],
        ["What is −4 + (−3)?", "7"],
        "−4 + ( −3 )=\n-7\n-1\n1\n7",
    ]
    path = tmp_path / "rows.jsonl"
    assert dropped(tmp_path, rows, ("sums", "extra", sums, None)) <= {4}
    found = check([path], [("sums", "extra", sums, None)], cache=tmp_path / "cache").decisions
    assert set(found["row_id"]) <= {"3", "4"}


LONG = "下列关于细胞膜流动镶嵌模型的说法中，正确的是磷脂双分子层构成了膜的基本支架"


def test_traditional_chinese_and_escaped_text_are_read_as_what_they_are(tmp_path: Path) -> None:
    english = (
        "Marta's bakery sells 37 almond croissants every morning and twice as many baguettes. "
        "How many pastries does Café Marta sell in 5 mornings?"
    )
    items = [{"id": "zh", "prompt": LONG}, {"id": "en", "prompt": english}]
    rows = [
        "下列關於細胞膜流動鑲嵌模型的說法中，正確的是磷脂雙分子層構成了膜的基本支架",
        json.dumps({"question": LONG, "n": 1}),
        json.dumps({"tasks": [english.replace(". ", ".\n")]}),
        json.dumps(json.dumps({"q": LONG})),
        "下列關於光合作用的說法中，正確的是",
    ]
    assert dropped(tmp_path, rows, ("own", "extra", items, None)) == {0, 1, 2, 3}
