"""HTTP client of one endpoint: it sends bytes, returns bytes, and names what went wrong.

The `openai` client supplies the protocol (URL, headers, authentication) and the transport, which is
aiohttp's: with httpx's own one process sends a third as many. Its `post` is not used: it builds the
headers and options of every request anew, which costs more CPU than all that we do around it
(benchmarks/throughput.py).
"""

import email.utils
import time
from typing import Any

import aiohttp
import anyio
import httpx2

from dataengine.models.failure import (
    BadRequest,
    CallFailed,
    Disconnected,
    EndpointDown,
    Filtered,
    Forbidden,
    Overloaded,
    RateLimited,
    ServerError,
    TimedOut,
    Unreachable,
)

COMPLETIONS, EMBEDDINGS = "chat/completions", "embeddings"
CONNECT_SECONDS = 15.0
IDLE_SECONDS = 3.0
MODELS_SECONDS = 5.0
WINDOWS = ("max_model_len", "context_length", "max_context_length", "context_window")
"""What servers call the length of a model's window in `/v1/models`: vLLM and SGLang, OpenRouter and
others."""
LONGEST_PAUSE = 3600.0
HIDDEN = "[secret]"


class HttpClient:
    """Sends the bodies of requests to one endpoint."""

    def __init__(self, url: str, api_key: str, timeout: float, connections: int):
        self.url = url
        self._secret = api_key if len(api_key) >= 6 else None
        self._timeout = timeout
        # Shorter than the 5 s after which uvicorn drops an idle connection: a request on a dropped
        # one would count as broken, and as perhaps paid for.
        limits = httpx2.Limits(
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=IDLE_SECONDS,
        )
        import openai  # takes a second, and a build that only replays asks nobody

        self._http = openai.DefaultAioHttpClient(
            limits=limits,
            timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            follow_redirects=True,
        )
        protocol = openai.AsyncOpenAI(base_url=url, api_key=api_key, http_client=self._http)
        told = {**protocol.default_headers, **protocol.auth_headers}
        self._headers = {name: value for name, value in told.items() if isinstance(value, str)}
        base = str(protocol.base_url).rstrip("/")
        self._paths = {path: httpx2.URL(f"{base}/{path}") for path in (COMPLETIONS, EMBEDDINGS)}
        self._models = httpx2.URL(f"{base}/models")

    async def send(self, body: bytes, path: str = COMPLETIONS) -> bytes:
        """Post one request; the bytes of a 200, whatever they hold.

        Raises:
            CallFailed: by class, without the key anywhere in its text.
            EndpointDown: the account has no money or quota left, or the pause asked for is past an
                hour.
        """
        try:
            with anyio.fail_after(self._timeout):
                response = await self._http.post(
                    self._paths[path], content=body, headers=self._headers
                )
        except TimeoutError:
            raise TimedOut(f"no whole answer within {self._timeout:g} s") from None
        except (httpx2.HTTPError, aiohttp.ClientError, OSError) as error:
            raise _of_connection(error) from None
        if response.status_code >= 300:
            raise self._of_status(response)
        return self._clean(response.content)

    async def window(self, model: str) -> int | None:
        """The tokens that prompt and answer may have together, where `/v1/models` says so."""
        try:
            with anyio.fail_after(MODELS_SECONDS):
                response = await self._http.get(self._models, headers=self._headers)
            known = response.json()["data"]
            told = next(one for one in known if one.get("id") == model)
            found = next(told[name] for name in WINDOWS if isinstance(told.get(name), int))
            return int(found) if found > 0 else None
        except (httpx2.HTTPError, aiohttp.ClientError, OSError, TimeoutError):
            return None
        except (LookupError, ValueError, TypeError, AttributeError, StopIteration):
            return None

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    def _of_status(self, response: httpx2.Response) -> CallFailed | EndpointDown:
        status, told = response.status_code, _error(response)
        said = self._hidden(" ".join(str(told.get("message") or "").split()))
        text = f"{status}: {said[:300]}".rstrip(": ")
        if status == 402 or (status == 429 and told.get("code") == "insufficient_quota"):
            return EndpointDown(
                f"{self.url}: the account has no money or quota left ({text}); everything so far "
                "is in the ledger: run again when it has"
            )
        if status in (429, 503, 529):
            pause = retry_after(response.headers)
            if pause is not None and pause > LONGEST_PAUSE:
                return EndpointDown(
                    f"{self.url}: asks to be left alone for {pause / 3600:.1f} h ({text}); "
                    "everything so far is in the ledger: run again then"
                )
            return (RateLimited if status == 429 else Overloaded)(text, pause)
        if status >= 500 or status in (408, 409, 425):
            return ServerError(text)
        if status in (401, 403, 404):
            return Forbidden(text)
        whole = self._hidden(response.text)
        if "content_filter" in whole or "content management policy" in whole:
            return Filtered(text)
        param = told.get("param")
        return BadRequest(text, whole, param if isinstance(param, str) else None)

    def _hidden(self, text: str) -> str:
        return text.replace(self._secret, HIDDEN) if self._secret else text

    def _clean(self, content: bytes) -> bytes:
        if self._secret and self._secret.encode() in content:
            return content.replace(self._secret.encode(), HIDDEN.encode())
        return content


def _error(response: httpx2.Response) -> dict[str, Any]:
    """What an error's body says: `message`, and where told `code` and `param`."""
    try:
        told = response.json()
    except ValueError:
        return {"message": response.text}
    for name in ("error", "detail", "errors"):  # OpenAI and most; FastAPI; some gateways
        if isinstance(told, dict) and told.get(name):
            told = told[name]
    if isinstance(told, list) and told:
        told = told[0]
    if not isinstance(told, dict):
        return {"message": told}
    return {**told, "message": told.get("message") or told.get("msg") or told}


def retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds to wait as the server says: milliseconds, seconds or a date (RFC 9110, 10.2.3)."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, date.timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _of_connection(error: BaseException) -> CallFailed:
    """Whether anything was sent: a connection that was never made costs nothing."""
    chain: list[BaseException] = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    never_made = (
        aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError,
        httpx2.ConnectError, ConnectionRefusedError,
    )  # fmt: skip
    text = type(chain[-1]).__name__
    if any(isinstance(link, never_made) for link in chain):
        return Unreachable(f"no connection ({text})")
    return Disconnected(f"the connection broke ({text})")
