"""Rows for the filters to judge."""

from collections.abc import Callable

import pytest

from dataengine.row import message
from dataengine.stages.filters import known
from dataengine.stages.stage import Outcome

Judge = Callable[..., Outcome]


@pytest.fixture
def judge(decided: Callable[..., Outcome]) -> Judge:
    """judge(filter, *conversations, **settings): the filter's outcome on conversations.

    A conversation is a list of texts (user first), or one text, which an assistant says.
    """

    def outcome(name: str, *conversations: str | list[str], **settings: object) -> Outcome:
        rows = []
        for number, texts in enumerate(conversations):
            said = ["Tell me.", texts] if isinstance(texts, str) else texts
            roles = ["user", "assistant"] * len(said)
            turns = [message(role, text) for role, text in zip(roles, said, strict=False)]
            rows.append({"id": f"{number}", "source": "s", "messages": turns})
        return decided(known()[name](**settings), rows)

    return outcome
