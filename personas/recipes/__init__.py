"""Recipes by name. A recipe is one file in this folder, with one class whose `name` is the file's.

recipe("open_chat")                               # as it is
recipe("multi_turn", turns=4, language="de-CH")   # with settings
"""

import difflib
import importlib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dataengine.errors import UserError
from personas.recipe import Recipe


@cache
def names() -> tuple[str, ...]:
    """Every recipe's name, sorted; imports nothing."""
    files = Path(__file__).parent.glob("[!_]*.py")
    return tuple(sorted(file.stem for file in files))


@cache
def kind(name: str) -> type[Recipe]:
    """The recipe's class. Raises UserError, naming the nearest."""
    if name not in names():
        near = difflib.get_close_matches(str(name), names(), n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names())}"
        raise UserError(f"no recipe is called {name!r}: {hint}")
    module = importlib.import_module(f"personas.recipes.{name}")
    found: type[Recipe] = next(
        thing
        for thing in vars(module).values()
        if isinstance(thing, type)
        and issubclass(thing, Recipe)
        and getattr(thing, "name", None) == name
    )
    return found


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
