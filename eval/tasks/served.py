"""Server backend: /chat/completions for chats, /completions for text (OpenAI-compatible)."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from lm_eval.api.model import LM
from openai import APIConnectionError, AsyncOpenAI

from dataengine.errors import UserError
from eval.tasks.answering import Answering, Keep
from eval.tasks.kept import Request
from eval.tasks.reply import Reply, Settings
from eval.verifiers.response import has_tag, reopened

TRIES = 3
SECONDS = 1800.0
CUT = {"length", "max_tokens", "model_context_window_exceeded"}
FAILED = {"error", "network_error"}


class Served(Answering, LM):
    """The model `name` at `url`. A request that fails for good is one reply with its error."""

    def __init__(self, url: str, name: str, parallel: int, template: dict[str, bool]) -> None:
        super().__init__()
        self.url, self.name, self.parallel, self.template = url, name, parallel, template
        self.told: set[str] = set()
        self.lost = 0

    def chat(self, turns: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]] = ()) -> str:
        """The turns and tools themselves, as JSON: the server renders them."""
        told = {"messages": list(turns)} | ({"tools": list(tools)} if tools else {})
        return json.dumps(told, ensure_ascii=False)

    def replies(self, requests: Sequence[Request], keep: Keep) -> None:
        asyncio.run(self._replies(requests, keep))

    async def _replies(self, requests: Sequence[Request], keep: Keep) -> None:
        from tqdm import tqdm

        slots = asyncio.Semaphore(self.parallel)
        key = os.environ.get("OPENAI_API_KEY") or "none"
        progress = tqdm(total=len(requests), desc="answers", disable=None)
        async with AsyncOpenAI(
            base_url=self.url, api_key=key, max_retries=TRIES - 1, timeout=SECONDS
        ) as client:

            async def one(number: int, text: str, settings: Settings) -> None:
                async with slots:
                    keep(number, await self._reply(client, text, settings))
                    progress.update()

            tasks = [asyncio.ensure_future(one(n, *r)) for n, r in enumerate(requests)]
            try:
                await asyncio.gather(*tasks)
            finally:
                for task in tasks:
                    task.cancel()
        progress.close()

    async def _reply(self, client: AsyncOpenAI, text: str, settings: Settings) -> Reply:
        try:
            if settings.chat:
                given: Any = await client.chat.completions.create(
                    **json.loads(text), **self._request(settings)
                )
            else:
                given = await client.completions.create(prompt=text, **self._request(settings))
            self.lost = 0
            return self.read(given, settings)
        except (
            Exception
        ) as error:  # a server may answer anything; one question is lost, not the run
            failure = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            if failure not in self.told:
                self.told.add(failure)
                print(f"unanswered: {failure}", file=sys.stderr)
            self.lost += isinstance(error, APIConnectionError)
            if self.lost > self.parallel:
                raise UserError(
                    f"{self.url} no longer answers ({failure}); once it does, the same command "
                    "goes on from the answers that are there"
                ) from None
            return Reply(None, error=failure)

    def _request(self, settings: Settings) -> dict[str, Any]:
        more: dict[str, Any] = {}
        if settings.top_k is not None:
            more["top_k"] = settings.top_k
        if settings.chat and self.template:
            more["chat_template_kwargs"] = self.template
        # A chat may begin with reasoning, in which a stop string stops nothing: `read` cuts there.
        stop = [] if settings.chat else list(settings.stop[:4])
        return {
            "model": self.name,
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
            **({"top_p": settings.top_p} if settings.top_p is not None else {}),
            **({"stop": stop} if stop else {}),
            **({"extra_body": more} if more else {}),
        }

    def read(self, given: Any, settings: Settings) -> Reply:
        """A response as a reply. ValueError where it holds no choice, or one that failed."""
        choices = getattr(given, "choices", None)
        if not choices:
            raise ValueError(f"the response has no choices: {_told(given)}")
        choice = choices[0]
        if choice.finish_reason in FAILED:
            raise ValueError(f"the response ended in {choice.finish_reason!r}")
        cut = choice.finish_reason in CUT
        if not settings.chat:
            return Reply(_whole(choice.text or ""), cut).stopped(settings.stop)
        message = choice.message
        more = message.model_extra or {}
        reasoning, text = _parts(message.content)
        text += "".join(map(_call, message.tool_calls or ()))
        reasoning = reasoning or str(more.get("reasoning_content") or more.get("reasoning") or "")
        if reasoning:
            end = f"\n</think>\n\n{text}" if text or not cut else ""
            text = f"<think>\n{reasoning}{end}"
        elif cut and self.template.get("enable_thinking") and not has_tag(text):
            text = reopened(text)  # the thought began in the prompt, and never ended
        return Reply(_whole(text), cut).stopped(settings.stop)

    def loglikelihood(self, requests: Any, **_: Any) -> Any:
        raise NotImplementedError("a server gives no likelihoods of given answers")

    loglikelihood_rolling = loglikelihood


def _call(call: Any) -> str:
    """A call that the server has parsed, in the form that most models write (Hermes)."""
    said = f'{{"name": {json.dumps(call.function.name)}, "arguments": {call.function.arguments}}}'
    return f"\n<tool_call>\n{said}\n</tool_call>"


def _parts(content: Any) -> tuple[str, str]:
    """Reasoning and text of a message's content, which some servers send as a list of parts."""
    if not isinstance(content, list):
        return "", content or ""
    text = "".join(part.get("text") or "" for part in content if part.get("type") == "text")
    thoughts = [part.get("thinking") for part in content if part.get("type") == "thinking"]
    said = [_parts(one)[1] if isinstance(one, list) else str(one or "") for one in thoughts]
    return "".join(said), text


def _whole(text: str) -> str:
    """Text that UTF-8 can hold: half a surrogate pair becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _told(given: Any) -> str:
    error = (getattr(given, "model_extra", None) or {}).get("error")
    return " ".join(str(error or given).split())[:200]
