"""`check` on tiny planted rows: which item, by which rule, where in the text."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from dataengine.errors import UserError
from decontam.check import check

ITEMS = [
    {
        "id": "bakery",
        "prompt": "Marta's bakery sells 37 almond croissants every morning and twice as many "
        "baguettes. How many pastries does Marta sell in 5 mornings?",
        "answer": "555",
    },
    {
        "id": "polynomial",
        "prompt": "Find the product of all complex roots of the polynomial z^4+z^2+1 = 0 whose "
        "imaginary part is strictly positive.",
        "answer": "-1",
    },
    {
        "id": "sonnet",
        "prompt": "Hume describes reason as:",
        "choices": ["cool and disengaged.", "the source of all moral actions."],
        "answer": "cool and disengaged.",
    },
    {
        "id": "chinese",
        "prompt": "下列关于细胞膜流动镶嵌模型的说法中，正确的是",
        "choices": ["磷脂双分子层是基本支架", "蛋白质分子都是静止不动的"],
        "answer": "磷脂双分子层是基本支架",
    },
]
STEMS = [
    {"id": f"stem{n}", "prompt": "Which of the following is correct?", "choices": [a, b], "answer": a}
    for n, (a, b) in enumerate(
        [("copper conducts electricity", "wood conducts electricity"),
         ("whales breathe with lungs", "whales breathe with gills")]
    )
]  # fmt: skip
PASSAGE = (
    "The Dolphins flew to Cleveland for a week six duel with the Browns. In the first quarter "
    "Miami trailed early as Jason Wright scored a touchdown, and Jay Feely answered with a field "
    "goal from forty yards before halftime."
)
READING = [
    {
        "id": "feely",
        "prompt": "How many yards was Feely's kick?",
        "passage": PASSAGE,
        "answer": "40",
    },
    {"id": "wright", "prompt": "Who scored first?", "passage": PASSAGE, "answer": "Wright"},
]
SUITES = [
    ("maths", "development", ITEMS, None),
    ("stems", "unseen", STEMS, None),
    ("reading", "unseen", READING, None),
]


def rows_file(folder: Path, texts: dict[str, str | list[str]]) -> Path:
    path = folder / "rows.jsonl"
    with path.open("w") as out:
        for row_id, turns in texts.items():
            roles = ["user", "assistant"] * 4
            messages = [
                {"role": role, "content": turn}
                for role, turn in zip(
                    roles, [turns] if isinstance(turns, str) else turns, strict=False
                )
            ]
            out.write(json.dumps({"id": row_id, "source": "here", "messages": messages}) + "\n")
    return path


def decided(folder: Path, texts: dict[str, str | list[str]], **options) -> dict[str, tuple]:  # type: ignore[no-untyped-def]
    found = check([rows_file(folder, texts)], SUITES, cache=folder / "cache", threads=1, **options)
    return {
        line["row_id"]: (line["decision"], line["eval_id"], line["rule"])
        for line in found.evidence.sort("score").iter_rows(named=True)
    }


LEAK = ITEMS[0]["prompt"]


@pytest.mark.parametrize(
    "text",
    [
        LEAK,
        f"### Instruction:\n{LEAK}\n\n### Response:",
        LEAK.upper(),
        LEAK.replace(" ", "\n"),
        LEAK.replace("almond", "al\u200bmond").replace("Marta", "Мarta".replace("М", "M")),
        LEAK.replace("every morning", "each morning").replace("How many", "how many"),
        ["Tell me a riddle.", f"Here is one. {LEAK}"],
        ["Hi", "Hello!", LEAK, "Let me think."],
        [LEAK.split(".")[0] + ".", "Go on.", LEAK.split(".")[1]],
    ],
)
def test_a_leak_is_found_however_it_is_dressed(tmp_path: Path, text: str | list[str]) -> None:
    decision, eval_id, _ = decided(tmp_path, {"row": text})["row"]
    assert (decision, eval_id) == ("drop", "bakery")


def test_short_and_chinese_items_are_found_and_their_templates_are_not(tmp_path: Path) -> None:
    found = decided(
        tmp_path,
        {
            "short": "Question: Hume describes reason as:\nAnswer:",
            "chinese": "请回答：下列关于细胞膜流动镶嵌模型的说法中，正确的是（ ）",
            "template": "Kant describes duty as: a law",
            "chinese template": "下列关于光合作用的说法中，正确的是",
        },
    )
    assert found["short"] == ("drop", "sonnet", "copy")
    assert found["chinese"][:2] == ("drop", "chinese")
    assert "template" not in found and "chinese template" not in found


def test_a_changed_number_or_operator_is_reported_as_such(tmp_path: Path) -> None:
    found = decided(
        tmp_path,
        {
            "number": LEAK.replace("37", "42").replace("5 mornings", "9 mornings"),
            "operator": ITEMS[1]["prompt"].replace("z^4+z^2", "z^4-z^2"),
        },
    )
    assert found["number"] == ("review", "bakery", "numbers changed")
    assert found["operator"] == ("review", "polynomial", "operators changed")


CODE = """def tell_whether_letters_are_for_the_most_part_vowels(text, limit):
    \"\"\"Return True when more than limit letters of text are vowels, ignoring punctuation.
    >>> tell_whether_letters_are_for_the_most_part_vowels('queue', 3)
    True
    >>> tell_whether_letters_are_for_the_most_part_vowels('rhythm', 0)
    False
    \"\"\"
