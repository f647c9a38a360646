"""Golden pass and fail texts for each of the 25 IFEval instruction types."""

import json

import pytest

from eval.verifiers import ifeval
from eval.verifiers.ifeval import INSTRUCTIONS, follows
from eval.verifiers.instructions.instruction import MalformedInstruction

ENGLISH = "this is a plain english sentence about the weather in the north of the country"
GERMAN = "Das Wetter ist heute im Norden des Landes sehr schön und warm."

GOLDEN = [
    # id, kwargs, texts that follow, texts that do not
    ("keywords:existence", {"keywords": ["Rust", "c++"]}, ["rust and C++"], ["rust and c"]),
    (
        "keywords:frequency",
        {"keyword": "war", "frequency": 2, "relation": "at least"},
        ["War, and warfare."],
        ["One war."],
    ),
    (
        "keywords:frequency",
        {"keyword": "war", "frequency": 2, "relation": "less than"},
        ["One war."],
        ["War and war."],
    ),
    (
        "keywords:forbidden_words",
        {"forbidden_words": ["rock", "c++"]},
        ["Rocket science."],
        ["A Rock.", "I use C++ daily."],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "t", "let_frequency": 3, "let_relation": "at least"},
        ["Tottering"],
        ["tat"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "#", "let_frequency": 2, "let_relation": "less than"},
        ["# one"],
        ["## two"],
    ),
    ("language:response_language", {"language": "de"}, [GERMAN], [ENGLISH, "12345 !!"]),
    (
        "language:response_language",
        {"language": "ja"},
        ["今日はとても良い天気ですね。散歩に行きましょう。"],
        [ENGLISH],
    ),
    (
        "length_constraints:number_sentences",
        {"relation": "less than", "num_sentences": 3},
        ["Dr. Who came at 5 p.m. today. He left."],
        ["One. Two! Three?"],
    ),
    (
        "length_constraints:number_sentences",
        {"relation": "at least", "num_sentences": 3},
        ["One. Two! Three?", "Is it 3.5? Yes. e.g. this one."],
        ["One. Two e.g. three."],
    ),
    (
        "length_constraints:number_words",
        {"relation": "at least", "num_words": 4},
        ["one two three four", "well-known old facts"],
        ["one two three"],
    ),
    (
        "length_constraints:number_words",
        {"relation": "less than", "num_words": 4},
        ["one two three"],
        ["one two three four"],
    ),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["One\n***\nTwo", "***\nOne\n***\nTwo\n***"],
        ["One", "One\n\nTwo", "One\n***\n***\nTwo"],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "elm"},
        ["Oak.\n\nElm, a tree.", 'Oak.\n\n"elm" it is.'],
        ["Elm.\n\nOak.", "Elm.", "Oak.\n\nElm.\n\nFir.", "Oak.\n\nelms grow"],
    ),
    (
        "detectable_content:number_placeholders",
        {"num_placeholders": 2},
        ["[name] at [address]"],
        ["[name] at home"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.S."},
        ["Bye.\nP.S. Write soon", "p. s. Write"],
        ["Bye.", "PS write"],
    ),
    (
        "detectable_content:postscript",
        {"postscript_marker": "P.P.S"},
        ["Bye.\nP.P.S Write soon"],
        ["Bye.\nP.S. Write"],
    ),
    (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        ["* one\n* two", "List:\n- one\n  * two", "*one\n*two"],
        ["* one", "* one\n* two\n* three", "** bold\n* one"],
    ),
    (
        "detectable_format:constrained_response",
        {},
        ["My answer is yes.", "Well. My answer is maybe."],
        ["Yes.", "my answer is no."],
    ),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        ["*one* and *two*", "**one** and *two*"],
        ["*one*", "** ** and *one*", "*one\ntwo* *three*"],
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        ["SECTION 1\na\nSECTION 2\nb", "SECTION1 a SECTION2 b"],
        ["SECTION 1 a", "Section 1\nSection 2"],
    ),
    (
        "detectable_format:json_format",
        {},
        ['{"a": [1, 2]}', '```json\n{"a": 1}\n```', "```\n[]\n```"],
        ["a: 1", '{"a": 1', 'Here: {"a": 1}'],
    ),
    ("detectable_format:title", {}, ["<<joy>>\ntext"], ["<joy>", "<<>>", "<< >>", "<<a\nb>>"]),
    (
        "combination:two_responses",
        {},
        ["One\n******\nTwo"],
        ["One", "One\n******\nOne", "One******Two******Three", "One\n******\n******\nTwo"],
    ),
    (
        "combination:repeat_prompt",
        {"prompt_to_repeat": "Say hi."},
        ["Say hi.\nHi!", "  say HI. Hi!"],
        ["Hi!", "You said: Say hi."],
    ),
    (
        "startend:end_checker",
        {"end_phrase": "Peace!"},
        ["So. peace!", '"So. Peace!"'],
        ["Peace! Bye."],
    ),
    ("startend:quotation", {}, ['"Yes."', ' "a" and "b"\n'], ['"Yes', "Yes", '"']),
    (
        "change_case:capital_word_frequency",
        {"capital_relation": "at least", "capital_frequency": 2},
        ["NASA and STATE-OF-THE-ART"],
        ["NASA and Esa", "STATE-OF-THE-ART"],
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_relation": "less than", "capital_frequency": 2},
        ["Only NASA"],
        ["NASA and ESA"],
    ),
    ("change_case:english_capital", {}, [ENGLISH.upper()], [ENGLISH, GERMAN.upper()]),
    ("change_case:english_lowercase", {}, [ENGLISH], [ENGLISH.capitalize(), GERMAN.lower()]),
    ("punctuation:no_comma", {}, ["No marks; none."], ["One, two"]),
]


@pytest.mark.parametrize(("id", "kwargs", "good", "bad"), GOLDEN, ids=[g[0] for g in GOLDEN])
def test_golden(id, kwargs, good, bad):
    assert [text for text in good if not follows(text, id, kwargs)] == []
    assert [text for text in bad if follows(text, id, kwargs)] == []
    assert not follows("", id, kwargs)


def test_every_published_type_is_here_and_golden():
    ids = {id for id, known in INSTRUCTIONS.items() if known.suite == "ifeval"}
    assert len(ids) == 25
    assert ids == {golden[0] for golden in GOLDEN}


def test_nulls_are_absent_and_floats_are_counts():
    assert follows("[a]", "detectable_content:number_placeholders", {"num_placeholders": 1.0})
    assert follows("no", "punctuation:no_comma", {"keywords": None})


@pytest.mark.parametrize(
    ("id", "kwargs", "problem"),
    [
        ("punctuation:no_coma", {}, "nearest is 'punctuation:no_comma'"),
        ("keywords:existence", {}, "'keywords': missing"),
        ("keywords:existence", {"keywords": "rust"}, "'keywords'"),
        ("length_constraints:number_words", {"relation": "about", "num_words": 3}, "'relation'"),
        ("length_constraints:number_words", {"relation": "at least", "num_words": -1}, "num_words"),
        ("punctuation:no_comma", {"num_words": 3}, "'num_words'"),
    ],
)
def test_what_a_checker_cannot_use_is_named(id, kwargs, problem):
    with pytest.raises(MalformedInstruction, match=problem):
        follows("text", id, kwargs)


def test_every_published_prompt_has_a_usable_ground_truth(shared):
    for suite in ("ifeval", "ifbench"):
        path = shared / "data/evals" / f"{suite}.jsonl"
        items = [json.loads(line) for line in path.open(encoding="utf-8")]
        for item in items:
            ifeval.check(ifeval.ground_truth(item))
