"""A server that speaks chat completions and fails by schedule, counting what it was asked.

    python fault_server.py --port 0 --faults 0.2 --delay 0.01

It prints its port. What happens to the n-th request of a kind of body is a hash of (seed, body,
n), so a schedule does not depend on the order of arrival, and a retry draws anew. `GET /counts`
gives, as JSON, how often every body was asked and how often it was answered.
"""

import argparse
import asyncio
import json
from collections import Counter
from hashlib import blake2b

FAULTS = (
    "rate_limited", "rate_limited_after", "server_error", "bad_gateway", "overloaded", "hang",
    "close", "close_mid_body", "malformed", "wrong_schema", "truncated", "empty",
    "broken_off", "error_inside", "cut_by_another_name", "fields_refused",
)  # fmt: skip


class FaultServer:
    """The server's mind: what to do with each request. Shared by tests in this process."""

    def __init__(self, faults=0.0, delay=0.0, seed=0, kinds=FAULTS, script=None, answer=None,
                 decide=None, models=None):  # fmt: skip
        self.decide, self.models = decide, models
        self.faults, self.delay, self.seed, self.kinds = faults, delay, seed, kinds
        self.script = list(script or [])
        self.answer = answer or (lambda body: "a fine answer")
        self.asked, self.answered = Counter(), Counter()
        self.happened = Counter()
        self.in_flight = self.most_in_flight = 0
        self.headers = []
        self.usage = {"prompt_tokens": 10, "completion_tokens": 5}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self, port=0):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self):
        self._server.close()

    def draw(self, body):
        if self.decide:
            return self.decide(json.loads(body))
        if self.script:
            return self.script.pop(0)
        text = b"%d %d " % (self.seed, self.asked[body]) + body
        number = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
        if number % 10_000 >= self.faults * 10_000:
            return "ok"
        return self.kinds[(number // 10_000) % len(self.kinds)]

    async def _serve(self, reader, writer):
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _one(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        if lines[0].startswith("GET"):
            return self._get(lines[0].split()[1], writer)
        self.headers.append(headers)
        self.asked[body] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            what = self.draw(body)
            self.happened[str(what)] += 1
            await asyncio.sleep(self.delay)
            return await self._respond(what, body, reader, writer)
        finally:
            self.in_flight -= 1

    def _get(self, path, writer):
        if path == "/counts":
            counts = {
                "asked": self.asked.total(),
                "bodies": len(self.asked),
                "answered": self.answered.total(),
                "answered_twice": sum(n > 1 for n in self.answered.values()),
                "happened": dict(self.happened),
                "most_in_flight": self.most_in_flight,
            }
            self._write(writer, 200, counts)
        elif path == "/v1/models" and self.models is not None:
            self._write(writer, 200, {"data": self.models})
        else:
            self._write(writer, 404, {"error": {"message": "no such path"}})
        return True

    async def _respond(self, what, body, reader, writer):
        if what == "hang":
            await reader.read(1)
            return False
        if what == "close":
            return False
        if what == "close_mid_body":
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{"choices": [')
            await writer.drain()
            return False
        if isinstance(what, tuple):
            status, error, more = what
            content = error if isinstance(error, bytes) else {"error": error}
            self._write(writer, status, content, more)
        elif what == "rate_limited":
            self._write(writer, 429, {"error": {"message": "slow down"}})
        elif what == "rate_limited_after":
            self._write(writer, 429, {"error": {"message": "slow down"}}, {"Retry-After": "0.05"})
        elif what in ("server_error", "bad_gateway", "overloaded"):
            status = {"server_error": 500, "bad_gateway": 502, "overloaded": 503}[what]
            self._write(writer, status, {"error": {"message": what}})
        elif what == "error_inside":
            self._write(writer, 200, {"error": {"message": "upstream died", "code": 502}})
        elif what == "fields_refused" and "temperature" in json.loads(body):
            message = "Unsupported parameter: 'temperature' is not supported with this model."
            self._write(writer, 400, {"error": {"message": message, "param": "temperature"}})
        elif what == "malformed":
            self._write(writer, 200, b'{"choices": [{"mess')
        else:
            self._complete(what, body, writer)
        return True

    def _complete(self, what, body, writer):
        content, finish = self.answer(json.loads(body)), "stop"
        if what == "wrong_schema":
            content = '{"unasked": true}'
        elif what == "truncated":
            content, finish = content[: len(content) // 2], "length"
        elif what == "cut_by_another_name":
            content, finish = content[: len(content) // 2], "max_tokens"
        elif what == "broken_off":
            content, finish = content[: len(content) // 2], "network_error"
        elif what == "empty":
            content = ""
        elif what == "filtered":
            finish = "content_filter"
        if what not in ("empty", "broken_off"):
            self.answered[body] += 1
        if isinstance(content, dict) and "data" in content:  # embeddings, whole
            self._write(writer, 200, content)
            return
        message = content if isinstance(content, dict) else {"content": content}
        message = {"role": "assistant", **message}
        if what == "refusal":
            message = {"role": "assistant", "content": None, "refusal": "I will not"}
        choice = {"index": 0, "message": message, "finish_reason": finish}
        answer = {"id": "x", "object": "chat.completion", "choices": [choice]}
        self._write(writer, 200, answer | ({"usage": self.usage} if self.usage else {}))

    def _write(self, writer, status, body, more=None):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = {"Content-Type": "application/json", "Content-Length": len(content), **(more or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        writer.write(f"HTTP/1.1 {status} -\r\n{lines}\r\n".encode() + content)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(FAULTS))
    options = parser.parse_args()
    kinds = tuple(options.kinds.split(","))
    server = FaultServer(options.faults, options.delay, options.seed, kinds)
    await server.start(options.port)
    print(server.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
