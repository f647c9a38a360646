"""Recipes by name. A recipe is one file in this folder, with one class whose `name` is the file's;
other packages name theirs in the entry-point group `dataengine.recipes`.

recipe("open_chat")                               # as it is
recipe("multi_turn", turns=4, language="de-CH")   # with settings
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dataengine.errors import UserError
from dataengine.registry import Registry, class_in, files
from personas.recipe import Recipe

REGISTRY: Registry[type[Recipe]] = Registry(
    "recipe",
    own=lambda: files(Path(__file__).parent, __name__),
    fit=lambda name, found: class_in(found, name, Recipe),
)


def names() -> tuple[str, ...]:
    """Every recipe's name, sorted; imports nothing."""
    return REGISTRY.names()


def kind(name: str) -> type[Recipe]:
    """The recipe's class. Raises UserError, naming the nearest."""
    return REGISTRY.get(name)


def recipe(name: str, **settings: Any) -> Recipe:
    """The recipe of this name with these settings. Raises UserError."""
    chosen = kind(name)
    try:
        return chosen(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(step) for step in first["loc"]) or "settings"
        message = str(first["msg"]).removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            message = f"no such setting; {name} has {', '.join(chosen.model_fields)}"
        raise UserError(f"recipe {name}: {key}: {message}") from None
