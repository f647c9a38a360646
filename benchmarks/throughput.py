"""How fast models can be asked, and what bounds it.

    python benchmarks/throughput.py                       # 10,000 requests, 256 at a time, 50 ms
    python benchmarks/throughput.py --requests 2000 --latency 1.0

A server in a process of its own answers every request after `--latency` seconds. The ideal is
requests / concurrency x latency. Rows: aiohttp with nothing around it, the `openai` client with
nothing around it (its own transport, and aiohttp's), ours with the ledger, and a replay from the
ledger. CPU is user + system time of the asking process, so it holds on a busy machine too.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import httpx2
import openai

from dataengine.ledger import Ledger
from dataengine.models.model_config import OpenAIModel
from dataengine.models.models import Models, Query
from personas.ask import Ask, Sampling

COMPLETION = {
    "id": "c",
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "An answer of some length. " * 8},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 20, "completion_tokens": 50, "total_tokens": 70},
}


class Server(asyncio.Protocol):
    """Answers each request after a while, with as little work as can be."""

    latency = 0.05
    body = json.dumps(COMPLETION).encode()
    response = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.data = transport, b""

    def data_received(self, data: bytes) -> None:
        self.data += data
        while (end := self.data.find(b"\r\n\r\n")) >= 0:
            head = self.data[:end].lower()
            if head.startswith(b"get"):  # /v1/models
                self.data = self.data[end + 4 :]
                self.transport.write(self.response % (12, b'{"data": []}'))
                continue
            place = head.index(b"content-length:") + 15
            size = int(head[place:].split(b"\r\n", 1)[0])
            if len(self.data) < end + 4 + size:
                return
            self.data = self.data[end + 4 + size :]
            answer = self.response % (len(self.body), self.body)
            asyncio.get_running_loop().call_later(self.latency, self.transport.write, answer)


async def serve(latency: float) -> None:
    Server.latency = latency
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def body(number: int) -> bytes:
    messages = [{"role": "user", "content": f"Question {number}, asked at some length."}]
    asked = {"model": "m", "messages": messages, "seed": number, "max_tokens": 64}
    return json.dumps(asked).encode()


async def each(requests: int, concurrency: int, send: Callable[[int], Awaitable[None]]) -> None:
    numbers = iter(range(requests))

    async def worker() -> None:
        for number in numbers:
            await send(number)

    await asyncio.gather(*(worker() for _ in range(concurrency)))


async def with_aiohttp(url: str, requests: int, concurrency: int) -> None:
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def send(number: int) -> None:
            async with session.post(f"{url}/chat/completions", data=body(number)) as response:
                json.loads(await response.read())

        await each(requests, concurrency, send)


async def with_openai(url: str, requests: int, concurrency: int, own: bool) -> None:
    limits = httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    transport = httpx2.AsyncClient if own else openai.DefaultAioHttpClient
    http = transport(limits=limits)
    async with openai.AsyncOpenAI(
        base_url=url, api_key="none", max_retries=0, http_client=http
    ) as client:

        async def send(number: int) -> None:
            response = await client.post(
                "/chat/completions", content=body(number), cast_to=httpx2.Response
            )
            json.loads(response.content)

        await each(requests, concurrency, send)


@asynccontextmanager
async def opened(url: str, concurrency: int, folder: Path) -> AsyncIterator[Models]:
    config = OpenAIModel(model="m", base_url=url, max_concurrency=concurrency)
    with Ledger(folder / "ledger.sqlite") as ledger:
        async with Models({"m": config}, ledger) as models:
            yield models


async def with_ours(url: str, requests: int, concurrency: int, folder: Path) -> None:
    queries = (
        Query(
            Ask(
                ({"role": "user", "content": f"Question {number}, asked at some length."},),
                Sampling(seed=number, max_tokens=64),
            )
        )
        for number in range(requests)
    )
    count = 0
    async with (
        opened(url, concurrency, folder) as models,
        models.stream("m", queries, "benchmark") as replies,
    ):
        async for _ in replies:
            count += 1
    assert count == requests


def measured(run: Awaitable[None]) -> tuple[float, float]:
    """Wall-clock and CPU seconds."""

    async def timed() -> tuple[float, float]:
        wall, cpu = time.perf_counter(), _cpu()
        await run
        return time.perf_counter() - wall, _cpu() - cpu

    return asyncio.run(timed())


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--replay", type=int, default=100_000)
    parser.add_argument("--serve", action="store_true")
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.latency))
        return
    n, width = options.requests, options.concurrency
    ideal = n / width * options.latency
    command = [sys.executable, __file__, "--serve", "--latency", str(options.latency)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
    print(f"{n:,} requests, {width} at a time, {options.latency * 1000:g} ms: ideal {ideal:.2f} s")
    print(f"{'':<34}{'wall s':>8}{'x ideal':>9}{'CPU ms/request':>16}")
    try:
        with tempfile.TemporaryDirectory() as folder:
            tenth = n // 10
            runs = {
                "aiohttp alone": (n, with_aiohttp(url, n, width)),
                "openai, own transport (a tenth)": (tenth, with_openai(url, tenth, width, True)),
                "openai over aiohttp": (n, with_openai(url, n, width, False)),
                "ours (openai over aiohttp, ledger)": (n, with_ours(url, n, width, Path(folder))),
            }
            cpu = 0.0
            for name, (count, run) in runs.items():
                wall, cpu = measured(run)
                slower = wall / (ideal * count / n)
                print(f"{name:<34}{wall:>8.2f}{slower:>9.2f}{cpu / count * 1000:>16.3f}")
        bound = "CPU of one process" if cpu > ideal else "the server's latency"
        print(f"bounded by the {bound}: {n / max(cpu, ideal):,.0f} requests/s at most")
        _replay(url, options.replay, width)
    finally:
        server.kill()


def _replay(url: str, count: int, width: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _fill(Path(folder), count)
        wall, cpu = measured(with_ours(url, count, width, Path(folder)))
    print(f"replay of {count:,} from the ledger: {wall:.2f} s wall, {cpu:.2f} s CPU")


def _fill(folder: Path, count: int) -> None:
    """A ledger that holds every answer."""
    from dataengine.ledger import ANSWERED, Call, canonical, key_of
    from dataengine.models.wire import request_for

    with Ledger(folder / "ledger.sqlite") as ledger:
        for start in range(0, count, 10_000):
            calls = []
            for number in range(start, min(start + 10_000, count)):
                text = f"Question {number}, asked at some length."
                ask = Ask(
                    ({"role": "user", "content": text},), Sampling(seed=number, max_tokens=64)
                )
                request = canonical(request_for("m", ask, 0, {}))
                calls.append(
                    Call(key_of(request, 0), 0, "m", "benchmark", ANSWERED, request, Server.body)
                )
            ledger.write(calls)


if __name__ == "__main__":
    main()
