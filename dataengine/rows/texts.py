"""Training text of a record: every string that a model could be trained on, with whose it is.

A string is text whatever its key, unless the key is known to say something about the record. Text
that is JSON (messages in a column, a call's arguments) is read too. `decontam/io/jsonl.py` does the
same on bytes.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import orjson

SKIPPED = (
    *("id", "ids", "uuid", "guid", "hash", "md5", "sha1", "sha256", "index"),
    *("source", "dataset", "origin", "provenance", "meta", "metadata", "tools", "functions"),
    *("role", "from", "name", "type", "url", "path", "file", "filename", "image", "images"),
    *("audio", "video", "language", "lang", "licence", "license", "skill", "split", "model"),
    *("verifier", "policy", "chosen_model", "rejected_model", "created_at", "timestamp", "date"),
    "own",
)
"""Keys of what a record says about itself, not to a model; so do keys that end in `_id`."""
ID_SUFFIX = "_id"
STRUCTURE = (
    *("messages", "conversations", "conversation", "history"),
    *("tool_calls", "function_call", "arguments"),
)
"""Keys under which JSON is the form of a text, not the text itself."""
ROLE_KEYS = ("role", "from")
DEEPEST = 3
"""How often JSON in JSON text is opened."""
BLANK = " \t\r\n"


class Text(NamedTuple):
    """One text of a record: its place among the record's texts is its turn."""

    role: str
    """The message's (`role` or `from`), else the key that it stands under."""
    text: str


def texts(record: Any, columns: Mapping[str, str] | None = None) -> list[Text]:
    """The texts of a record in the order in which they are written.

    `columns`: keys that are text although they look like metadata, each with the role of its text.
    """
    named = columns or {}
    return _texts(record, "", None, named, frozenset(SKIPPED) - named.keys(), 0)


def _texts(
    value: Any,
    key: str,
    role: str | None,
    named: Mapping[str, str],
    skipped: Collection[str],
    depth: int,
) -> list[Text]:
    if isinstance(value, str):
        own = Text(role or named.get(key, key), value)
        inner = _texts_inside(value, key, named, skipped, depth)
        return inner if inner and key in STRUCTURE else [own, *inner]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one, key, role, named, skipped, depth)]
    if not isinstance(value, dict):
        return []
    speaker = next((value[k] for k in ROLE_KEYS if isinstance(value.get(k), str)), None)
    found: list[Text] = []
    for name, inner in value.items():
        if name in skipped or (name.endswith(ID_SUFFIX) and name not in named):
            continue
        said_by = speaker if isinstance(inner, str) else None
        found += _texts(inner, name, said_by, named, skipped, depth)
    return found


def _texts_inside(
    text: str, key: str, named: Mapping[str, str], skipped: Collection[str], depth: int
) -> list[Text]:
    """The texts of the JSON that a text is; none where it is no JSON object or list."""
    if depth == DEEPEST or not looks_like_json(text):
        return []
    try:
        value = orjson.loads(text.encode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        return []
    return _texts(value, key, None, named, skipped, depth + 1)


def looks_like_json(text: str) -> bool:
    """Whether a text begins and ends as a JSON object or list with something in it does."""
    plain = text.strip(BLANK)
    if len(plain) < 4 or plain[0] not in "{[" or plain[-1] != {"{": "}", "[": "]"}[plain[0]]:
        return False
    return plain[1:].lstrip(BLANK)[:1] in ('"', "{", "[")
