import json
import random

import polars as pl
import pytest

from dataengine.dedup import clusters, near, rank, sets, sketches
from dataengine.errors import UserError


def pairs(found: pl.DataFrame) -> dict[str, str]:
    return dict(found.select("id", "duplicate_of").iter_rows())


def edited(rng: random.Random, words: list[str], count: int) -> list[str]:
    copy = list(words)
    for place in rng.sample(range(len(copy)), count):
        copy[place] = f"new{rng.random()}"
    return copy


def planted(prose, originals: int = 150) -> list[str]:
    """Originals of 30 to 330 words, each with three copies of 0 to 6 replaced words."""
    rng = random.Random(0)
    texts = []
    for seed in range(originals):
        words = prose(seed, rng.randint(30, 330))
        texts.append(" ".join(words))
        texts += [" ".join(edited(rng, words, rng.randint(0, 6))) for _ in range(3)]
    rng.shuffle(texts)
    return texts


def test_planted_copies_are_found_with_their_true_jaccard(write, prose, twins):
    texts = planted(prose)
    found = near.duplicates(write([("a", t) for t in texts], size=200), threads=2)
    gone = pairs(found)
    assert not set(gone) & set(gone.values()), "a row goes for a row that goes"
    for row in found.iter_rows(named=True):
        true = twins.jaccard(texts[int(row["id"])], texts[int(row["duplicate_of"])])
        assert row["exact"] == true >= 0.8
        assert abs(row["estimated"] - true) < 0.25
    held = [twins.shingles(text) for text in texts]
    stay = [i for i in range(len(texts)) if str(i) not in gone]
    missed = [
        (a, b)
        for place, a in enumerate(stay)
        for b in stay[place + 1 :]
        if len(held[a] & held[b]) >= 0.85 * len(held[a] | held[b])
    ]
    assert len(gone) > 200
    assert len(missed) <= 0.01 * len(gone)


@pytest.mark.parametrize("settings", [{}, {"shingle": "char"}, {"keep": "longest", "n": 3}])
def test_the_result_does_not_depend_on_threads_or_on_how_rows_are_cut(write, prose, settings):
    rows = [(f"s{i % 3}", text) for i, text in enumerate(planted(prose, 40))]
    alone = near.duplicates(write(rows, size=1000), threads=1, **settings)
    assert alone.height > 50
    for threads, size in ((2, 7), (5, 50)):
        again = near.duplicates(write(rows, size=size), threads=threads, **settings)
        assert again.equals(alone)


@pytest.mark.parametrize("settings", [{}, {"keep": "longest"}, {"protect": ["b"]}])
def test_the_result_does_not_depend_on_how_many_rows_are_held_at_once(
    write, prose, monkeypatch, settings
):
    texts = planted(prose, originals=40)
    parts = write([("ab"[n % 3 == 0], text) for n, text in enumerate(texts + texts[::5])], size=50)
    whole = near.duplicates(parts, threads=2, **settings)
    assert whole.height > 60
    monkeypatch.setattr(rank, "WINDOW", 17)
    monkeypatch.setattr(sketches, "IN_MEMORY", 100)
    monkeypatch.setattr(clusters, "WINDOW_ROWS", 9)
    monkeypatch.setattr(clusters, "COPIED", 7)
    monkeypatch.setattr(near, "COPIES", 5)
    monkeypatch.setattr(sets, "IN_MEMORY", 10)
    assert near.duplicates(parts, threads=2, **settings).equals(whole)


def test_what_stays_is_the_first_the_longest_or_the_protected(write, prose):
    words = prose(1, 100)
    rows = [
        ("a", " ".join(words)),
        ("b", " ".join([*words, "more", "words"])),
        ("c", " ".join(words[1:])),
        ("c", " ".join(words[1:])),
        ("d", " ".join(prose(2, 100))),
    ]
    parts = write(rows)
    assert pairs(near.duplicates(parts)) == {"1": "0", "2": "0", "3": "0"}
    assert pairs(near.duplicates(parts, keep="longest")) == {"0": "1", "2": "1", "3": "1"}
    assert pairs(near.duplicates(parts, order=["b", "c"])) == {"0": "1", "2": "1", "3": "1"}
    assert pairs(near.duplicates(parts, protect=["c"])) == {"0": "2", "1": "2"}


def test_short_texts_go_for_equal_texts_alone(write):
    said = ["Hi!", "hi!", "Hi?", "C#", "C", "", "", "!!!", "!!!", "???", "a b c d", "a b c e"]
    found = near.duplicates(write([("a", text) for text in said]))
    assert found.rows() == [("1", "0", 1.0, 1.0), ("8", "7", 1.0, 1.0)]


