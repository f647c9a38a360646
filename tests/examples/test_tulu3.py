"""The recipes of published mixtures: their counts are the paper's, and planning asks no network."""

import socket
from pathlib import Path

import pytest

from dataengine.mixture import load
from dataengine.plan import plan
from dataengine.publish.licence import Licence, binding

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(
    ("recipe", "rows", "sources", "licence"),
    [
        ("tulu3_sft.yaml", 939_344, 19, "CC-BY-NC-4.0"),
        ("tulu3_preference.yaml", 271_409, 7, "ODC-By-1.0"),
    ],
)
def test_counts_licences_and_plan(
    no_network: None, recipe: str, rows: int, sources: int, licence: str
) -> None:
    mixture = load(EXAMPLES / recipe)
    assert sum(source.rows or 0 for source in mixture.sources) == rows
    assert len(mixture.sources) == sources
    stated = [Licence.of(source.licence) for source in mixture.sources]
    assert [one.text for one in binding(stated)] == [licence]
    steps = list(plan(mixture))
    readers = [step.stage.label() for step in steps if step.stage.name == "read"]
    assert readers == [f"read {source.name}" for source in mixture.sources]
    assert f"{rows:,} rows of {sources} sources" in " ".join(step.stage.explain() for step in steps)
