"""The verifier: strict, loose, fractions, errors that are not zeros."""

import json
from inspect import signature

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.verifiers import MalformedGroundTruth, ifeval, verify
from eval.verifiers.instructions.segmentation import sentences
from eval.verifiers.selftest import selftest

ARGUMENTS = {
    **dict.fromkeys(("N", "small_n", "n", "m", "n_start", "nth_paragraph", "num_sentences"), 1),
    **dict.fromkeys(("num_words", "num_paragraphs", "num_placeholders", "num_bullets"), 1),
    **dict.fromkeys(("num_highlights", "num_sections", "frequency", "let_frequency"), 1),
    **dict.fromkeys(("min_words", "max_words", "n_end", "percentage", "capital_frequency"), 2),
    **dict.fromkeys(("relation", "let_relation", "capital_relation"), "at least"),
    **dict.fromkeys(("keyword", "word", "first_word", "end_phrase", "language"), "a"),
    **dict.fromkeys([f"keyword{i}" for i in range(1, 6)], "a"),
    **dict.fromkeys(("letter", "postscript_marker", "section_spliter", "sep", "options"), "a"),
    **dict.fromkeys(("prompt_to_repeat", "reference_text"), "a Z 9"),
    "keywords": ["a"],
    "forbidden_words": ["a"],
}


def truth(*constraints):
    ids = [id for id, _ in constraints]
    return json.dumps({"instruction_id_list": ids, "kwargs": [kwargs for _, kwargs in constraints]})


def with_arguments(id):
    names = [*signature(ifeval.INSTRUCTIONS[id].check).parameters][1:]
    return truth((id, {name: ARGUMENTS[name] for name in names}))


EVERY_TYPE = [with_arguments(id) for id in ifeval.INSTRUCTIONS]
NO_COMMA = ("punctuation:no_comma", {})
SHORT = ("length_constraints:number_words", {"relation": "less than", "num_words": 4})


def test_score_is_the_fraction_and_passed_is_all():
    both = verify("ifeval", "one two three", truth(NO_COMMA, SHORT))
    assert (both.score, both.passed, both.reason) == (1.0, True, "all 2 followed")
    one = verify("ifeval", "one two three four", truth(NO_COMMA, SHORT))
    assert (one.score, one.passed) == (0.5, False)
    assert one.reason == "not followed: length_constraints:number_words"


def test_loose_forgives_a_first_line_a_last_line_and_asterisks():
    answer = "Sure, here it is:\none two\nHope it helps, bye!"
    assert verify("ifeval", answer, truth(NO_COMMA, SHORT)).score == 0.0
    assert verify("ifeval", answer, truth(NO_COMMA, SHORT), loose=True).passed
    quoted = truth(("startend:quotation", {}))
    assert not verify("ifeval", '**"yes"**', quoted).passed
    assert verify("ifeval", '**"yes"**', quoted, loose=True).passed


def test_loose_has_the_eight_published_variants():
    starred = ["a*\nb\nc", "b\nc", "a*\nb", "b"]
    plain = ["a\nb\nc", "b\nc", "a\nb", "b"]
    assert ifeval.variants("a*\nb\nc") == starred + plain


@pytest.mark.parametrize(
    ("ground_truth", "problem"),
    [
        ("not json", "expected JSON"),
        ("[]", "expected JSON"),
        ('{"instruction_id_list": [], "kwargs": []}', "not empty"),
        ('{"instruction_id_list": ["punctuation:no_comma"], "kwargs": []}', "1 instruction ids"),
        ('{"instruction_id_list": ["punctuation:no_comma"], "kwargs": ["x"]}', "an object or null"),
        (truth(("no_such:type", {})), "unknown instruction id"),
        (truth(("keywords:existence", {})), "missing"),
    ],
)
def test_a_malformed_ground_truth_is_an_error_not_a_zero(ground_truth, problem):
    verdict = verify("ifeval", "any", ground_truth)
    assert verdict.score is None and verdict.passed is None
    assert verdict.error.startswith("MalformedGroundTruth") and problem in verdict.error
    with pytest.raises(MalformedGroundTruth, match=problem):
        ifeval.check(ground_truth)


def test_accuracies_at_both_levels():
    figures = ifeval.accuracy([[True, True], [True, False], [False]])
    assert figures.prompt == pytest.approx(1 / 3)
    assert figures.instruction == pytest.approx(3 / 5)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_loose_never_fails_what_strict_passes(answer):
    ground_truth = truth(NO_COMMA, SHORT, ("startend:quotation", {}))
    strict = ifeval.followed(answer, ground_truth)
    loose = ifeval.followed(answer, ground_truth, loose=True)
    assert all(after or not before for before, after in zip(strict, loose, strict=True))


@settings(deadline=None)
@given(text=st.text(alphabet=st.sampled_from(" \n\t.!?,;:'\"*-<>()[]{}aZé9水😀#"), max_size=60))
def test_no_text_makes_a_checker_stumble(text):
    for constraints in EVERY_TYPE:
        ifeval.followed(text, constraints)


def test_sentences_are_cut_where_a_reader_would():
    text = 'Mr. Smith, aged 3.5, left at 5 p.m. today. "Why?" she asked. No. 5 won... barely. U.S.'
    assert sentences(text) == [
        "Mr. Smith, aged 3.5, left at 5 p.m. today.",
        '"Why?" she asked.',
        "No. 5 won... barely.",
        "U.S.",
    ]


@pytest.mark.parametrize("piece", ["[", "\n", "<", "*", '"', "a-", "1", "Question ", "p. "])
def test_a_text_of_one_piece_repeated_is_judged(piece):
    """What a policy may write to break a checker: no error, and no quadratic time to wait for."""
    for constraints in EVERY_TYPE:
        ifeval.followed(piece * (12_000 // len(piece)), constraints)


def test_the_self_test_needs_gold_answers_and_breaks_them_with_a_blank_one():
    meta = {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
    items = [{"id": "a", "answer": "One two.", "meta": meta}, {"id": "b", "meta": meta}]
    report = selftest(items, "ifeval")
    assert report.counts() == {"items": 2, "gold_passed": 1, "wrong_failed": 1, "errors": 1}
    assert [(found.id, found.said) for found in report.findings] == [
        ("b", "the item has no gold answer")
    ]
