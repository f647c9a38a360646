"""Persona sampling: the personas or documents of a set, in an order drawn by hash."""

from collections.abc import Callable, Iterator, Mapping
from heapq import nsmallest
from typing import Any, TypeVar

from dataengine.errors import UserError
from dataengine.sources.generated import PersonaSet
from personas import Document, Persona
from personas.draw import digest

T = TypeVar("T", Persona, Document)


def sample(
    given: PersonaSet | None,
    what: str,
    made_of: Callable[[Mapping[str, Any], str, str | None], T],
    seed: int,
) -> list[T]:
    """The personas or documents of a set, in an order drawn by hash of (seed, id).

    Raises:
        UserError: a record that is none, or a set without any.
    """
    if given is None:
        return []
    name = given.path or given.hub or what

    def members() -> Iterator[T]:
        for record in given.records(what):
            if record.value is None:
                raise UserError(f"{what}: {name}: record {record.row}: {record.trouble}")
            try:
                yield made_of(record.value, name, given.licence)
            except UserError as error:
                raise UserError(f"{what}: {name}: record {record.row}: {error}") from None

    def draw(member: T) -> tuple[int, str]:
        return digest(seed, what, member.id), member.id

    found = nsmallest(given.rows, members(), draw) if given.rows else sorted(members(), key=draw)
    if not found:
        raise UserError(f"{what}: {name} holds none")
    return found
