"""A headless Chromium over its DevTools protocol: as much as the report's tests need."""

import asyncio
import base64
import shutil
import subprocess
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)  # fmt: skip
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--hide-scrollbars", "--disable-background-networking", "--remote-debugging-port=0"),
)


class Browser:
    """One page of one browser; `events` has what it said of its own."""

    def __init__(self, profile: Path) -> None:
        self.profile = profile
        self.events: list[dict[str, Any]] = []
        self._sent = 0

    async def __aenter__(self) -> "Browser":
        assert CHROMIUM
        call = [CHROMIUM, *FLAGS, f"--user-data-dir={self.profile}", "about:blank"]
        self._process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._session = aiohttp.ClientSession()
        address = f"http://127.0.0.1:{await self._port()}/json/list"
        pages: list[dict[str, Any]] = []
        while not pages:
            async with self._session.get(address) as answer:
                pages = [one for one in await answer.json() if one["type"] == "page"]
        self._socket = await self._session.ws_connect(
            pages[0]["webSocketDebuggerUrl"], max_msg_size=0
        )
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()
        await self._session.close()
        self._process.terminate()
        self._process.wait()

    async def _port(self) -> str:
        file = self.profile / "DevToolsActivePort"
        for _ in range(600):
            if file.is_file() and (text := file.read_text()):
                return text.split()[0]
            await asyncio.sleep(0.05)
        raise AssertionError("the browser did not start")

    async def call(self, method: str, **params: Any) -> Any:
        """The result of one command; what comes before it is kept in `events`."""
        self._sent += 1
        await self._socket.send_json({"id": self._sent, "method": method, "params": params})
        while True:
            said = await self._socket.receive_json()
            if said.get("id") == self._sent:
                assert "error" not in said, said
                return said["result"]
            self.events.append(said)

    async def open(self, url: str, width: int, dark: bool = False, media: str = "screen") -> None:
        """Open a page in a window of this width, and wait until it is there."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        await self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])
        await self.call("Page.navigate", url=url)
        while await self.run("document.readyState") != "complete":
            await asyncio.sleep(0.02)

    async def run(self, script: str) -> Any:
        """The value of a script."""
        found = await self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def press(self, key: str, code: int) -> None:
        """Press a key and let it go."""
        text = {"text": key} if len(key) == 1 else {}
        told = {"key": key, "windowsVirtualKeyCode": code}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **told, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    async def shot(self, file: Path, whole: bool = False) -> None:
        """A picture of what is seen, or of the whole page."""
        found = await self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(found["data"]))
