"""What breaks naive tools: each an answer in bounded time and memory, or one line that says why."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.errors import UserError
from decontam.check import check
from decontam.index.index import Suite, build
from decontam.io.batches import read_batches
from decontam.search.scan import Scanner

QUESTION = "How many almond croissants does Marta sell in a week of 6 mornings at her bakery?"
SUITE = ("maths", "extra", [{"id": "bakery", "prompt": QUESTION, "answer": "222"}], None)


def run(folder: Path, texts: list[str], suite=SUITE):  # type: ignore[no-untyped-def]
    path = folder / "rows.jsonl"
    with path.open("w") as out:
        for n, text in enumerate(texts):
            out.write(json.dumps({"id": str(n), "text": text}) + "\n")
    return check([path], [suite], cache=folder / "cache", threads=1)


def test_a_very_long_row_is_one_row(tmp_path: Path) -> None:
    filler = "the quick brown fox jumps over the lazy dog and sells croissants " * 150_000
    found = run(tmp_path, [f"{filler} {QUESTION} {filler[:1000]}", "short"])
    assert found.dropped == {"0"} and found.report["rows"] == 2


@pytest.mark.parametrize("word", ["croissants", "how many almond croissants does marta"])
def test_a_million_times_the_same_word_costs_no_more(tmp_path: Path, word: str) -> None:
    suite = Suite("maths", "extra", lambda: SUITE[2])
    index = build([suite])
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"text": f"{word} " * (1_000_000 // len(word.split()))}) + "\n")
    (batch,) = read_batches([path])
    scanner = Scanner(index)
    words = scanner.words(batch)
    assert len(words.words) >= 999_990
    assert len(scanner.scan(batch, words)) <= 1


def test_lone_surrogates_pass_through(tmp_path: Path) -> None:
    found = run(tmp_path, [f"\ud800{QUESTION}\udfff", "\ud800"])
    assert found.dropped == {"0"}


def test_ten_thousand_items_with_one_prompt_are_nobodys(tmp_path: Path) -> None:
    items = [{"id": str(n), "prompt": QUESTION, "answer": str(n)} for n in range(10_000)]
    found = run(tmp_path, [QUESTION, "What is the weather?"], ("same", "extra", items, None))
    assert len(found.decisions) <= 64
    assert found.report["rows"] == 2


def test_rows_that_are_all_the_same_leak_are_all_dropped(tmp_path: Path) -> None:
    found = run(tmp_path, [QUESTION] * 5000)
    assert len(found.dropped) == 5000


def test_suites_that_protect_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="suite s: no items"):
        run(tmp_path, ["x"], ("s", "extra", [], None))
    with pytest.raises(UserError, match="suite s: item 'i' has no prompt"):
        run(tmp_path, ["x"], ("s", "extra", [{"id": "i", "prompt": ""}], None))
    twice = [{"id": "i", "prompt": "one?"}, {"id": "i", "prompt": "two?"}]
    with pytest.raises(UserError, match="suite s: the id 'i' is used twice"):
        run(tmp_path, ["x"], ("s", "extra", twice, None))


def test_items_of_symbols_only_match_nothing(tmp_path: Path) -> None:
    items = [{"id": "a", "prompt": "???", "choices": ["+", "-"], "answer": "+"}]
    assert run(tmp_path, ["???", "!!!", ""], ("odd", "extra", items, None)).decisions.is_empty()


def test_empty_rows_and_files_are_no_error(tmp_path: Path) -> None:
    found = run(tmp_path, ["", " ", "\n"])
    assert found.decisions.is_empty() and found.report["rows"] == 3
    assert run(tmp_path, []).report["rows"] == 0


WORDS = st.lists(st.sampled_from(["how", "many", "almond", "croissants", "does", "marta", "6"]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(WORDS, min_size=1, max_size=3), min_size=1, max_size=5), st.integers(1, 3))
def test_verdicts_do_not_depend_on_order_threads_or_neighbours(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[list[str]]], threads: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    lines = [
        json.dumps(
            {"id": str(n), "messages": [{"role": "user", "content": " ".join(t)} for t in r]}
        )
        for n, r in enumerate(rows)
    ]
    together, reverse = folder / "together.jsonl", folder / "reverse.jsonl"
    together.write_text("\n".join(lines))
    reverse.write_text("\n".join(reversed(lines)))
    cache = folder / "cache"

    def verdicts(paths: list[Path], threads: int) -> set[tuple]:
        return set(
            check(paths, [SUITE], cache=cache, threads=threads)
            .decisions.drop("source", "input", "row")
            .rows()
        )

    expected = verdicts([together], 1)
    assert verdicts([reverse], threads) == expected
    alone = set()
    for n, line in enumerate(lines):
        (folder / f"{n}.jsonl").write_text(line)
        alone |= verdicts([folder / f"{n}.jsonl"], 1)
    assert alone == expected
    assert all(np.isfinite(v[-1]) for v in expected)
