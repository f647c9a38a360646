import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataengine.dedup import exact

SYSTEM = [("system", "Be brief."), ("user", "hi there"), ("assistant", "Hello.")]


def pairs(found: pl.DataFrame) -> dict[str, str]:
    return dict(found.select("id", "duplicate_of").iter_rows())


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
    assert pairs(exact.duplicates(parts, "prompt")) == {"1": "0", "3": "0", "5": "4"}


def test_whole_rows_are_equal_to_the_character(write):
    rows = [("a", SYSTEM), ("b", SYSTEM), ("b", SYSTEM[1:]), ("c", "hi there"), ("d", "Hi there")]
    rows += [("d", [("assistant", "hi there")]), ("e", "hi there")]
    assert pairs(exact.duplicates(write(rows), "row")) == {"1": "0", "6": "3"}


def test_ground_truth_and_tools_are_part_of_a_whole_row(tmp_path):
    prompt = [{"role": "user", "content": "q"}]
    pl.DataFrame(
        {
            "id": ["0", "1", "2"],
            "source": "a",
            "prompt": [prompt] * 3,
            "ground_truth": ["1", "2", "1"],
            "verifier": "math",
        }
    ).write_parquet(tmp_path / "rlvr.parquet")
    assert pairs(exact.duplicates([tmp_path / "rlvr.parquet"], "row")) == {"2": "0"}
    found = exact.duplicates([tmp_path / "rlvr.parquet"], "prompt")
    assert pairs(found) == {"1": "0", "2": "0"}


def test_rows_without_a_prompt_duplicate_nothing(write):
    silent = [("assistant", "x")]
    parts = write([("a", ""), ("a", " \n"), ("a", silent), ("a", silent), ("a", "!"), ("a", "!")])
    assert pairs(exact.duplicates(parts, "prompt")) == {"5": "4"}


def test_the_first_source_listed_wins_and_a_protected_one_never_loses(write):
    parts = write([("a", "q"), ("b", "q"), ("c", "q"), ("c", "q"), ("a", "r"), ("b", "r")])
    found = exact.duplicates(parts, "prompt", order=["b", "a"])
    assert found.rows() == [("0", "1"), ("2", "1"), ("3", "1"), ("4", "5")]
    found = exact.duplicates(parts, "prompt", order=["b"], protect=["c"])
    assert pairs(found) == {"0": "2", "1": "2", "4": "5"}


def test_no_rows_have_no_duplicates(write):
    assert exact.duplicates([]).rows() == []
    assert exact.duplicates(write([("a", "q")]), "prompt").columns == ["id", "duplicate_of"]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    texts=st.lists(st.sampled_from(["q", "Q", "r", "s ", ""]), max_size=12), size=st.integers(1, 5)
)
def test_every_row_goes_for_a_row_that_stays(texts, size, write):
    parts = write([("a", text) for text in texts], size=size)
    for threads in (1, 3):
        first: dict[str, str] = {}
        expected = {}
        for number, text in enumerate(texts):
            key = text.strip().lower()
            if key and first.setdefault(key, str(number)) != str(number):
                expected[str(number)] = first[key]
        assert pairs(exact.duplicates(parts, "prompt", threads=threads)) == expected


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
    assert pairs(exact.duplicates(parts, "prompt")) == {"2": "0", "5": "3"}
