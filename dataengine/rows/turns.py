"""One turn of a conversation: the keys that people use, read into the ones that a row has.

role               role, from; human, gpt, bot ... are user, assistant
content            content, value; text, or a list of parts of text and thinking
reasoning_content  reasoning_content, reasoning, thinking, thought
tool_calls         tool_calls, function_call (OpenAI's older form)
tool_call_id, name
weight             weight (a number), train, training, trainable, loss (true or false)
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from dataengine.rows.calls import calls, empty, opened
from dataengine.rows.errors import NotCarried, ShapeError

Turn = dict[str, Any]
"""`role`, `content`, and where present `reasoning_content`, `tool_calls` (a list of objects),
`tool_call_id`, `name`, `weight`; a key that says nothing is absent."""

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "ai": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
    "tool_response": "tool",
    "ipython": "tool",
}
"""A row's role by the name that a record gives it."""
CALLERS = ("function_call", "tool_call")
"""Speakers whose whole text is a call (ShareGPT)."""

ROLE, CONTENT = ("role", "from"), ("content", "value")
REASONING = ("reasoning_content", "reasoning", "thinking", "thought")
FLAGS = ("train", "training", "trainable", "loss")
"""Keys that say by true or false whether a turn is learned."""
MEDIA = ("images", "image", "audios", "audio", "videos", "video", "image_url", "input_audio")
"""What a text row cannot hold."""
PARTLY_TRAINED = ("train_detail", "train_details")
"""Axolotl's marks for parts of a turn, which a weight for the whole turn cannot say."""

READ = {*ROLE, *CONTENT, *REASONING, *FLAGS, "tool_calls", "function_call"} | {
    *("tool_call_id", "name", "weight")
}
THINKING_PARTS = {"thinking": "thinking", "reasoning": "text"}
"""Types of content parts that hold reasoning, and the key that it stands under."""
THINKING = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)
"""Reasoning at the beginning of an answer's content."""
TEXT_PARTS = ("text", "input_text", "output_text")


@dataclass
class Keys:
    """What became of the keys of one record."""

    lost: set[str] = field(default_factory=set)
    """Names of keys that say something and are not carried, as `messages[].annotations`."""
    renamed: set[tuple[str, str]] = field(default_factory=set)
    """(theirs, ours) of keys that were read under another name than the usual one."""
    read: set[str] = field(default_factory=set)
    """Keys of the record that were read, beside those that its shape always reads."""
    under: str = ""
    """Where the turns that are being read stand: `messages[].`"""

    def lose(self, *names: str) -> None:
        """Note keys of a turn that are not carried."""
        self.lost |= {self.under + name for name in names}


def turn(value: Any, keys: Keys, role: str | None = None, sharegpt: bool = False) -> Turn:
    """One turn from the form that a record keeps it in; `role` is for a turn without one.

    `sharegpt`: from and value are its usual keys.

    Raises:
        ShapeError: it has no role, or holds something of another type.
        NotCarried: it holds an image or the like, or a mark that a row has no place for.
    """
    given = opened(value, "a turn") if isinstance(value, str) else value
    if not isinstance(given, Mapping):
        raise ShapeError("a turn is not an object")
    speaker = _picked(given, ROLE, keys, usual=ROLE[sharegpt]) or role
    if speaker is None:
        raise ShapeError(f"no 'role' in a turn: it has {', '.join(map(repr, given))}")
    if not isinstance(speaker, str) or speaker.lower() not in ROLES:
        raise ShapeError(f"unknown speaker {speaker!r}")
    for key in (*MEDIA, *PARTLY_TRAINED):
        if not empty(given.get(key)):
            raise NotCarried(f"a turn's {key}")
    said = _picked(given, CONTENT, keys, usual=CONTENT[sharegpt])
    text, thought = _content(said, ROLES[speaker.lower()])
    found: Turn = {"role": ROLES[speaker.lower()], "content": text}
    thought = _picked(given, REASONING, keys) or thought
    if thought:
        found["reasoning_content"] = _text(thought, "reasoning")
    made = _calls(given, keys)
    if speaker in CALLERS:
        found["content"], made = "", calls(text, keys.lose)
    if made:
        found["tool_calls"] = made
    for key in ("tool_call_id", "name"):
        if not empty(given.get(key)):
            found[key] = _text(given[key], key)
    learned = weight(given, keys)
    if learned is not None:
        found["weight"] = learned
    keys.lose(*(key for key, held in given.items() if key not in READ and not empty(held)))
    return found


