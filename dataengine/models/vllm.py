"""vLLM server as a child process: found, started, watched, ended with us.

vLLM pins versions that are not ours, so it lives in an environment of its own and is spoken to
over HTTP like any other endpoint. A server that died is started again by the next request.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread
import httpx2

from dataengine.errors import UserError
from dataengine.models.failure import EndpointDown
from dataengine.models.model_config import VllmModel

RESTARTS = 3
STEADY_SECONDS = 600.0
"""A server that ran this long is not one that keeps dying."""
POLL_SECONDS = 0.5
TERM_SECONDS = 15.0
QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
PR_SET_PDEATHSIG = 1


def command() -> str:
    """The `vllm` to run: DATAENGINE_VLLM, this folder's .venv-vllm, or the one on the PATH.

    Raises:
        UserError: there is none.
    """
    if given := os.environ.get("DATAENGINE_VLLM"):
        return given
    own = Path(".venv-vllm/bin/vllm")
    found = str(own.absolute()) if own.is_file() else shutil.which("vllm")
    if found is None:
        raise UserError(
            "backend vllm: no vllm found; `make vllm` sets one up in .venv-vllm, or point "
            "DATAENGINE_VLLM at the command of yours"
        )
    return found


class VllmServer:
    """`vllm serve` for one model. `ready` starts it, waits for it, or starts it again."""

    def __init__(self, config: VllmModel, log: Path):
        self.config, self.log = config, log
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self._deaths, self._began = 0, time.monotonic()
        self._up = self._closed = False
        self._lock = anyio.Lock()

    async def ready(self) -> str:
        """The URL of the server, once it answers.

        Raises:
            EndpointDown: it does not come up, or keeps dying; with the end of its log.
            UserError: there is no vllm to run.
        """
        if self._up and self.alive:
            return self.url
        async with self._lock:
            if not (self._up and self.alive):
                self._up = False
                await self._start()
                self._up = True
        return self.url

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    async def close(self) -> None:
        """End the server for good: what is still being asked does not start it again."""
        self._closed = True
        await self.stop()

    async def stop(self) -> None:
        """End the server and every process it started."""
        if self.process is None:
            return
        self._signal(signal.SIGTERM)
        with anyio.move_on_after(TERM_SECONDS, shield=True):
            while self.alive:
                await anyio.sleep(0.05)
        self._signal(signal.SIGKILL)
        self.process.wait()

    async def _start(self) -> None:
        if self._closed:
            raise EndpointDown(f"vllm serve {self.config.model} has been ended")
        if time.monotonic() - self._began > STEADY_SECONDS:
            self._deaths = 0
        if self._deaths > RESTARTS:
            raise self._down(f"died {self._deaths} times")
        await self.stop()
        self.starts += 1
        self._deaths += 1
        self._began = time.monotonic()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        arguments = [command(), "serve", self.config.where, *self._arguments()]
        with self.log.open("ab") as log:
            try:
                self.process = subprocess.Popen(
                    arguments,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=_environment() | QUIET | self.config.env,
                    start_new_session=True,
                    preexec_fn=_end_with_parent(),
                )
            except OSError as error:
                raise UserError(
                    f"backend vllm: {arguments[0]} cannot be run ({error.strerror})"
                ) from None
        await self._answers()

    def _arguments(self) -> list[str]:
        given = {
            "host": "127.0.0.1",
            "port": self.port,
            "served-model-name": self.config.served_name,
        }
        flags: list[str] = []
        for name, value in (given | self.config.args).items():
            if value is True:
                flags.append(f"--{name}")
            elif value is not False:
                flags += [f"--{name}", str(value)]
        return flags

    async def _answers(self) -> None:
        """Wait until the server takes requests.

        `/health` is asked and, where a server lacks it, any answer of `/v1/models` will do: a
        server that answers at all speaks HTTP, and a request will say the rest.
        """
        with anyio.move_on_after(self.config.startup):
            async with httpx2.AsyncClient(timeout=5, trust_env=False) as http:
                while self.alive:
                    if await self._well(http):
                        return
                    await anyio.sleep(POLL_SECONDS)
            raise self._down(f"ended with code {self.process.returncode if self.process else '?'}")
        await self.stop()
        raise self._down(f"did not come up within {self.config.startup:g} s")

    async def _well(self, http: httpx2.AsyncClient) -> bool:
        try:
            health = await http.get(f"http://127.0.0.1:{self.port}/health")
            if health.status_code != 404:
                return health.status_code == 200
            await http.get(f"{self.url}/models")
        except httpx2.HTTPError:
            return False
        return True

    def _down(self, what: str) -> EndpointDown:
        lines = self.log.read_text(errors="replace").strip().splitlines()[-5:]
        return EndpointDown(
            f"vllm serve {self.config.model} {what}; its log is {self.log}"
            + (", which ends:\n  " + "\n  ".join(lines) if lines else "")
        )

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    """Ours without what would pull our own packages or secrets into the server."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "OPENAI_API_KEY")
    return {name: value for name, value in os.environ.items() if name not in hidden}


def _end_with_parent() -> Callable[[], None] | None:
    """Ask Linux to end the child when we are killed; elsewhere only a clean end reaches it."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask
