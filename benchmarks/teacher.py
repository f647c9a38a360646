"""A model made of hashes, on the server of tests/dataengine/models, without its faults."""

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from benchmarks.scale import WORDS
from tests.dataengine.models.fault_server import FaultServer

SECONDS = 0.02
"""What an answer takes."""


def answer(body: dict[str, Any]) -> str:
    """The same to the same question: a message where JSON is asked for, else an answer."""
    question = json.dumps(body, sort_keys=True)
    said = " ".join(random.Random(question).choices(WORDS, k=40))
    return json.dumps({"message": said}) if "response_format" in body else said


@contextmanager
def teaching() -> Iterator[FaultServer]:
    """The server, which counts what it is asked, until the block ends."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, daemon=True).start()
    server = FaultServer(delay=SECONDS, answer=answer)
    asyncio.run_coroutine_threadsafe(server.start(), loop).result()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
