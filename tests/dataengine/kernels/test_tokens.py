"""The token kernels against a plain twin written with Python strings and a regular expression."""

import re
import unicodedata
from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.kernels.hashing import CHARACTER, NUMBER, OPERATOR, WORD
from dataengine.kernels.packed import arrow_texts, pack
from dataengine.kernels.tokens import tokenise
from decontam.text.words import NUMERALS, word_spans, words_of
from tests.decontam.kernels import plain_fold

LETTER = r"(?:[a-z]|[^\x00-\x7f])"
PLAIN = re.compile(
    rf"(?P<word>{LETTER}(?:{LETTER}|['`](?={LETTER}))*)"
    r"|(?P<number>[0-9](?:[0-9]|\.(?=[0-9])|,(?=[0-9]{3}(?![0-9])))*)"
    r"|(?P<operator>[-+*/=<>^%&|~])"
)


def plain_tokens(text: str) -> list[tuple[str, int]]:
    folded = plain_fold(text).translate({code: code + 32 for code in range(ord("A"), ord("Z") + 1)})
    result = []
    for match in PLAIN.finditer(folded):
        found = match.group()
        if match.lastgroup == "word":
            alone = len(found) == 1 and len(found.encode()) >= 3
            result.append((re.sub("['`]", "", found), CHARACTER if alone else WORD))
        elif match.lastgroup == "number":
            result.append((re.sub("[.,]", "", found), NUMBER))
        elif (found != "-" or not joins_words(folded, match.start())) and not (
            lays_out(folded, match.start())
        ):
            result.append((found, OPERATOR))
    return result


def lays_out(text: str, i: int) -> bool:
    """A mark at the beginning of a line, or a line drawn."""
    start = text.rfind("\n", 0, i) + 1
    line, at = text[start:].split("\n")[0], i - start
    blank = r"(?=[ \t\r]|$)"
    marks = re.match(rf"(?:>+(?![>=])|[ \t\r]|([-+*/%|~])\1*{blank})*(?:={{4,}}{blank})?", line)
    return marks is not None and at < marks.end()


def joins_words(text: str, i: int) -> bool:
    """By bytes, as the kernel: a letter beyond ASCII counts as two letters."""
    before, after = text[:i].encode()[-2:], text[i + 1 :].encode()[:2]
    letters = (
        [bool(b > 127 or chr(b).isalpha()) for b in before[::-1]],
        [bool(b > 127 or chr(b).isalpha()) for b in after],
    )
    inside = all(
        side and chr(side[0]).isalnum() | (side[0] > 127) for side in (before[::-1], after)
    )
    return bool(inside and any(len(side) == 2 and all(side) for side in letters))


def kernel_tokens(texts: list[str]) -> list[list[int]]:
    hashes, offsets = tokenise(*pack(texts))
    return [hashes[a:b].tolist() for a, b in pairwise(offsets)]


TEXT = st.text(
    st.sampled_from("abZ09 .,-'+=^\n中文かé’–²³⁻₁½①٣\u200bﬁЖаｗ𝐱\ud800") | st.characters(),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=4))
def test_kernels_agree_with_the_plain_twin(texts: list[str]) -> None:
    found = kernel_tokens(texts)
    plain = [plain_tokens(text) for text in texts]
    assert [[h & 3 for h in row] for row in found] == [[k for _, k in row] for row in plain]
    # Equal strings have equal hashes and different strings different ones, over the whole batch.
    names: dict[int, tuple[str, int]] = {}
    for hashes, named in zip(found, plain, strict=True):
        for h, name in zip(hashes, named, strict=True):
            assert names.setdefault(h, name) == name
    assert len(set(names.values())) == len(names)


MARKED = [r"\u4e0b", r"\u00E9", r"\ud835\udc31", r"\u003e", r"\n", "\\", "u", "n", "A", "b", "\n", "> ", "- ",
          "*", ">", "//", " ", "---", "====", "5", "²", "₁", "½", "é", "\t", "=", "+ "]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(MARKED), max_size=50).map("".join))
def test_marks_of_lines_and_escapes_are_those_of_the_plain_twin(text: str) -> None:
    (found,), plain = kernel_tokens([text]), plain_tokens(text)
    assert [h & 3 for h in found] == [kind for _, kind in plain]
    names = dict(zip(found, plain, strict=True))
    assert [names[h] for h in found] == plain
    assert len(words_of([text]).words) == len(word_spans(text))


def test_there_is_room_for_characters_of_more_tokens_than_bytes() -> None:
    assert [len(row) for row in kernel_tokens(["½"] * 100)] == [3] * 100


