"""Retention curves: rows that another threshold would keep, on both sides of the one that is set."""

import re

import pytest

from dataengine.built import Built
from dataengine.report.curves import curves
from tests.dataengine.conftest import chat
from tests.dataengine.report.conftest import HARBOURS

WORDS = [f"word{n}" for n in range(60)]


@pytest.fixture
def points(built, tmp_path):
    """points(mixture, title): a curve's rows by its thresholds."""

    def drawn(mixture, title):
        built(mixture)
        [curve] = [c for c in curves(Built.open(tmp_path / "out")) if c.title == title]
        found = re.findall(r"<title>([\d.,]+): ([\d,]+) rows", curve.chart)
        return {float(at.replace(",", "")): int(rows.replace(",", "")) for at, rows in found}, curve

    return drawn


def test_length_counts_the_rows_that_its_filter_took(mix, points):
    rows = [chat(*pair) for pair in HARBOURS] + [chat("Tell me all.", "and on it goes " * 400)]
    found, curve = points(mix({"a": rows}, filters=[{"length": {"max_tokens": 100}}]), "Length")
    assert [found[at] for at in sorted(found)[-2:]] == [5, 6]
    assert "1 that the filter took" in curve.says and "set to 100" in curve.chart


def test_repetition_is_measured_of_rows_that_stayed_and_of_those_that_went(mix, points):
    loop = "The tide comes in at six o'clock. " * 40
    half = " ".join(f"Boat {n} is grey and old. The tide is high." for n in range(6))
    rows = [chat(*pair) for pair in HARBOURS] + [chat("When?", loop), chat("What?", half)]
    found, _ = points(mix({"a": rows}, filters=["repetition"]), "Repetition")
    assert found[1.0] == 7 and found[0.95] == 6 and found[0.05] == 5


def test_near_duplicates_below_the_threshold_are_known_where_rows_are_few(mix, points):
    near = [*WORDS[:50], *(f"other{n}" for n in range(3)), *WORDS[53:]]
    rows = [chat("Recite.", " ".join(WORDS)), chat("Recite.", " ".join(near)), chat(*HARBOURS[0])]
    mixture = mix({"a": rows}, dedup={"minhash": {"threshold": 0.9}})
    found, curve = points(mixture, "Near-duplicates")
    assert found[0.7] == 0 and found[0.9] == 1
    assert "set to 0.9" in curve.chart and "nothing is known" not in curve.says


def test_a_copy_is_no_near_duplicate(mix, built, tmp_path):
    mixture = mix(
        {"a": {"records": [chat("Recite.", " ".join(WORDS))], "repeat": 3}},
        dedup={"minhash": True},
    )
    built(mixture)
    assert "Near-duplicates" not in {c.title for c in curves(Built.open(tmp_path / "out"))}


def test_decontamination_counts_rows_by_their_best_score(planted, points):
    found, curve = points(planted(), "Decontamination")
    assert found[0.0] == 0 and "Of the 1 rows" in curve.says


def test_annotations_that_a_source_keeps_have_a_curve_and_a_line(mix, points, tmp_path):
    rows = [chat(*pair) | {"quality": n / 4} for n, pair in enumerate(HARBOURS)]
    found, _ = points(mix({"a": {"records": rows, "keep": ["quality"]}}), "Quality")
    assert (found[0.0], found[0.5], found[1.0]) == (5, 3, 1)
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "What is known of rows" in html and "from 0 to 1, 0.5 in the mean" in html
    assert "<dt>quality</dt>" in html
