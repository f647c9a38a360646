"""Exact duplicates, of prompts and of whole rows."""

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataengine import partitioning
from dataengine.dedup import exact
from dataengine.row import schema
from dataengine.view import Table
from tests.dataengine.conftest import part_of

SYSTEM = [("system", "Be brief."), ("user", "hi there"), ("assistant", "Hello.")]


@pytest.fixture
def write(tmp_path_factory):
    """write(rows, size): a table of rows (source, text or turns) in parts of `size` rows."""

    def written(rows, size=3, kind="sft"):
        parts, sources = [], []
        for source, said in rows:
            turns = [("user", said)] if isinstance(said, str) else said
            row = said if isinstance(said, dict) else {"messages": [message(*t) for t in turns]}
            if parts and sources[-1] == source and len(parts[-1]) < size:
                parts[-1].append(row)
            else:
                parts.append([row])
                sources.append(source)
        folder = tmp_path_factory.mktemp("parts")
        made = [
            part_of(pl.DataFrame(rows, schema=schema(kind)), kind, folder, number)
            for number, rows in enumerate(parts)
        ]
        return Table(kind, tuple(made), tuple(sources))

    return written


def message(role, content):
    return {"role": role, "content": content}


def duplicates(table, side="prompt", protect=()):
    """The number of each row that goes, with the number of the one that stays."""

    def keyed():
        for view in table.views():
            if side == "prompt":
                keys = exact.prompt_keys(view).to_numpy()
            else:
                keys = exact.row_keys(view.small["digest"])
            yield exact.Keyed(keys, view.first + view.places.astype(int), view.source in protect)

    found = exact.duplicates(keyed(), table.rows, None)
    return [(str(at), str(of)) for at, of in sorted(t for held in found for t in held.tolist())]


def test_prompts_are_equal_without_regard_to_case_space_and_unicode_form(write):
    parts = write(
        [
            ("a", "What is\nCafé?"),
            ("b", "  what IS cafe\u0301?  "),
            ("b", "what is cafe?"),
            ("a", "ｗｈａｔ is café?"),
            ("b", SYSTEM),
            ("c", [("user", "Hi  there"), ("assistant", "Another answer")]),
        ],
        size=2,
    )
    assert dict(duplicates(parts, "prompt")) == {"1": "0", "3": "0", "5": "4"}


def test_whole_rows_are_equal_to_the_character(write):
    rows = [("a", SYSTEM), ("b", SYSTEM), ("b", SYSTEM[1:]), ("c", "hi there"), ("d", "Hi there")]
    rows += [("d", [("assistant", "hi there")]), ("e", "hi there")]
    assert dict(duplicates(write(rows), "row")) == {"1": "0", "6": "3"}


def test_ground_truth_and_tools_are_part_of_a_whole_row(write):
    prompt = [message("user", "q")]
    rows = [("a", {"prompt": prompt, "ground_truth": truth, "verifier": "math"}) for truth in "121"]
    table = write(rows, kind="rlvr")
    assert dict(duplicates(table, "row")) == {"2": "0"}
    assert dict(duplicates(table, "prompt")) == {"1": "0", "2": "0"}


def test_rows_without_a_prompt_duplicate_nothing(write):
    silent = [("assistant", "x")]
    parts = write([("a", ""), ("a", " \n"), ("a", silent), ("a", silent), ("a", "!"), ("a", "!")])
    assert dict(duplicates(parts, "prompt")) == {"5": "4"}


def test_the_first_row_stays_and_a_protected_one_never_goes(write):
    parts = write([("a", "q"), ("b", "q"), ("c", "q"), ("c", "q"), ("a", "r"), ("b", "r")])
    assert duplicates(parts) == [("1", "0"), ("2", "0"), ("3", "0"), ("5", "4")]
    assert duplicates(parts, protect=["c"]) == [("0", "2"), ("1", "2"), ("5", "4")]


def test_no_rows_have_no_duplicates(write):
    assert duplicates(write([])) == []
    assert duplicates(write([("a", "q")])) == duplicates(write([("a", "q")]), "row") == []


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.lists(st.sampled_from(["q", "Q", "r", "s ", ""]), max_size=12),
    size=st.integers(1, 5),
    bucket=st.integers(1, 4),
)
def test_every_row_goes_for_a_row_that_stays(texts, size, bucket, write, monkeypatch):
    monkeypatch.setattr(partitioning, "PARTITION_ROWS", bucket)
    parts = write([("a", text) for text in texts], size=size)
    first: dict[str, str] = {}
    expected = {}
    for number, text in enumerate(texts):
        key = text.strip().lower()
        if key and first.setdefault(key, str(number)) != str(number):
            expected[str(number)] = first[key]
    assert dict(duplicates(parts)) == expected


def test_prompts_that_differ_in_a_power_or_in_pythons_indentation_are_no_duplicates(write):
    loop = "Mend this:\nfor x in y:\n    a()\n    b()"
    parts = write(
        [
            ("a", "What is 2³?"),
            ("a", "What is 23?"),
            ("a", "what is 2^3?"),
            ("a", loop),
            ("a", loop.replace("    b", "b")),
            ("b", loop.replace("    ", "\t").replace("\n", "  \n")),
        ]
    )
    assert dict(duplicates(parts, "prompt")) == {"2": "0", "5": "3"}
