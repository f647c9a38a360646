"""Leak generators, and generators of rows that only look like leaks: what `selftest` plants.

A planter takes an item's text, the item, a random generator and the user's own turns, and gives the
turns to plant, or None where the kind does not apply to the item. Each says what is right: dropped,
not dropped, or only reported.
"""

from dataclasses import dataclass

from decontam.selftest.generators import edits, layout, parts
from decontam.selftest.generators.text import Planter


@dataclass(frozen=True)
class Kind:
    """`expected`: True dropped, False kept, None only reported."""

    name: str
    expected: bool | None
    make: Planter
    roles: tuple[str, ...] = ("user", "assistant")


GENERATORS = (
    Kind("verbatim", True, lambda t, *_: [t]),
    Kind("template", True, lambda t, i, rng, _: [rng.choice(layout.TEMPLATES).format(t)]),
    Kind("embedded", True, lambda t, i, rng, f: [f"{f.turn(rng)}\n\n{t} {f.turn(rng)}"]),
    Kind("in the answer", True, lambda t, i, rng, f: [f.turn(rng), f"Here is one:\n\n{t}"]),
    Kind("later turn", True, lambda t, i, rng, f: [f.turn(rng), f.turn(rng), t]),
    Kind("system turn", True, lambda t, *_: [t], ("system", "user", "assistant")),
    Kind(
        "tool turn",
        True,
        lambda t, i, rng, f: [f.turn(rng), "Let me look.", t],
        ("user", "assistant", "tool", "assistant"),
    ),
    Kind("two turns", True, layout.two_turns),
    Kind("bare words", True, layout.bare),
    Kind("upper case", True, layout.shouted),
    Kind("odd unicode", True, layout.odd_unicode),
    Kind("markup", True, layout.markup),
    Kind("line marks", True, layout.marked),
    Kind("escaped in JSON", True, layout.escaped),
    Kind("traditional", True, layout.traditional),
    Kind("formulas dressed", True, layout.formula),
    Kind("code in a fence", True, layout.code_in_fence),
    Kind("code renamed", True, edits.code_renamed),
    Kind("numbers written", True, edits.numbers_written),
    Kind("numbers in words", True, edits.numbers_in_words),
    Kind("short lines", True, layout.short_lines),
    Kind("choices shuffled", True, layout.shuffled),
    Kind("sentences reordered", True, edits.reordered),
    Kind("first 80 %", True, parts.beginning(0.8)),
    Kind("first 60 %", True, parts.beginning(0.6)),
    Kind("5 % edited", True, edits.edited(0.05)),
    Kind("15 % edited", True, edits.edited(0.15)),
    Kind("30 % edited", True, edits.edited(0.30)),
    Kind("mistyped", True, edits.mistyped),
    Kind("name replaced", True, edits.renamed),
    Kind("solution alone", True, parts.solution),
    Kind("numbers changed", None, edits.other_numbers),
    Kind("passage alone", None, parts.passage_alone),
    Kind("question alone", None, parts.question_alone),
    Kind("passage, other task", False, parts.passage_and_other),
    Kind("eight of its words", False, parts.eight_words),
    Kind("one sentence of it", False, parts.one_sentence),
    Kind("other subject", False, parts.other_subject),
    Kind("its bare answer", False, parts.bare_answer),
    Kind("its short choices", False, parts.short_choices),
    Kind("named in passing", False, parts.in_passing),
)
