"""Persona and document records: whom a recipe asks as, and what it may ask about."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dataengine.errors import UserError

PERSONA_KEYS = ("persona", "description", "text")
DOCUMENT_KEYS = ("text", "document", "content")


@dataclass(frozen=True)
class Persona:
    """A person in a sentence or two, with the licence of the set that the persona is from."""

    id: str
    text: str
    source: str = ""
    licence: str | None = None


@dataclass(frozen=True)
class Document:
    """A text to ask questions over, or to infer a persona from."""

    id: str
    text: str
    source: str = ""
    licence: str | None = None
    title: str | None = field(default=None)


def persona_of(row: Mapping[str, Any], source: str = "", licence: str | None = None) -> Persona:
    """A persona from a row with a `persona` (or `description`, or `text`) column.

    The id is the row's own `id`, else a hash of the text. Raises UserError.
    """
    text = _text(row, PERSONA_KEYS, "persona")
    return Persona(_id(row, text), text, source, row.get("licence") or licence)


def document_of(row: Mapping[str, Any], source: str = "", licence: str | None = None) -> Document:
    """A document from a row with a `text` (or `document`, or `content`) column."""
    text = _text(row, DOCUMENT_KEYS, "document")
    title = row.get("title")
    return Document(
        _id(row, text), text, source, row.get("licence") or licence, str(title) if title else None
    )


def _text(row: Mapping[str, Any], keys: tuple[str, ...], what: str) -> str:
    for key in keys:
        value = row.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
    given = ", ".join(map(str, row)) or "no columns"
    raise UserError(
        f"row {row.get('id', '(no id)')!r} holds no {what}: expected text in one of "
        f"{', '.join(keys)}; it has {given}"
    )


def _id(row: Mapping[str, Any], text: str) -> str:
    given = row.get("id")
    if given is not None and str(given):
        return str(given)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
