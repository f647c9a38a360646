"""Embedding client: any OpenAI-compatible `/v1/embeddings` endpoint, with ledger and budget.

A request holds a batch of texts of about one length, so that a server that pads wastes little. The
batches depend on the texts alone: a run that is repeated finds them all in the ledger.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import anyio
import numpy as np
import orjson
from numpy.typing import NDArray

from dataengine.errors import UserError
from dataengine.models.failure import CallFailed, Malformed, ServerError
from dataengine.models.http_client import EMBEDDINGS
from dataengine.models.model_client import ModelClient, readied
from dataengine.models.wire import Read, Vectors, usage_of

BATCH = 64
LONGEST = 4096
"""Characters that are read of a text."""


def vectors_of(response: bytes) -> Read:
    """Parse an embeddings response."""
    try:
        body = orjson.loads(response)
    except ValueError:
        return Malformed("no embeddings (not JSON)"), None, None
    if isinstance(body, dict) and body.get("error"):
        return ServerError(f"an error inside a 200: {str(body['error'])[:200]}"), None, None
    try:
        listed = sorted(body["data"], key=lambda one: one["index"])
        rows = np.array([one["embedding"] for one in listed], np.float32)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        if rows.ndim != 2 or not np.isfinite(lengths).all() or not (lengths > 0).all():
            raise ValueError
    except (KeyError, TypeError, ValueError, np.exceptions.AxisError):
        return Malformed("no embeddings: data[].embedding is no list of numbers"), None, None
    return Vectors(rows / lengths), usage_of(body)[0], 0


class EmbeddingClient(ModelClient):
    """Client of one embedding model."""

    path: ClassVar[str] = EMBEDDINGS
    outcome_of = staticmethod(vectors_of)

    async def embed(self, texts: Sequence[str], stage: str, width: int) -> NDArray[np.float32]:
        """The vectors of `texts`, of length 1; at most `width` requests at a time.

        Raises:
            UserError: a batch got no vectors. What is not compared is not clean, so nothing goes
                on without them.
        """
        order = sorted(range(len(texts)), key=lambda place: (len(texts[place]), texts[place]))
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        found: dict[int, NDArray[np.float32]] = {}
        limit = anyio.CapacityLimiter(max(width, 1))

        async def ask(number: int) -> None:
            async with limit:
                found[number] = await self._batch([texts[i] for i in batches[number]], stage)

        async with anyio.create_task_group() as group:
            for number in range(len(batches)):
                group.start_soon(ask, number)
        whole = np.concatenate([found[number] for number in range(len(batches))])
        vectors = np.empty_like(whole)
        vectors[[place for batch in batches for place in batch]] = whole
        return vectors

    async def _batch(self, texts: list[str], stage: str) -> NDArray[np.float32]:
        body: dict[str, Any] = {
            "model": self.model,
            "input": [text[:LONGEST] for text in texts],
            "encoding_format": "float",
            **self.extra,
        }
        try:
            said, _ = await self._response(readied(body, 0), stage, Counter(), looked_up=False)
            if isinstance(said, CallFailed):
                raise said
            assert isinstance(said, Vectors)
            if len(said.rows) != len(texts):
                raise Malformed(f"{len(said.rows)} embeddings of {len(texts)} texts")
        except CallFailed as failure:
            raise UserError(
                f"model {self.model}: no embeddings ({failure.kind}: {failure}); everything so "
                "far is in the ledger: mend it and run again"
            ) from None
        return said.rows
