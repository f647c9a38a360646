"""Embeddings: batches through the ledger, in the order of the texts, and what is no vector."""

import itertools
import json

import numpy as np
import pytest

from dataengine.errors import UserError
from dataengine.ledger import Ledger
from dataengine.models.embeddings import BATCH, vectors_of
from dataengine.models.failure import Malformed, ServerError
from dataengine.models.model_config import OpenAIModel
from dataengine.models.session import session
from dataengine.models.wire import Vectors

TEXTS = [f"{'long ' * (n % 7)}text {n}" for n in range(3 * BATCH)]


def vectors(body):
    """The number in a text as a direction, not of length 1; the last one comes first."""
    listed = [
        {"index": i, "embedding": [float(text.split()[-1]), 1.0]}
        for i, text in enumerate(body["input"])
    ]
    return {"data": listed[::-1], "usage": {"prompt_tokens": 7, "total_tokens": 7}}


def expected():
    made = np.array([[float(text.split()[-1]), 1.0] for text in TEXTS], np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture
def embedded(serving, tmp_path):
    """embedded(server, texts): the vectors, by way of a ledger that stays for the next call."""

    def go(server, texts=TEXTS, **more):
        config = OpenAIModel(model="e", base_url=server.url, **more)
        with session({"e5": config}, tmp_path / "ledger.sqlite", None) as opened:
            return opened.embed("e5", texts, "decontaminate")

    return go


def test_vectors_come_in_the_order_of_their_texts_and_are_asked_for_once(
    serving, embedded, tmp_path
):
    server = serving(vectors)
    found = embedded(server)
    np.testing.assert_allclose(found, expected(), rtol=1e-6)
    assert server.asked.total() == 3
    again = embedded(server, TEXTS)
    np.testing.assert_array_equal(again, found)
    assert server.asked.total() == 3
    with Ledger(tmp_path / "ledger.sqlite") as book:
        (spent,) = book.spent()
    assert (spent.calls, spent.input_tokens, spent.stage) == (3, 21, "decontaminate")


def test_a_batch_holds_texts_of_about_one_length(serving, embedded):
    server = serving(vectors)
    embedded(server)
    longest = [max(map(len, json.loads(body)["input"])) for body in server.asked]
    shortest = [min(map(len, json.loads(body)["input"])) for body in server.asked]
    ordered = sorted(zip(shortest, longest, strict=True))
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(ordered))


def test_what_may_come_right_is_asked_again(serving, embedded):
    server = serving(vectors, script=["rate_limited", "server_error"] + ["ok"] * 3)
    np.testing.assert_allclose(embedded(server), expected(), rtol=1e-6)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda body: {"data": vectors(body)["data"][1:]}, "63 embeddings of 64 texts"),
        (lambda body: {"data": "none"}, r"data\[\].embedding is no list of numbers"),
    ],
)
def test_nothing_goes_on_without_its_vectors(serving, embedded, answer, said):
    with pytest.raises(UserError, match=f"model e: no embeddings .*{said}"):
        embedded(serving(answer), TEXTS[:BATCH])


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (b"<html>", Malformed),
        (b'{"error": {"message": "no such model"}}', ServerError),
        (b'{"data": [{"index": 0, "embedding": [0, 0]}]}', Malformed),
        (b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}', Malformed),
        (b'{"data": [{"index": 0, "embedding": [3, 4]}]}', Vectors),
    ],
)  # fmt: skip
def test_a_response_is_vectors_or_says_why_not(response, kind):
    assert isinstance(vectors_of(response)[0], kind)
