"""Rules and the cuts before them: what a cut drops, no rule would have taken."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from decontam.decide import first_met
from decontam.items import ANSWER, CHOICES, PASSAGE, QUESTION
from decontam.measure import HALF
from decontam.rules import RULES, Decision, Lines, RuleName, Seen, least_share, promising
from decontam.scan import MATCH

SHARE = st.one_of(st.integers(0, 100).map(lambda n: n / 100), st.floats(0, 1, width=32))
NATS = st.one_of(st.sampled_from([4.0, 8.0, 20.0, 40.0, 60.0, 100.0, 300.0]), st.floats(1, 400))


@st.composite
def matches(draw: st.DrawFn) -> dict[str, object]:
    """A match as `Scanner.matches` gives it: one of whatever could be measured."""
    length = draw(st.integers(1, 60))
    aligned = draw(st.integers(max(0, length - draw(st.integers(0, 12))), length))
    span = aligned + draw(st.one_of(st.just(0), st.integers(0, 60)))
    first = draw(st.integers(0, 5))
    left = draw(st.sampled_from([0, 0, 3, 30]))
    quarter = st.sampled_from([0.0, 0.6, 0.9, 1.0])
    flag = st.booleans()
    return {
        "row": 0,
        "item": draw(st.integers(0, 3)),
        "reference": 0,
        "part": draw(st.sampled_from([QUESTION, QUESTION, QUESTION, PASSAGE, CHOICES, ANSWER])),
        "share": draw(SHARE),
        "own": draw(quarter),
        "own_nats": draw(NATS),
        "nats": draw(NATS),
        "length": length,
        "whole": draw(flag),
        "verbatim": False,
        "shared": draw(flag),
        "stem": draw(flag),
        "marked": draw(flag),
        "first": first,
        "end": first + span,
        "aligned": aligned,
        "run": draw(st.integers(aligned // 2, aligned)),
        "numbers_replaced": draw(st.sampled_from([0, 0, 1, 4])),
        "numbers": draw(st.integers(0, 6)),
        "operators_replaced": draw(st.sampled_from([0, 0, 1])),
        "missing": draw(st.sampled_from([0, 0, 1, 8])),
        "span": span,
        "text": 0,
        "text_first": 0,
        "text_end": first + span + left,
        "passage": draw(st.sampled_from([-1.0, -1.0, 0.4, 0.6, 0.9])),
        "choices": draw(st.sampled_from([-1.0, 0.5, 0.9])),
        "answer": -1.0,
        "choices_nats": draw(st.sampled_from([0.0, 5.0, 30.0])),
    }


@settings(max_examples=400, deadline=None)
@given(st.lists(matches(), min_size=1, max_size=40), st.booleans())
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