def test_texts_of_one_shingle_are_compared_by_it(write):
    said = ["one two three four five", "One, two: three four five.", "one two three four six"]
    found = near.duplicates(write([("a", text) for text in said]))
    assert found.rows() == [("1", "0", 1.0, 1.0)]


def test_the_prompt_side_looks_at_prompts_alone(write, prose):
    prompt, first, second = (" ".join(prose(seed, 60)) for seed in range(3))
    rows = [
        ("a", [("user", prompt), ("assistant", first)]),
        ("b", [("system", second), ("user", prompt.upper()), ("assistant", second)]),
        ("c", [("user", first), ("assistant", first)]),
    ]
    assert pairs(near.duplicates(write(rows), "prompt")) == {"1": "0"}
    assert pairs(near.duplicates(write(rows), "row")) == {}


def test_rows_are_held_against_a_published_dataset(write, prose, tmp_path):
    known = [" ".join(prose(seed, 80)) for seed in range(4)]
    close = " ".join([*prose(0, 80)[:-1], "other"])
    parquet = write([("x", close), ("x", known[0]), ("x", known[1])], name="known")
    jsonl = tmp_path / "known.jsonl"
    turns = [{"role": "user", "content": known[2]}]
    jsonl.write_text(
        json.dumps({"id": "k2", "messages": turns}) + "\n\n" + json.dumps({"prompt": known[3]})
    )
    rows = [("own", text) for text in [*known, " ".join(prose(9, 80)), " ".join(prose(9, 80))]]
    found = near.duplicates(write(rows), against=[*parquet, jsonl], protect=["other"])
    assert found.rows() == [
        ("0", "1", 1.0, 1.0),
        ("1", "2", 1.0, 1.0),
        ("2", "k2", 1.0, 1.0),
        ("3", f"{jsonl}:3", 1.0, 1.0),
        ("5", "4", 1.0, 1.0),
    ]
    assert near.duplicates([], against=parquet).rows() == []


def test_any_file_that_the_engine_reads_can_be_held_against(write, prose, tmp_path):
    known = " ".join(prose(1, 80))
    files = {
        "alpaca.json": json.dumps([{"instruction": known, "output": "a"}]),
        "pairs.csv": f"prompt,completion\n{known},a\n",
        "pref.jsonl": json.dumps({"prompt": known, "chosen": "a", "rejected": "b"}),
        "chat.jsonl": json.dumps({"conversations": [{"from": "human", "value": known}]}),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        found = near.duplicates(write([("own", known)]), "prompt", against=[tmp_path / name])
        assert found["id"].to_list() == ["0"], name


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("known.jsonl", '{"messages": []}\n{"text": "x"}', "known.jsonl:2: no prompt"),
        ("known.jsonl", '{"prompt": "q"}\nnonsense', "known.jsonl:2: not JSON"),
        ("known.jsonl", '{"messages": [3]}', "known.jsonl:1: a turn is not an object"),
        ("known.txt", "x", "known.txt is of no known format"),
        (None, "", "missing.jsonl: no such file"),
    ],
)
def test_a_published_dataset_that_cannot_be_read_is_refused(
    write, tmp_path, name, content, message
):
    path = tmp_path / (name or "missing.jsonl")
    if name:
        path.write_text(content)
    with pytest.raises(UserError, match=message):
        near.duplicates(write([("a", "q")]), against=[path])


@pytest.mark.parametrize("settings", [{"threshold": 0.69}, {"threshold": 1.01}, {"n": 0}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match=r"0\.69|1\.01|n is 0"):
        near.duplicates([], **settings)


def test_a_hundred_thousand_equal_rows_are_one_cluster(write, prose):
    row = " ".join(prose(3, 20))
    parts = write([("a", row)] * 100_000, size=50_000)
    found = near.duplicates(parts)
    assert found.height == 99_999
    assert found["duplicate_of"].unique().to_list() == ["0"]


def test_thousands_of_nearly_equal_rows_are_one_cluster(write, prose):
    words = prose(4, 120)
    said = [" ".join([*words[: i % 100], f"n{i}", *words[i % 100 + 1 :]]) for i in range(4000)]
    found = near.duplicates(write([("a", text) for text in said], size=2000))
    assert found.filter(pl.col("exact") < 0.8).height == 0
    assert found.height > 3900


def test_a_row_of_one_word_a_million_times_is_read_in_one_go(write):
    found = near.duplicates(
        write([("a", "ha " * 1_000_000), ("a", "ha " * 999_999), ("a", "ho ha")])
    )
    assert found.rows() == [("1", "0", 1.0, 1.0)]


def test_problems_that_differ_in_an_operator_are_no_duplicates(write):
    asked = [
        "What is 48 * 6 in the end?",
        "What is 48 - 6 in the end?",
        "What is 48 × 6 in the end?",
    ]
    assert pairs(near.duplicates(write([("a", text) for text in asked]))) == {"2": "0"}
