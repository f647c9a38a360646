"""Chat completion wire format: a question as request bytes, response bytes as an answer."""

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from dataengine.models.failure import (
    CallFailed,
    Empty,
    Filtered,
    Malformed,
    ProviderError,
    Refused,
    ServerError,
    Truncated,
    UnknownFinish,
    WrongSchema,
)
from eval.verifiers.blocks import json_texts
from eval.verifiers.response import read
from personas.ask import Ask, Message

SEEDS = 2**63
_WORDS = {
    "whole": "stop stop_sequence eos eos_token end_turn complete completed finish finished end "
    "tool_calls tool_call tool_use function_call",
    "cut": "length max_tokens max_output_tokens max_completion_tokens max_length model_length "
    "model_context_window_exceeded context_length_exceeded context_window_exceeded token_limit",
    "filtered": "content_filter content_filtered safety image_safety recitation language blocklist "
    "prohibited_content spii guardrail_intervened sensitive moderation blocked",
    "refused": "refusal refused",
    "broken": "error network_error server_error abort aborted cancelled canceled timeout "
    "overloaded insufficient_system_resource malformed_function_call unexpected_tool_call "
    "unknown_error",
}
FINISHES = {name: meaning for meaning, names in _WORDS.items() for name in names.split()}
"""Finish reasons by what they mean: those of OpenAI, vLLM, Anthropic, Google, DeepSeek, GLM,
Bedrock and OpenRouter, in small letters with underscores."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said. `request` is the ledger's key (32 hex digits) of the call.

    `parsed` is set where the ask had a schema. Tokens and USD that nobody told are None.
    `replayed` says whether it came from the ledger; a replayed answer equals the first one.
    """

    text: str
    tool_calls: tuple[dict[str, Any], ...]
    finish_reason: str
    model: str
    request: str
    input_tokens: int | None
    output_tokens: int | None
    reasoning: str | None = None
    parsed: BaseModel | None = None
    repaired: bool = False
    replayed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Failure:
    """A question that got no usable answer: its class (`failure.py`), why, how often it was tried,
    and whether a later run may do better."""

    kind: str
    message: str
    request: str
    tries: int = field(default=1, compare=False)
    mendable: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    """One chat completion, read and found whole: what it says, what it thought before, what it
    calls."""

    text: str
    reasoning: str | None
    tool_calls: tuple[dict[str, Any], ...]
    finish_reason: str
    input_tokens: int | None
    output_tokens: int | None


def request_for(model: str, ask: Ask, sample: int, extra_body: dict[str, Any]) -> dict[str, Any]:
    """The body of the request for one sample of an ask.

    Samples of a seeded ask differ in their seeds (seed + sample), since a server that honours
    seeds would answer the same k times. A null in `extra_body` leaves a field out.
    """
    sampling = ask.sampling
    given = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": None if sampling.seed is None else (sampling.seed + sample) % SEEDS,
        "stop": list(sampling.stop) or None,
        "tools": list(ask.tools) if ask.tools else None,
        "response_format": _response_format(ask.schema) if ask.schema else None,
    }
    body = {
        "model": model,
        "messages": [_turn(message) for message in ask.messages],
        **given,
        **extra_body,
    }
    return {name: value for name, value in body.items() if value is not None}


def with_repair(request: dict[str, Any], text: str, problem: str) -> dict[str, Any]:
    """The request for the one repair turn: what was answered, and what is wrong with it."""
    turns = [
        {"role": "assistant", "content": text},
        {
            "role": "user",
            "content": "That answer does not fit the JSON schema that was asked for: "
            f"{problem}\nAnswer again with the corrected JSON alone.",
        },
    ]
    return request | {"messages": request["messages"] + turns}


@dataclass(frozen=True, slots=True)
class Vectors:
    """The embeddings of several texts, of length 1, in the order that they were asked for."""

    rows: NDArray[np.float32]


Outcome = Completion | Vectors | CallFailed
Read = tuple[Outcome, int | None, int | None]
"""A response read once: what it says or how it failed, and its input and output tokens."""


def outcome_of(response: bytes) -> Read:
    """Parse a chat completion."""
    try:
        body = orjson.loads(response)
    except ValueError:
        return Malformed("not a chat completion (not JSON)"), None, None
    usage = usage_of(body)
    try:
        return _completion(body, usage), *usage
    except CallFailed as failure:
        return failure, *usage


def read_response(response: bytes) -> Completion:
    """The first choice of a completion, with its reasoning apart wherever the server left it.

    Raises:
        CallFailed: Malformed, ServerError, ProviderError, Empty, Truncated, UnknownFinish, Filtered
            or Refused.
    """
    outcome = outcome_of(response)[0]
    if isinstance(outcome, CallFailed):
        raise outcome
    assert isinstance(outcome, Completion)
    return outcome


