"""A person's decisions on contaminated rows: they change the build, and are told of."""

import polars as pl
import pytest

from dataengine.built import Built
from dataengine.errors import UserError
from dataengine.stages import reviewed
from tests.dataengine.conftest import chat, write_jsonl

ITEMS = [
    "A potter fires nine batches of twenty four bowls and seventeen of the bowls crack. How many whole bowls are there?",
    "A ferry carries thirty one passengers on each of its six crossings and nine on the last. How many people does it carry?",
]


@pytest.fixture
def leaky(mix, tmp_path):
    """leaky(review): the mixture of three rows, two of which hold an eval item; `review` is lines
    of a review file."""
    (tmp_path / "evals").mkdir()
    write_jsonl(tmp_path / "evals" / "leaky.jsonl", [{"prompt": i, "answer": "1"} for i in ITEMS])
    rows = [chat(ITEMS[0], "199"), chat(ITEMS[1], "195"), chat("Name a river.", "The Aare.")]

    def written(*review):
        against = {"against": ["evals/leaky.jsonl"]}
        if review:
            lines = ["row,item,decision,who,note", *review]
            (tmp_path / "review.csv").write_text("\n".join(lines) + "\n")
            against["review"] = "review.csv"
        return mix({"a": rows}, decontaminate=against)

    return written


def decisions(folder):
    """(row, item, decision) of every pair that a build found."""
    [file] = Built.open(folder).files("evidence")
    return pl.read_parquet(file).select("row_id", "eval_id", "decision", "reason").rows()


def test_what_a_person_keeps_stays_and_is_told_of(leaky, built, tmp_path):
    assert built(leaky())["splits"]["train"]["rows"] == 1
    row, item, *_ = decisions(tmp_path / "out")[0]
    manifest = built(leaky(f"{row},{item},keep,Ada,a common riddle"))
    assert manifest["splits"]["train"]["rows"] == 2
    assert manifest["decontamination"]["reviewed"] == {"drop": 0, "keep": 1, "gone": 0}
    found = {line[0]: line[2:] for line in decisions(tmp_path / "out")}
    assert found[row] == ("keep-by-review", "reviewed by Ada: a common riddle")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "1 kept by a person's review" in card and "0 to drop, 1 to keep" in card


def test_a_review_that_says_otherwise_is_another_build(leaky, built, tmp_path):
    built(leaky())
    row, item, *_ = decisions(tmp_path / "out")[0]
    kept = built(leaky(f"{row},{item},keep,,"))
    again = built(leaky(f"{row},{item},drop,,"))
    assert kept["fingerprint"] != again["fingerprint"]
    assert again["splits"]["train"]["rows"] == 1
    assert again["decontamination"]["reviewed"] == {"drop": 1, "keep": 0, "gone": 0}


def test_pairs_that_are_no_longer_found_are_counted(leaky, built):
    manifest = built(leaky("00ff,leaky/9,keep,,"))
    assert manifest["decontamination"]["reviewed"] == {"drop": 0, "keep": 0, "gone": 1}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("row,item\n", r"review\.csv:1: its columns are to be row, item, decision, who, note"),
        ("row,item,decision\n1,2,maybe\n", r"review\.csv:2: decision: keep or drop, not 'maybe'"),
        ("row,item,decision\n1,2,keep\n1,2,drop\n", "says two things of row 1 and 2"),
    ],
)
def test_what_is_no_review_is_named_with_its_line(text, told, tmp_path):
    file = tmp_path / "review.csv"
    file.write_text(text)
    with pytest.raises(UserError, match=told):
        reviewed.fingerprint(file)


def test_a_missing_review_ends_the_build_before_it_begins(leaky, built, tmp_path):
    mixture = leaky("1,2,keep,,")
    (tmp_path / "review.csv").unlink()
    with pytest.raises(UserError, match=r"review: .*review\.csv: cannot be read"):
        built(mixture)
