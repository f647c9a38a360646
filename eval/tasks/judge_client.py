"""Judge client: sends what the verifier `judge` asks to a server."""

import os
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from eval.tasks.model import served_by

Messages = list[dict[str, str]]
PARALLEL = 16


def asker(
    url: str, model: str | None = None
) -> tuple[str, Callable[[Messages, type[BaseModel]], str]]:
    """The judge's name, and a function that gets its structured answer from `url`, greedily.

    A response without text is a ValueError, which the verifier's boundary turns into an error.
    """
    from openai import OpenAI

    base = url.rstrip("/").removesuffix("/chat/completions")
    name, _ = served_by(base, model)
    client = OpenAI(base_url=base, api_key=os.environ.get("OPENAI_API_KEY", "none"), max_retries=3)

    def ask(messages: Messages, schema: type[BaseModel]) -> str:
        form = {"name": schema.__name__, "schema": schema.model_json_schema(), "strict": True}
        request: dict[str, Any] = {
            "model": name,
            "messages": messages,
            "temperature": 0,
            "response_format": {"type": "json_schema", "json_schema": form},
        }
        given = client.chat.completions.create(**request)
        text = given.choices[0].message.content
        if not text:
            raise ValueError(f"{name} gave no text ({given.choices[0].finish_reason})")
        return text

    return name, ask
