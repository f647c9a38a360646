"""A YAML document from a person: plain data, the line of every key, and errors that name both."""

from collections.abc import Hashable, Mapping
from pathlib import Path, PurePath
from typing import Any, Self, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from dataengine.errors import UserError

Place = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

MOST_BYTES = 1 << 20
MOST_VALUES = 50_000
"""More than a person writes: a file or an alias that unfolds into more is refused, not unfolded."""


class Document:
    """The data of one YAML file, and the line on which each of its values stands; or the same data
    given from Python, which has no lines."""

    def __init__(self, file: Path) -> None:
        """
        Raises:
            UserError: the file is not there, is not YAML, holds a tag or a key twice.
        """
        self.file = file
        self._lines: dict[Place, int] = {}
        self._values = 0
        try:
            node = yaml.compose(_text_of(file), Loader=yaml.SafeLoader)
            self.data: Any = self._value(node, ()) if node else None
        except FileNotFoundError:
            raise UserError(f"{file}: there is no such file") from None
        except IsADirectoryError:
            raise UserError(f"{file}: is a folder; name the mixture file in it") from None
        except UnicodeDecodeError as error:
            raise UserError(f"{file}: not UTF-8 text (byte {error.start})") from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise UserError(f"{file}:{line}: not YAML: {error.problem}") from None
        except yaml.YAMLError as error:
            raise UserError(f"{file}: not YAML: {' '.join(str(error).split())}") from None
        except RecursionError:
            raise UserError(f"{file}: nested too deeply for a file of plain values") from None
        except OSError as error:
            raise UserError(f"{file}: cannot be read: {error.strerror}") from None

    @classmethod
    def given(cls, data: Mapping[str, Any], called: str = "mixture") -> Self:
        """A document of data from Python: relative paths in it start from the working folder.

        Raises:
            UserError: a value that no YAML file could hold.
        """
        document = cls.__new__(cls)
        document.file = Path(called)
        document._lines = {}
        document.data = document._plain(data, ())
        return document

    def _plain(self, value: Any, place: Place) -> Any:
        """The value as YAML would hold it: paths as text, tuples as lists."""
        self._lines[place] = 0
        if isinstance(value, Mapping):
            return {key: self._plain(inner, (*place, str(key))) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._plain(inner, (*place, i)) for i, inner in enumerate(value)]
        if isinstance(value, PurePath):
            return str(value)
        if value is None or isinstance(value, str | int | float | bool):
            return value
        raise self.error(place, f"{type(value).__name__} is no plain value: text, numbers, lists")

    def line(self, place: Place) -> int:
        """The line of the innermost value of `place` that the document holds."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def error(self, place: Place, text: str) -> UserError:
        """An error about one value: file, line, key, and what is wrong with it."""
        shown = _shown(place)
        line = self.line(place)
        where = f"{self.file}:{line}" if line else f"{self.file}"
        return UserError(f"{where}: {shown}{': ' if shown else ''}{text}")

    def _value(self, node: yaml.Node, place: Place) -> Any:
        self._lines[place] = node.start_mark.line + 1
        self._values += 1
        if self._values > MOST_VALUES:
            raise self.error((), f"holds more than {MOST_VALUES:,} values, aliases unfolded")
        if (
            not node.tag.startswith("tag:yaml.org,2002:")
            or node.tag.endswith((":merge", ":set", ":binary"))
            or "python" in node.tag
        ):
            raise self.error(place, f"the tag {node.tag} is not allowed: plain values only")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*place, i)) for i, item in enumerate(node.value)]
        loader = yaml.SafeLoader("")
        try:
            value = loader.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            raise self.error(place, f"not a value: {' '.join(str(error).split())}") from None
        finally:
            loader.dispose()
        return value if isinstance(value, str | int | float | bool | None) else node.value

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[Hashable, Any]:
        found: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self._value(key_node, (*place, str(key_node.value)))
            if not isinstance(key, Hashable):
                raise self.error(place, "a key that is not a plain word")
            if key in found:
                raise self.error((*place, str(key)), "given twice")
            found[key] = self._value(value_node, (*place, str(key)))
            self._lines[(*place, str(key))] = key_node.start_mark.line + 1
        return found


def _text_of(file: Path) -> str:
    with file.open("rb") as stream:
        text = stream.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise UserError(f"{file}: is over {MOST_BYTES:,} bytes: not a file that a person wrote")
    return text.decode("utf-8-sig")


def validated(model: type[M], document: Document, context: Mapping[str, Any]) -> M:
    """The document as a model.

    Raises:
        UserError: the first thing that is wrong, with its file, line and key; for an unknown
            key the nearest known one.
    """
    if not isinstance(document.data, dict):
        raise UserError(f"{document.file}:1: not a mapping of keys to values")
    try:
        return model.model_validate(document.data, context=dict(context))
    except ValidationError as error:
        first = error.errors()[0]
        key = (first.get("ctx") or {}).get("key")
        loc = (*first["loc"], key) if key else first["loc"]
        place = _place(document, loc, first["type"] == "missing")
        raise document.error(place, _text(first)) from None


def _place(document: Document, loc: tuple[int | str, ...], missing: bool) -> Place:
    """Where in the document an error stands: pydantic's location without its union tags.

    The last step of a `missing` key is not in the document, which is what is wrong with it.
    """
    place: Place = ()
    for step in loc:
        if (*place, step) in document._lines:
            place = (*place, step)
    return (*place, loc[-1]) if missing else place


def _text(problem: Any) -> str:
    if problem["type"] == "missing":
        return "missing"
    text = str(problem["msg"]).removeprefix("Value error, ")
    given = problem["input"]
    plain = isinstance(given, str | int | float | bool)
    own_words = problem["type"] in ("value_error", "unknown_name")
    return f"{text}, not {given!r}" if plain and not own_words else text


def _shown(place: Place) -> str:
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text
