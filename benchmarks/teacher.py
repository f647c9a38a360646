"""A model made of hashes behind the OpenAI chat protocol: it counts what it is asked."""

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.scale import WORDS

SECONDS = 0.02
"""What an answer takes."""


class Teacher:
    """Says the same to the same question: a message where JSON is asked for, else an answer."""

    def __init__(self, url: str = "") -> None:
        self.url, self.asked = url, 0
        self._counting = threading.Lock()

    def answer(self, body: bytes) -> str:
        """The content of a reply to a request."""
        with self._counting:
            self.asked += 1
        time.sleep(SECONDS)
        said = " ".join(random.Random(body).choices(WORDS, k=40))
        return json.dumps({"message": said}) if b"response_format" in body else said


@contextmanager
def teaching() -> Iterator[Teacher]:
    """A teacher that listens on this machine until the block ends."""
    teacher = Teacher()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            said = teacher.answer(self.rfile.read(int(self.headers["Content-Length"])))
            message = {"role": "assistant", "content": said}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            content = json.dumps({"id": "x", "object": "chat.completion", "choices": [choice]})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content.encode())

        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            return  # whoever asked was killed

    server = Server(("127.0.0.1", 0), Handler)
    teacher.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield teacher
    finally:
        server.shutdown()
