"""Rules and the cuts before them: what a cut drops, no rule would have taken."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from decontam.decide.decide import first_met
from decontam.decide.rules import RULES, Decision, Lines, RuleName, Seen, least_share, promising
from decontam.index.items import ANSWER, CHOICES, PASSAGE, QUESTION
from decontam.search.measure import HALF
from decontam.search.scan import MATCH

SHARE = st.integers(20, 100).map(lambda n: n / 100)
NATS = st.sampled_from([4.0, 8.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 300.0])


@st.composite
def matches(draw: st.DrawFn) -> dict[str, object]:
    """A match as `Scanner.matches` gives it; half of them with little but the agreement against
    them, so that every rule decides some."""
    plain = draw(st.booleans())

    def some(usual: object, *others: object) -> object:
        return usual if plain and draw(st.integers(0, 3)) else draw(st.sampled_from(others))

    length = draw(st.integers(1, 60))
    aligned = draw(st.integers(length // 2, length)) if draw(st.booleans()) else length
    span = aligned + draw(st.sampled_from([0, 0, 1, 3, 30]))
    passage = some(-1.0, -1.0, 0.4, 0.6, 0.9)
    return {
        "row": 0,
        "item": draw(st.integers(0, 3)),
        "reference": 0,
        "part": some(QUESTION, QUESTION, PASSAGE, CHOICES, ANSWER),
        "share": draw(SHARE),
        "own": some(1.0, 0.0, 0.6, 0.9),
        "own_nats": some(100.0, 4.0, 20.0, 40.0),
        "nats": draw(NATS),
        "length": length,
        "whole": some(False, True, False),
        "verbatim": False,
        "shared": some(False, True, False),
        "stem": some(False, True, False),
        "marked": some(False, True, False),
        "first": 0,
        "end": span,
        "aligned": aligned,
        "run": some(aligned, aligned // 2, aligned),
        "numbers_replaced": some(0, 1, 4),
        "numbers": draw(st.integers(0, 6)),
        "operators_replaced": some(0, 1),
        "missing": some(0, 1, 8),
        "span": span,
        "text": 0,
        "text_first": 0,
        "text_end": span + draw(st.sampled_from([0, 3, 30])),
        "passage": passage,
        "choices": some(-1.0, 0.5, 0.9),
        "answer": -1.0,
        "choices_nats": some(0.0, 5.0, 30.0),
    }


@settings(max_examples=200, deadline=None)
@given(st.lists(matches(), min_size=20, max_size=60), st.booleans())
def test_no_rule_would_have_taken_what_a_cut_dropped(found: list[dict], mixed: bool) -> None:
    lines = Lines.of(pl.DataFrame(found, schema=MATCH))
    names = np.array([rule.name.value for rule in RULES])[first_met(lines)]
    # A question may be asked by items with a passage and by items without one.
    with_passage = lines.has_passage | mixed
    without = ~lines.has_passage | mixed
    seen = Seen(
        lines.evidence, lines.share, lines.score, lines.part, lines.run, lines.aligned,
        lines.missing,
    )  # fmt: skip
    assert not names[~promising(seen, with_passage, without)].any()
    least = least_share(lines.nats, lines.part, with_passage, without).astype(np.float32)
    wording = 2 * lines.aligned / (lines.aligned + lines.length)
    let_go = (lines.share < least) | ((lines.share < HALF) & (lines.share + wording < 1 + least))
    assert not names[let_go].any()


def test_a_rule_says_what_becomes_of_its_rows() -> None:
    for rule in RULES:
        assert (rule.decision is None) == (rule.name == RuleName.NONE)
        assert rule.least or rule.name in (RuleName.VERBATIM, RuleName.NONE)
    dropped = {rule.name for rule in RULES if rule.decision == Decision.DROP}
    assert not dropped & {rule.name for rule in RULES if rule.decision == Decision.REVIEW}