"""
LONG = [
    {"id": "code", "prompt": CODE, "answer": ""},
    {
        "id": "lighthouse",
        "prompt": "The keeper of the northern lighthouse counts migrating swans from dusk until "
        "midnight. Every quarter of an hour she notes how many have passed the rocks below. "
        "Her brother copies these notes into a green ledger before breakfast. "
        "Which of the two would notice a missing entry first?",
        "answer": "her brother",
    },
    *(
        {"id": f"song{n}", "prompt": f"Write out the lyrics of {song}", "answer": ""}
        for n, song in enumerate(
            [
                '"The Lion and the Man Who Went to the Old House" by Ann Lee',
                '"Amber Hills" by Orrin Tench',
                '"Quiet Barges" by The Lowland Choir',
                '"Nobody Paints the Ferry" by Ines Vautrin',
                '"Salt on the Stairs" by Bertil Hague',
                '"Eleven Herons" by Mina Okoro',
            ]
        )
    ),
]


@pytest.mark.parametrize(
    ("text", "decision"),
    [
        (LONG[1]["prompt"].replace(" t", " <b>t</b>").replace(". ", ".</p>\n<p>"), "drop"),
        (LONG[1]["prompt"].translate(str.maketrans("TWHBaeo", "ТWНВаео")), "drop"),
        (" ".join(LONG[1]["prompt"].split(". ")[k] + "." for k in (3, 2, 1, 0)), "drop"),
        (f"Question: {LONG[1]['prompt'][:158]}\nAnswer:", "drop"),
        (LONG[1]["prompt"][:158] + " her window, and sings. What does she sing?", "kept"),
        (CODE.replace("tell_whether_letters_are_for_the_most_part_vowels", "solution"), "drop"),
        (
            CODE.replace("tell_whether_letters_are_for_the_most_part_vowels", "f").replace(
                "True", "**True**"
            ),
            "drop",
        ),
        (
            "Songs to dance to:\n- Paper Moon\n- The Lion and the Man Who Went to the Old House by Ann "
            "Lee\n- Toe to Toe",
            "kept",
        ),
    ],
)
def test_what_people_do_to_a_copy(tmp_path: Path, text: str, decision: str) -> None:
    path = rows_file(tmp_path, {"row": ["Hi", text]})
    found = check([path], [("long", "extra", LONG, None)], cache=tmp_path / "cache", threads=1)
    assert (found.decisions["decision"].to_list() == ["drop"]) == (decision == "drop")


def test_an_answer_quoted_from_its_passage_is_no_solution(tmp_path: Path) -> None:
    item = {"id": "all", "prompt": "Tell me everything.", "passage": PASSAGE, "answer": PASSAGE}
    path = rows_file(tmp_path, {"row": f"Translate this.\n\n{PASSAGE}"})
    found = check([path], [("quoted", "extra", [item], None)], cache=tmp_path / "cache")
    assert found.dropped == set()


def test_questions_of_a_passage_are_looked_for_in_every_row_of_a_dense_file(tmp_path: Path) -> None:
    # 300 rows ask 64 questions each, before and after: more than the scanner holds at a time.
    items = [
        {"id": f"ran{n}", "prompt": f"Who ran {n} yards?", "passage": PASSAGE, "answer": f"{n}"}
        for n in range(200, 264)
    ]
    rows = {f"row{n}": f"{PASSAGE}\n\nWho then ran exactly 217 yards?" for n in range(300)}
    path = rows_file(tmp_path, dict(rows))
    found = check([path], [("dense", "extra", items, None)], cache=tmp_path / "cache", threads=1)
    assert found.dropped == set(rows)


def test_emphasis_is_no_operator(tmp_path: Path) -> None:
    text = (
        ITEMS[1]["prompt"].replace("z^4+z^2", "z^**4**+z^**2**").replace("product", "**product**")
    )
    assert decided(tmp_path, {"row": text})["row"][0] == "drop"


def test_a_stem_that_two_items_share_needs_choices(tmp_path: Path) -> None:
    stem = "Which of the following is correct?"
    found = decided(
        tmp_path,
        {
            "stem": stem,
            "second": f"{stem}\n- whales breathe with gills\n- whales breathe with lungs",
        },
    )
    assert found["second"] == ("drop", "stem1", "question and choices")
    assert found["stem"][0] == "review"


def test_a_passage_alone_is_no_leak_and_its_question_makes_it_one(tmp_path: Path) -> None:
    found = decided(
        tmp_path,
        {
            "passage": f"Summarise this.\n\n{PASSAGE}",
            "both": f"{PASSAGE}\n\nHow many yards was Feely's kick?",
            "question": "Who scored first?",
        },
    )
    assert found["passage"][0::2] == ("review", "passage only")
    assert found["both"] == ("drop", "feely", "question and passage")
    assert found.get("question", ("review",))[0] != "drop"


def test_spans_point_at_the_match_on_both_sides(tmp_path: Path) -> None:
    path = rows_file(tmp_path, {"row": ["Hello", f"A problem: {LEAK} Enjoy!"]})
    (line,) = check([path], SUITES, cache=tmp_path).evidence.to_dicts()
    assert (line["turn"], line["role"]) == (1, "assistant")
    (here,) = line["row_spans"]
    assert f"A problem: {LEAK} Enjoy!"[here["start"] : here["end"]] == LEAK.removesuffix("?")
    (there,) = line["item_spans"]
    assert line["item_text"][there["start"] : there["end"]] == LEAK.removesuffix("?")


def test_a_vague_question_is_found_by_its_choices(tmp_path: Path) -> None:
    subjects = ["heron", "otter", "badger", "marten", "lizard", "cricket", "salmon", "falcon"]
    places = ["a marsh", "a quarry", "an orchard", "a lagoon", "a meadow", "a ravine", "a fjord"]
    items = [
        {
            "id": f"{subject} {place} {ending}",
            "prompt": f"Which of these is true{ending}",
            "choices": [f"The {subject} {verb} beside {place}" for verb in ("sleeps", "hunts")],
            "answer": f"The {subject} hunts beside {place}",
        }
        for subject in subjects
        for place in places
        for ending in "?:"
    ]
    # In more wordings than lead anywhere, and in the row with its choices after it.
    items += [{"id": f"{n}", "prompt": "Which of these is true" + " ?" * n} for n in range(2, 80)]
    item = items[20]
    row = "\n".join([item["prompt"], *item["choices"]])
    path = rows_file(tmp_path, {"leak": row, "stem": f"{item['prompt']}\nWho knows?"})
    found = check([path], [("quiz", "extra", items, None)], cache=tmp_path).decisions.to_dicts()
    assert {d["row_id"] for d in found if d["decision"] == "drop"} == {"leak"}
    assert item["id"] in {d["eval_id"] for d in found}


def test_long_choices_are_a_leak_however_their_question_is_put(tmp_path: Path) -> None:
    choices = [
        "Herons nest in colonies high above the reed beds of the estuary",
        "Otters mark the slipways of a harbour with droppings after dusk",
        "Badgers line their sleeping chambers with dry bracken every autumn",
    ]
    items = [{"id": "zoo", "prompt": "Which is true?", "choices": choices, "answer": choices[1]}]
    texts = {
        "all": "Tick what holds here:\n" + "\n".join(choices),
        "one": f"Tick what holds here:\n{choices[2]}",
    }
    path = rows_file(tmp_path, texts)
    found = check([path], [("quiz", "extra", items, None)], cache=tmp_path).evidence.to_dicts()
    dropped = {line["row_id"]: line["rule"] for line in found if line["decision"] == "drop"}
    assert dropped == {"all": "choices"}


def test_every_input_shape_gives_the_same_decision(tmp_path: Path) -> None:
    shapes = {
        "chat.jsonl": {"messages": [{"role": "user", "content": LEAK}]},
        "gpt.jsonl": {"conversations": [{"from": "human", "value": LEAK}]},
        "alpaca.jsonl": {"instruction": LEAK, "input": "", "output": "555"},
        "pair.jsonl": {"prompt": LEAK, "chosen": "555", "rejected": "556"},
    }
    for name, row in shapes.items():
        (tmp_path / name).write_text(json.dumps({"id": "r", "source": "s", **row}) + "\n")
    with gzip.open(tmp_path / "packed.jsonl.gz", "wt") as out:
        out.write(json.dumps({"id": "r", "source": "s", "prompt": LEAK, "completion": "555"}))
    messages = [{"role": "user", "content": LEAK, "name": None}]
    pl.DataFrame({"id": ["r"], "source": ["s"], "messages": [messages]}).write_parquet(
        tmp_path / "rows.parquet"
    )
    pl.DataFrame(
        {"id": ["r"], "source": ["s"], "prompt": [messages], "chosen": [messages[:0]], "x": [1]}
    ).write_parquet(tmp_path / "pairs.parquet")
    for path in [*tmp_path.glob("*.jsonl*"), *tmp_path.glob("*.parquet")]:
        found = check([path], SUITES, cache=tmp_path / "cache").decisions.to_dicts()
        assert [(d["row_id"], d["source"], d["decision"], d["eval_id"]) for d in found] == [
            ("r", "s", "drop", "bakery")
        ], path.name


@pytest.mark.parametrize(
    ("row", "role"),
    [
        ({"messages": [{"role": "user", "content": LEAK}]}, "user"),
        ({"messages": [{"from": "human", "value": LEAK}]}, "human"),
        ({"messages": [{"content": LEAK}]}, "content"),
        ({"instruction": LEAK, "output": "555"}, "instruction"),
    ],
)
def test_the_evidence_says_whose_turn_it_is(tmp_path: Path, row: dict, role: str) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    found = check([tmp_path / "rows.jsonl"], SUITES, cache=tmp_path / "cache")
    assert found.evidence["role"].to_list() == [role]


def test_policy_keeps_with_its_reason(tmp_path: Path) -> None:
    path = rows_file(tmp_path, {"row": LEAK})
    policy = {"maths": {"allow_ids": {"bakery": "published before the suite"}}}
    found = check([path], SUITES, policy=policy, cache=tmp_path)
    assert found.decisions["decision"].to_list() == ["keep-by-policy"]
    assert found.evidence["reason"].to_list() == ["published before the suite"]
    assert found.dropped == set()


def test_the_report_counts_rows_and_items_by_source(tmp_path: Path) -> None:
    path = rows_file(tmp_path, {"a": LEAK, "b": LEAK, "c": "Nothing to see."})
    report = check([path], SUITES, cache=tmp_path).report
    assert report["table"] == [
        {"suite": "maths", "source": "here", "items_hit": 1, "rows_dropped": 2, "share": 0.25}
    ]
    assert report["sources"] == [
        {
            "source": "here",
            "rows": 3,
            "rows_dropped": 2,
            "worst_share": 0.25,
            "verdict": "contaminated",
        }
    ]


def test_bad_input_is_one_line_that_says_where(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": 1, "text": "fine"}\n{"id": 2, "text": broken}\n')
    with pytest.raises(UserError, match=r"rows\.jsonl:2: not a JSON"):
        check([path], SUITES, cache=tmp_path)
    with pytest.raises(UserError, match="No such file"):
        check([tmp_path / "absent.jsonl"], SUITES, cache=tmp_path)
    with pytest.raises(UserError, match="suite empty: no items"):
        check([path], [("empty", "extra", [], None)], cache=tmp_path)
    with pytest.raises(UserError, match="item 'x' has no prompt"):
        check([path], [("bad", "extra", [{"id": "x", "prompt": " "}], None)], cache=tmp_path)
