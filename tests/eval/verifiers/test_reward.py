import pickle

import pytest

from eval.verifiers import UnknownVerifier
from eval.verifiers.reward import Reward, text

COLUMNS = {
    "prompts": [[{"role": "user", "content": "?"}]] * 4,
    "completions": [
        [{"role": "assistant", "content": "#### 18"}],
        [{"role": "assistant", "content": "#### 19"}],
        [{"role": "assistant", "content": "#### 18"}],
        [{"role": "assistant", "content": "big red house"}],
    ],
    "completion_ids": [[1]] * 4,
    "verifier": ["gsm8k", "gsm8k", "gsm8k", "f1"],
    "ground_truth": ["18", "18", "eighteen", "red house"],
    "source": ["s"] * 4,
    "trainer_state": None,
}


def test_rewards_are_scores_and_an_error_is_none() -> None:
    reward = Reward()
    assert reward(**COLUMNS) == [1.0, 0.0, None, pytest.approx(0.8)]
    assert dict(reward.asked) == {"gsm8k": 3, "f1": 1}
    assert dict(reward.errors) == {"gsm8k": 1, "f1": 0}
    assert reward.verdicts[2].error is not None


def test_strict_rewards_are_all_or_nothing() -> None:
    assert Reward(strict=True)(**COLUMNS) == [1.0, 0.0, None, 0.0]


def test_rates_and_means_are_logged_by_verifier() -> None:
    logged: dict[str, float] = {}
    extra: dict[str, list] = {}
    Reward()(**COLUMNS, log_metric=logged.__setitem__, log_extra=extra.__setitem__)
    assert logged["verifier/error_rate"] == 0.25
    assert logged["verifier/gsm8k/error_rate"] == pytest.approx(1 / 3)
    assert logged["verifier/gsm8k/score"] == 0.5
    assert logged["verifier/gsm8k/passed"] == 0.5
    assert logged["verifier/f1/score"] == pytest.approx(0.8)
    assert len(extra["verdict"]) == 4 and "MalformedGroundTruth" in extra["verdict"][2]


def test_an_unknown_verifier_stops_the_trainer() -> None:
    with pytest.raises(UnknownVerifier, match="gsm8k"):
        Reward()(["p"], ["18"], verifier=["gsm9k"], ground_truth=["18"])


def test_settings_reach_their_verifier_and_those_inside_weighted() -> None:
    ask = lambda messages, schema: '{"rationale": "r", "mark": 5}'  # noqa: E731
    reward = Reward(settings={"judge": {"ask": ask}})
    case = '{"prompt": "?"}'
    inside = '[{"verifier": "judge", "ground_truth": "{\\"prompt\\": \\"?\\"}"}]'
    given = reward(
        ["p"] * 2, ["x"] * 2, verifier=["judge", "weighted"], ground_truth=[case, inside]
    )
    assert given == [1.0, 1.0]


def test_a_row_is_judged_in_its_language() -> None:
    given = Reward()(
        ["?"] * 2,
        ["Vastaus on 2,500", "The answer is 2,500"],
        verifier=["gsm8k"] * 2,
        ground_truth=["2.5"] * 2,
        language=["fi", "en"],
    )
    assert given == [1.0, 0.0]


def test_what_a_completion_says() -> None:
    assert text("plain") == "plain"
    turns = [
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "42"},
        {"role": "assistant", "content": [{"type": "text", "text": "It is "}, {"text": "42"}]},
    ]
    assert text(turns) == "It is 42"
    assert text([]) == ""


def test_trl_knows_it_by_name_and_can_pickle_it() -> None:
    assert Reward().__name__ == "verifiers"
    assert pickle.loads(pickle.dumps(Reward(strict=True))).strict is True


@pytest.mark.parametrize(
    ("completion", "said"),
    [
        ("<think>Commas, commas.</think>\n\nNone here", "None here"),
        ("commas, from the template's own tag</think>None here", "None here"),
        ("<think>and it never ends, or does it", ""),
        ("I think, therefore I am", "I think, therefore I am"),
    ],
)
def test_thinking_is_not_judged(completion: str, said: str) -> None:
    """A constraint on the answer is no constraint on what was thought before it."""
    assert text(completion) == text([{"role": "assistant", "content": completion}]) == said
