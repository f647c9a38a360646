"""Text of rows as inert HTML."""

import pytest

from dataengine.report import text
from dataengine.report.text import marked, visible, word_diff


@pytest.mark.parametrize(
    ("said", "html"),
    [
        ("<b>&", "&lt;b&gt;&amp;"),
        ("a\u202eb", 'a<span class="ctl">U+202E</span>b'),
        ("\u200b\u200b\u200b", '<span class="ctl">U+200B × 3</span>'),
        ("\x1b[31m", '<span class="ctl">U+001B</span>[31m'),
        ("tabs\tand\nlines", "tabs\tand\nlines"),
        ("👨\u200d👩", "👨\u200d👩"),
    ],
)
def test_what_nobody_sees_is_named_and_what_people_write_stays(said, html):
    assert visible(said) == html


def test_spans_are_marked_and_those_that_overlap_are_one():
    assert marked("abcdef", [(1, 3), (2, 4)]) == "a<mark>bcd</mark>ef"
    assert marked("a<c", [(1, 2)]) == "a<mark>&lt;</mark>c"
    assert marked("abc", [(2, 99), (-5, 1)]) == "<mark>a</mark>b<mark>c</mark>"


def test_of_a_long_text_the_beginning_and_the_marks_are_shown_and_the_rest_is_counted():
    said = "x" * 50_000 + "NEEDLE" + "y" * 50_000
    html = str(marked(said, [(50_000, 50_006)]))
    assert "<mark>NEEDLE</mark>" in html and len(html) < 2_000
    shown = html.count("x") + html.count("y")
    gaps = [int(g.split()[0].replace(",", "")) for g in html.split("… ") if g[0].isdigit()]
    assert shown + sum(gaps) == 100_000


def test_a_mark_as_long_as_a_book_is_cut():
    assert len(marked("z" * 1_000_000, [(0, 1_000_000)])) < 2_000


def test_words_that_differ_are_shown_with_what_stands_around_them():
    assert word_diff("the grey sea", "the green sea") == "the <del>grey</del><ins>green</ins> sea"
    far = "wave " * 250
    html = str(word_diff(f"{far}old {far}", f"{far}new {far}"))
    assert "<del>old</del><ins>new</ins>" in html and html.count("characters not shown") == 2


def test_a_cut_comparison_claims_no_difference_at_the_cut():
    words = " ".join(f"w{n}" for n in range(2 * text.WORDS))
    html = str(word_diff(words, f"extra {words}"))
    assert "<ins>extra</ins>" in html and "<del>" not in html
    assert f"only the first {text.WORDS} words are compared" in html