def turns(value: Any, keys: Keys, role: str | None = None, sharegpt: bool = False) -> list[Turn]:
    """Turns from a list of them, one alone, JSON text of either, or plain text (a turn of `role`).

    Raises:
        ShapeError, NotCarried: as `turn`, or the value is none of these.
    """
    if isinstance(value, str) and role is not None:
        value = _as_turns(value) or {"content": value}
    found = opened(value, "the turns") if isinstance(value, str) else value
    if isinstance(found, Mapping):
        found = [found]
    if not isinstance(found, list):
        raise ShapeError(f"the turns are not a list but {_kind(found)}")
    return [turn(one, keys, role, sharegpt) for one in found]


def with_reasoning(found: list[Turn], how: str, keys: Keys) -> list[Turn]:
    """Turns whose reasoning is kept, moved `in_content` between <think> tags, or dropped.

    Reasoning that stands in the content already is content; dropping takes it from there too.
    """
    if how == "keep":
        return found
    return [_without(turn, keys) if how == "drop" else _in_content(turn) for turn in found]


def _in_content(found: Turn) -> Turn:
    thought = found.pop("reasoning_content", None)
    if thought:
        found["content"] = f"<think>\n{thought.strip()}\n</think>\n\n{found['content']}"
    return found


def _without(found: Turn, keys: Keys) -> Turn:
    said = THINKING.sub("", found["content"]) if found["role"] == "assistant" else found["content"]
    if found.pop("reasoning_content", None) or said != found["content"]:
        keys.lost.add("reasoning_content")
        found["content"] = said
    return found


def _as_turns(text: str) -> list[Any] | None:
    """The turns that a text is JSON of; None for any other text, JSON or not."""
    if not text.lstrip().startswith("["):
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    turns = bool(found) and all(isinstance(t, dict) and t.keys() & {*ROLE} for t in found)
    return found if turns else None


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _picked(given: Mapping[str, Any], names: Sequence[str], keys: Keys, usual: str = "") -> Any:
    """What stands under the first of several names for one thing; another thing under another of
    them is not carried."""
    there = [name for name in names if not empty(given.get(name))]
    if not there:
        return next((given[name] for name in names if given.get(name) is not None), None)
    keys.lose(*(name for name in there[1:] if given[name] != given[there[0]]))
    if there[0] != (usual or names[0]):
        keys.renamed.add((keys.under + there[0], names[0]))
    return given[there[0]]


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ShapeError(f"a turn's {what} is not text but {_kind(value)}")
    return value


def _content(value: Any, role: str) -> tuple[str, str | None]:
    """The text of a turn's content, and the thinking among its parts."""
    if value is None:
        return "", None
    if isinstance(value, list):
        return _parts(value)
    if isinstance(value, Mapping) and role == "tool":  # a result that nobody made text of
        return orjson.dumps(value).decode(), None
    return _text(value, "content"), None


def _parts(pieces: list[Any]) -> tuple[str, str | None]:
    """The text and the thinking of content parts; other media have no place in a text dataset."""
    said: list[str] = []
    thought: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            said.append(piece)
            continue
        if not isinstance(piece, Mapping):
            raise ShapeError("a part of a turn's content is not an object")
        kind = piece.get("type")
        if kind in THINKING_PARTS:
            thought.append(_text(piece.get(THINKING_PARTS[kind]), f"{kind} part"))
        elif kind in TEXT_PARTS:
            said.append(_text(piece.get("text"), "text part"))
        else:
            raise NotCarried(f"a part of a turn's content of type {kind}")
    return "".join(said), "".join(thought) or None


def _calls(given: Mapping[str, Any], keys: Keys) -> Any:
    made = calls(given.get("tool_calls"), keys.lose)
    old = given.get("function_call")
    if empty(old):
        return made
    if made:
        raise ShapeError("a turn with both tool_calls and function_call")
    keys.renamed.add((keys.under + "function_call", "tool_calls"))
    return calls(old, keys.lose)


def weight(given: Mapping[str, Any], keys: Keys) -> float | None:
    """How much a turn is learned: 0 not at all, 1 in full."""
    flags = {key: given[key] for key in FLAGS if given.get(key) is not None}
    said = {key: value for key, value in flags.items() if value in (0, 1)}
    keys.lose(*(flags.keys() - said.keys()))
    number = given.get("weight")
    if number is None and said:
        number = said[next(iter(said))]
        keys.lose(*(key for key, value in said.items() if value != number))
        keys.renamed.add((keys.under + next(iter(said)), "weight"))
    if number is None:
        return None
    if not isinstance(number, bool | int | float) or not 0 <= number < float("inf"):
        raise ShapeError(f"a turn's weight is not a number from 0 on: {number!r}")
    return float(number)