def _completion(body: Any, usage: tuple[int | None, int | None]) -> Completion:
    try:
        if isinstance(body, dict) and body.get("error"):
            raise ServerError(f"an error inside a 200: {_brief(body['error'])}")
        choice = body["choices"][0]
        message, calls = choice["message"], choice["message"].get("tool_calls")
        content, reasoning = _parts(message.get("content"))
        if not isinstance(calls, list | None):
            raise TypeError("tool calls are no list")
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise Malformed(f"not a chat completion ({type(error).__name__})") from None
    finish = str(choice.get("finish_reason") or "stop")
    if choice.get("error"):
        raise ProviderError(f"an error beside the choice: {_brief(choice['error'])}")
    if message.get("refusal"):
        raise Refused(_brief(message["refusal"]))
    _whole(finish)
    told = read(content)
    if told.answer is None:
        raise Truncated("its reasoning never ended")
    if not told.answer.strip() and not calls:
        raise Empty("no text and no tool call")
    reasoning = _thought(message) or "\n\n".join(filter(None, (reasoning, told.reasoning)))
    return Completion(told.answer, reasoning or None, tuple(calls or ()), finish, *usage)


def _parts(content: Any) -> tuple[str, str]:
    """The text and the reasoning of a content: one text, or a list of parts (Mistral, Anthropic).

    Raises TypeError for anything else.
    """
    if content is None or isinstance(content, str):
        return content or "", ""
    texts: list[str] = []
    thoughts: list[str] = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
        elif part.get("type") in ("thinking", "reasoning", "reasoning_text"):
            inner = part.get("thinking") or part.get("reasoning") or part.get("text") or ""
            thoughts.append("".join(_parts(inner)))
        elif isinstance(part.get("text"), str):
            texts.append(part["text"])
    return "".join(texts), "\n\n".join(thoughts)


def _thought(message: dict[str, Any]) -> str | None:
    """The reasoning that a server took out of the content, under the names that servers use."""
    for name in ("reasoning_content", "reasoning", "thinking"):
        told = message.get(name)
        if isinstance(told, list):
            told = "".join(_parts(told))
        if isinstance(told, str) and told.strip():
            return told.strip()
    return None


def _whole(finish: str) -> None:
    """Raise, by class, unless this finish reason says that the answer is whole."""
    if finish == "stop":
        return
    name = finish.casefold().replace("-", "_").replace(" ", "_").removeprefix("finish_reason_")
    match FINISHES.get(name):
        case "whole":
            return
        case "cut":
            raise Truncated(f"cut off at a limit (finish reason {finish!r})")
        case "filtered":
            raise Filtered(f"cut by the endpoint's content filter (finish reason {finish!r})")
        case "refused":
            raise Refused(f"finish reason {finish!r}")
        case "broken":
            raise ProviderError(f"the provider broke off (finish reason {finish!r})")
    raise UnknownFinish(f"finish reason {finish!r} is not known, so the answer is not kept")


def usage_of(body: Any) -> tuple[int | None, int | None]:
    """Input and output tokens as the server counted them, each None where it did not say."""
    try:
        usage = body["usage"]
        counts = usage.get("prompt_tokens"), usage.get("completion_tokens")
    except (KeyError, TypeError, AttributeError):
        return None, None
    input_tokens, output_tokens = (n if isinstance(n, int) and n >= 0 else None for n in counts)
    return input_tokens, output_tokens


def parse(text: str, schema: type[BaseModel]) -> tuple[BaseModel, str]:
    """Structured output as its pydantic model, and the JSON that it was read from: the whole text,
    a fenced block of it, or an object with a sentence around it.

    Raises:
        WrongSchema: with the first few problems in words.
    """
    first: ValidationError | None = None
    for candidate in json_texts(text):
        try:
            return schema.model_validate_json(candidate), candidate
        except ValidationError as error:
            if first is None or first.errors()[0]["type"] == "json_invalid":
                first = error
    assert first is not None
    problems = (
        f"{'.'.join(map(str, problem['loc'])) or 'answer'}: {problem['msg']}"
        for problem in first.errors(include_input=False, include_url=False)[:3]
    )
    raise WrongSchema("; ".join(problems)) from None


def _turn(message: Message) -> Message:
    """One message without its empty fields, tool calls in the protocol's own form."""
    turn = {name: value for name, value in message.items() if value is not None}
    if isinstance(turn.get("tool_calls"), str):
        turn["tool_calls"] = json.loads(turn["tool_calls"])
    return turn


_formats: dict[type[BaseModel], dict[str, Any]] = {}


def _response_format(schema: type[BaseModel]) -> dict[str, Any]:
    if schema not in _formats:
        strict = _strict(schema.model_json_schema())
        _formats[schema] = {
            "type": "json_schema",
            "json_schema": {"name": schema.__name__, "schema": strict, "strict": True},
        }
    return _formats[schema]


def _strict(node: Any) -> Any:
    """The dialect that strict servers demand: every property required, no others, no defaults, and
    a type on every node."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    named = ("properties", "$defs")
    node = {
        name: {key: _strict(inner) for key, inner in value.items()}
        if name in named
        else value
        if name in ("enum", "const")
        else _strict(value)
        for name, value in node.items()
        if name != "default"
    }
    told = node.get("enum") or ([node["const"]] if "const" in node else [])
    if told and "type" not in node:
        node["type"] = _type_of(told)
    if node.get("type") == "object" and "properties" in node:
        node |= {"additionalProperties": False, "required": list(node["properties"])}
    return node


def _type_of(values: list[Any]) -> str | list[str]:
    names = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    found = sorted({names[type(value)] for value in values})
    return found[0] if len(found) == 1 else found


def _brief(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 300 else text[:300] + "..."
