"""JSON Schema of a mixture, made from the registries: what editors complete, and what they reject.

pydantic sees the types of a model's fields, not the short forms that its validators accept. The
annotations here say what those are, from the things themselves: every filter with its settings,
every recipe, every kind of source, those of installed packages among them.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import core_schema

Schema = dict[str, Any]
Handler = Callable[[Any], Schema]


class Named:
    """A thing by its name alone, or as {name: {settings}}; `others` are further forms."""

    def __init__(
        self,
        models: Callable[[], Mapping[str, type[BaseModel]]],
        *others: Schema,
        many: bool = False,
    ) -> None:
        self.models, self.others, self.many = models, others, many

    def __get_pydantic_json_schema__(self, core: Any, handler: Handler) -> Schema:
        models = dict(sorted(self.models().items()))
        plain = [name for name, model in models.items() if _needs_nothing(model)]
        settings = {
            name: handler(core_schema.nullable_schema(model.__pydantic_core_schema__))
            for name, model in models.items()
        }
        one: Schema = {"type": "object", "properties": settings, "additionalProperties": False}
        one |= {"minProperties": 1, "maxProperties": 1}
        form = {"anyOf": [{"enum": plain}, one, *self.others]}
        return {"type": "array", "items": form} if self.many else form


class OneOf:
    """One of some models."""

    def __init__(self, models: Callable[[], Iterable[type[BaseModel]]]) -> None:
        self.models = models

    def __get_pydantic_json_schema__(self, core: Any, handler: Handler) -> Schema:
        kinds = [model.__pydantic_core_schema__ for model in self.models()]
        return handler(core_schema.union_schema(list(kinds)))


class Names:
    """A name that a registry knows."""

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        self.names = names

    def __get_pydantic_json_schema__(self, core: Any, handler: Handler) -> Schema:
        return {"type": "string", "enum": list(self.names())}


def described(model: type[BaseModel], schema: Schema) -> None:
    """Describe a model's properties in its schema by the docstrings under its fields, and take out
    those that a person cannot set."""
    properties = schema.get("properties", {})
    for name, field in model.model_fields.items():
        key = field.alias or name
        if field.exclude:
            properties.pop(key, None)
        elif key in properties and (told := _docstrings(model).get(name)):
            properties[key].setdefault("description", told)


def _needs_nothing(model: type[BaseModel]) -> bool:
    try:
        model()
    except ValidationError:
        return False
    return True


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Field -> the docstring that stands under it, also of the model's bases."""
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if not issubclass(kind, BaseModel) or kind is BaseModel:
            continue
        try:
            [tree] = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        except (OSError, TypeError, SyntaxError, ValueError):
            continue  # typed into a notebook
        body = tree.body if isinstance(tree, ast.ClassDef) else []
        for field, told in pairwise(body):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(told, ast.Expr)
                and isinstance(told.value, ast.Constant)
                and isinstance(told.value.value, str)
            ):
                found[field.target.id] = " ".join(told.value.value.split())
    return found
