"""How answers earn their place, and what counts as said before."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine.generation import selection
from dataengine.generation.novelty import Novelty, distinct
from dataengine.generation.selection import Accepted, Rejected, Samples
from dataengine.models.wire import Failure
from personas import Generated, Prompt, Reject

PROMPT = Prompt(({"role": "user", "content": "How many?"},), seed=1, verifier="gsm8k")


def samples(*answers, truth="4"):
    """Samples from answers; a Reject or Failure stands for itself."""
    found = Samples(PROMPT)
    for number, answer in enumerate(answers):
        if isinstance(answer, Reject):
            found.rejects[number] = answer
        elif isinstance(answer, Failure):
            found.failures[number] = answer
        else:
            turns = (*PROMPT.messages, {"role": "assistant", "content": answer})
            found.rows[number] = Generated(turns, None, "gsm8k", truth, "math", "en")
    return found


CUT = Failure("truncated", "cut off at max_tokens", "0" * 32)
LOST = Failure("timeout", "no answer", "0" * 32)


def test_majority_takes_the_first_of_the_largest_group():
    assert selection.majority(samples("#### 5", "It is 4", "#### 4.0"), 0.5) == Accepted(1, 2 / 3)
    assert selection.majority(samples("#### 4"), 0.5) == Accepted(0, 1.0)


def test_what_cannot_be_decided_fails_with_its_reason(monkeypatch):
    from eval.verifiers import Verdict, Verifier, VerifierTimeout

    undecided = lambda *_, **__: Verdict.failure(VerifierTimeout("too long"))  # noqa: E731
    monkeypatch.setattr(Verifier, "agreement", undecided)
    selected = selection.majority(samples("#### 4", "#### 5", "#### 6"), 0.5)
    assert (selected.reason, selected.failed, selected.mendable) == ("verifier_error", True, False)
    assert "VerifierTimeout: too long" in selected.detail
    assert selection.majority(samples("#### 4"), 0.5) == Accepted(0, 1.0)


def test_which_lost_prompts_a_later_run_may_mend():
    down = Failure("unreachable", "no connection", "0" * 32, mendable=True)
    assert selection.unanswered(samples(CUT, CUT)) == Rejected(
        "truncated", CUT.message, failed=True
    )
    mended = Rejected("unreachable", "no connection", failed=True, mendable=True)
    assert selection.unanswered(samples(CUT, down)) == mended


def test_a_tie_is_no_majority():
    selected = selection.majority(samples("#### 5", "#### 4"), 0.5)
    assert selected == Rejected("no_majority", "groups of [1, 1]: a tie", pass_rate=0.5)


def test_what_was_cut_off_counts_against_and_what_never_came_does_not():
    assert selection.majority(samples("#### 4", CUT, CUT), 0.5).reason == "no_majority"
    assert selection.majority(samples("#### 4", LOST, LOST), 0.5) == Accepted(0, 1.0)
    assert selection.majority(samples("#### 4", Reject("empty", "")), 0.6).pass_rate == 0.5
    (selected,) = selection.verified([samples("#### 4", CUT, LOST)])
    assert selected == Accepted(0, 0.5)


def test_verified_takes_the_first_that_passes():
    right, wrong = samples("#### 3", "#### 4", "#### 4"), samples("#### 3", "#### 5")
    fates = selection.verified([right, wrong])
    assert fates[0] == Accepted(1, 2 / 3)
    assert (fates[1].reason, fates[1].pass_rate) == ("not_verified", 0.0)


def test_a_verifier_that_cannot_decide_makes_a_failed_row_not_a_wrong_one():
    (selected,) = selection.verified([samples("#### 4", truth="no number at all")])
    assert (selected.reason, selected.failed, selected.pass_rate) == ("verifier_error", True, None)


def test_no_answer_at_all():
    assert selection.unanswered(samples(LOST, CUT)) == Rejected("timeout", "no answer", failed=True)
    refused = selection.unanswered(samples(Reject("empty", "no text"), LOST))
    assert refused == Rejected("empty", "no text")
    assert selection.unanswered(samples("#### 4")) is None


@settings(deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=9), st.floats(0.05, 1))
def test_majority_agrees_with_counting(numbers, share):
    selected = selection.majority(samples(*(f"#### {n}" for n in numbers)), share)
    counts = sorted((numbers.count(n) for n in set(numbers)), reverse=True)
    tied = counts[1:2] == counts[:1]
    if tied or counts[0] / len(numbers) < share:
        assert isinstance(selected, Rejected)
    else:
        assert numbers.count(numbers[selected.sample]) == counts[0]
        assert numbers[selected.sample] not in numbers[: selected.sample]
        assert selected.pass_rate == counts[0] / len(numbers)


def test_what_was_said_before_is_named():
    seen = Novelty(0.6)
    text = "A farmer has nine goats and buys four more at the market on Friday; how many now?"
    assert seen.add("a", text) is None
    assert seen.add("b", text.upper()) == ("a", 1.0)
    name, likeness = seen.add("c", text.replace("Friday", "Monday"))
    assert name == "a"
    assert 0.6 < likeness < 1
    assert seen.add("d", "Something else entirely, about ships that pass in the night.") is None
    assert seen.add("e", "Ja?") is None
    assert seen.add("f", "ja") == ("e", 1.0)


def test_prompts_without_spaces_are_compared_by_character():
    seen = Novelty()
    spring = "请写一篇关于春天的短文，描述花园里的花朵和小鸟，并说明你的感受是什么呢好吗"
    assert seen.add("a", spring) is None
    assert seen.add("b", spring.replace("春", "秋"))[0] == "a"
    assert seen.add("c", "请解释一下如何修理一台旧的收音机，需要哪些工具以及步骤") is None
    assert distinct(["春天春天"], 2) == 0.6667


@settings(deadline=None)
@given(st.lists(st.text("ab ", max_size=12), max_size=30))
def test_the_same_text_is_never_new_twice(texts):
    seen, names = Novelty(1.0), {}
    for number, text in enumerate(texts):
        found = seen.add(str(number), text)
        key = tuple(text.split()) or text
        if key in names:
            assert found is not None
        names.setdefault(key, number)


@pytest.mark.parametrize(
    ("texts", "size", "share"),
    [(["a b a b"], 1, 0.5), (["a b a b"], 2, 0.6667), (["a"], 2, None), ([], 1, None)],
)
def test_distinct_n_grams(texts, size, share):
    assert distinct(texts, size) == share


def test_planted_near_duplicates_are_all_found():
    draw = random.Random(1)
    words = [f"w{number}" for number in range(5_000)]
    for _ in range(200):
        text = draw.choices(words, k=60)
        edited = [*text]
        for place in draw.sample(range(60), 3):
            edited[place] = "edited"
        seen = Novelty(0.7)
        assert seen.add("a", " ".join(text)) is None
        found = seen.add("b", " ".join(edited))
        assert found
        assert found[1] >= 0.7
