"""The table of common words: what it says of those it has and of those it lacks."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from decontam.text import background
from decontam.text.background import UNIT, all_trigrams, nats_of, surprise, trigram_surprise
from decontam.text.words import words_of

HASH = st.integers(0, 2**64 - 1)


@settings(deadline=None)
@given(st.dictionaries(HASH, st.integers(0, 255), max_size=30), st.lists(HASH, max_size=30))
def test_a_table_says_what_a_dict_would(table: dict[int, int], others: list[int]) -> None:
    known = sorted(table)
    keys = [*known, *others]
    found = nats_of(
        np.array(keys, np.uint64),
        np.array(known, np.uint64),
        np.array([table[key] for key in known], np.uint8),
    )
    assert found.tolist() == [table.get(key, np.inf * UNIT) / UNIT for key in keys]


def test_common_words_say_little_and_unknown_ones_as_their_class_does() -> None:
    the, zebra, unknown, number = surprise(words_of(["the zebra qzxjv 918273645"]).words)
    assert the < 1 < zebra <= unknown == 9.0
    assert number == 5.0


def test_idioms_are_known_and_what_few_rows_say_is_not() -> None:
    read = words_of(["Once upon a", "zebras quilt calmly"])
    idiom, rare = trigram_surprise(all_trigrams(read.words, read.offsets))
    assert idiom < 8.1 and rare == np.inf


def test_built_anew_the_table_holds_what_enough_rows_say(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(background, "TABLE", tmp_path / "table.npz")
    rows = ['{"text": "a kettle of fish"}'] * 20 + ['{"text": "a quilt"}'] * 3
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    background.build([tmp_path / "rows.jsonl"])
    read = words_of(["a kettle of fish quilt"])
    common, kettle, *_, quilt = surprise(read.words).tolist()
    assert (common, quilt) == (0.0, 9.0)
    assert kettle == round(-np.log(20 / 23) * UNIT) / UNIT
    known = trigram_surprise(all_trigrams(read.words, read.offsets)).tolist()
    assert known == [kettle, kettle, np.inf]