@settings(max_examples=100, deadline=None)
@given(TEXT)
def test_spans_point_at_the_text_that_each_word_came_from(text: str) -> None:
    hashes, places = words_of([text]).words, word_spans(text)
    assert len(hashes) == len(places)
    for h, (start, end) in zip(hashes.tolist(), places.tolist(), strict=True):
        assert 0 <= start < end <= len(text)
        if h & 3 in (WORD, NUMBER) and text.isascii():
            assert words_of([text[start:end]]).words.tolist() == [h]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                "Word",
                "don't",
                "o'",
                "'",
                "1,000",
                "1,0000",
                "3.14",
                ".5",
                "x",
                "-",
                "^",
                " ",
                "中",
                "é",
                "abcdefghij" * 7,
                "123456789" * 8,
            ]
        ),
        max_size=60,
    )
)
def test_tokens_do_not_depend_on_where_a_window_ends(pieces: list[str]) -> None:
    """Long texts, whose tokens meet the ends of windows of 64 bytes, against the plain twin."""
    text = "".join(pieces)
    plain = plain_tokens(text)
    (found,) = kernel_tokens([text])
    assert [h & 3 for h in found] == [kind for _, kind in plain]
    # By itself an operator would be a mark of a line.
    alone = [kernel_tokens([f"1{name}1" if kind == OPERATOR else name])[0] for name, kind in plain]
    assert found == [row[len(row) // 2] for row in alone]


def test_a_text_is_hashed_whole_only_where_its_ends_may_be_known() -> None:
    texts = ["What is the capital of Burundi?", "what's the capital, of burundi", "Another text"]
    bits, squashed = np.zeros(1 << 10, np.uint64), np.empty(1, np.uint64)
    tokenise(*pack([texts[0]]), squashed, bits, learn=True)
    found = np.empty(3, np.uint64)
    tokenise(*pack(["What-is the CAPITAL of burundi", *texts[1:]]), found, bits)
    assert found.tolist() == [squashed[0], 0, 0]


@pytest.mark.parametrize(
    "same",
    [
        ("don’t", "dont"),
        ("1,234,567.8", "12345678"),
        ("ＡＢＣ１２", "abc12"),
        ("caf\u200bé", "cafe\u0301"),
        ("ﬁnd so\u00adft", "find soft"),
        ("well-known", "well known"),
        ("𝐱 − 𝟏", "x - 1"),
        ("16-yard", "16yard"),
        ("x²", "x^2"),
        ("2³", "2^3"),
        ("10⁻¹² m", "10^-12 m"),
        ("2³5", "2^3 5"),
        ("3½", "3 1/2"),
        ("log₁₀5", "log 10 5"),
        ("下列說法", "下列说法"),
        (r"\u4e0b\u5217", "下列"),
        (r"caf\u00e9 \ud835\udc31\u003d1", "café x=1"),
        (r"one\n2\nThree\n", "one 2 Three"),
        ("> a - b\n> c", "a - b\nc"),
        ("// | a | b |\n// - c", "a | b |\nc"),
        ("- a - x\n* 5\n// y", "a - x\n5\ny"),
        (">>> f(2)\n> - z", "f(2)\nz"),
        ("a\n-----\nb\n====\nc", "a b c"),
        ("x₁₂", "x 12"),
        ("сор", "cop"),
        ("ТНЕ ВМКХ", "the bmkx"),
        ("Тест", "тест"),
        ("ΤΗΕ ΝΙΧ", "the nix"),
        ("“a”—b", 'a" - b'),
    ],
)
def test_what_a_reader_takes_for_the_same_is_the_same(same: tuple[str, str]) -> None:
    first, second = kernel_tokens(list(same))
    assert first == second


@pytest.mark.parametrize(("word", "number"), NUMERALS.items())
def test_a_number_in_words_is_the_number(word: str, number: int) -> None:
    said, written = words_of([f"{word} {word}some"]), words_of([f"{number} {word}some"])
    assert said.words.tolist() == written.words.tolist()
    assert said.words[0] & 3 == NUMBER
    assert said.words[1] & 3 == WORD


PIECES = ["twenty", "Five", "ten", "-", " ", "\n", " + ", "25", "fiver", "ninety", "é"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_tens_and_ones_are_one_number_and_one_span(text: str) -> None:
    hashes, places = words_of([text]).words.tolist(), word_spans(text).tolist()
    assert len(hashes) == len(places)
    for h, (start, end) in zip(hashes, places, strict=True):
        assert words_of([text[start:end]]).words.tolist() == [h]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("twenty-five eggs", "25 eggs"),
        ("Thirty Two eggs", "32 eggs"),
        ("twenty five-six eggs", "25 6 eggs"),
        ("twenty + five eggs", "20 + 5 eggs"),
        ("twenty ten eggs", "20 10 eggs"),
        ("twenty 5 eggs", "20 5 eggs"),
    ],
)
def test_numbers_of_two_words_are_one(said: str, written: str) -> None:
    assert words_of([said]).words.tolist() == words_of([written]).words.tolist()


@pytest.mark.parametrize(
    ("first", "second"),
    [("2³", "23"), ("3½", "31/2"), ("log₂3", "log23"), ("a ≠ b", "a = b"), ("a ∉ b", "a ∈ b")],
)
def test_what_is_raised_lowered_or_struck_is_another(first: str, second: str) -> None:
    one, other = kernel_tokens([first, second])
    assert one != other


def test_an_operator_tells_two_polynomials_apart() -> None:
    first, second = kernel_tokens(["z^4-z^2+1", "z^4+z^2+1"])
    assert first != second
    assert [h & 3 for h in first].count(OPERATOR) == 4


def test_chinese_is_one_token_a_character() -> None:
    (found,) = kernel_tokens(["下列说法"])
    assert [h & 3 for h in found] == [CHARACTER] * 4


def test_arrow_columns_are_read_in_place() -> None:
    texts = ["one", "", "three four", "五"]
    expected = kernel_tokens(texts)
    column = pa.array(["zero", *texts])[1:]
    for array in (column, column.cast(pa.large_string()), pl.Series(texts).to_arrow()):
        hashes, offsets = tokenise(*arrow_texts(array))
        assert [hashes[a:b].tolist() for a, b in pairwise(offsets)] == expected


def test_a_null_is_an_empty_text() -> None:
    _, offsets = tokenise(*arrow_texts(pa.array(["a", None, "b"])))
    assert offsets.tolist() == [0, 1, 1, 2]
    assert unicodedata.unidata_version and np.all(np.diff(offsets) >= 0)
