"""The budget is a cap: whatever the servers charge, the sum never goes over it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataengine.budget import BudgetReached, Price
from dataengine.errors import UserError
from dataengine.models.model_config import BudgetConfig, OpenAIModel, VllmModel, check_budget

PRICE = {"input": 100.0, "output": 1000.0}


def paid(server):
    """What the server would charge: USD for every completion it gave out."""
    usage = server.usage
    each = Price(**PRICE).cost(usage["prompt_tokens"], usage["completion_tokens"])
    return each * server.answered.total()


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(cap=st.floats(0, 1.5), concurrency=st.integers(1, 40), faults=st.sampled_from([0.0, 0.3]))
def test_the_cap_holds_whatever_is_in_flight(run, ask, cap, concurrency, faults, tmp_path_factory):
    asks = [ask(f"question {i}") for i in range(40)]
    ledger = tmp_path_factory.mktemp("cap") / "ledger.sqlite"
    config = {"price": PRICE, "max_concurrency": concurrency}
    kinds = ("server_error", "malformed", "close", "rate_limited")
    ran = run(asks, usd=cap, ledger=ledger, config=config, faults=faults, kinds=kinds)
    assert paid(ran.server) <= cap
    assert ran.budget.spent <= cap
    assert isinstance(ran.error, BudgetReached) == (len(ran.replies) < 40)
    assert sum(t == "a fine answer" for t in ran.texts.values()) == ran.server.answered.total()


def test_at_the_cap_everything_is_kept_and_a_higher_cap_goes_on(run, ask):
    asks = [ask(f"question {i}") for i in range(40)]
    config = {"price": PRICE, "max_concurrency": 8}
    first = run(asks, usd=0.2, config=config)
    assert isinstance(first.error, BudgetReached)
    assert "0.20 USD" in str(first.error)
    assert 0 < len(first.replies) < 40
    stuck = run(asks, usd=0.2, config=config)
    assert isinstance(stuck.error, BudgetReached)
    assert stuck.server.asked.total() == 0
    second = run(asks, usd=99, config=config)
    assert set(second.texts.values()) == {"a fine answer"}
    assert second.server.asked.total() == 40 - first.server.asked.total()
    assert second.budget.spent == pytest.approx(paid(first.server) + paid(second.server))


def test_a_call_of_unknown_cost_counts_as_the_most_it_can_be(run, ask):
    ran = run([ask(max_tokens=100)], usd=9, script=["hang"], timeout=1.0, config={"price": PRICE})
    body = next(iter(ran.server.asked))
    bound = Price(**PRICE).at_most({"max_tokens": 100}, len(body))
    assert ran.budget.spent == pytest.approx(bound + paid(ran.server))


def test_a_cap_without_a_bound_on_the_answer_is_refused(run, ask):
    ran = run([ask(max_tokens=None)], usd=1, config={"price": PRICE})
    assert isinstance(ran.error, UserError)
    assert "max_tokens" in str(ran.error)
    assert ran.server.asked.total() == 0


def test_a_cap_needs_the_price_of_what_bills():
    models = {"teacher": OpenAIModel(model="big"), "local": VllmModel(backend="vllm", model="./m")}
    with pytest.raises(ValueError, match=r"models\.teacher: .*price"):
        check_budget(models, BudgetConfig(usd=1))
    check_budget(models, None)


def test_secrets_in_a_mixture_are_refused():
    with pytest.raises(ValueError, match="environment variable"):
        OpenAIModel(model="m", api_key="sk-1")
    with pytest.raises(ValueError, match="secrets do not belong"):
        OpenAIModel(model="m", base_url="https://me:pw@host/v1")
