"""Tools for rollouts: Python functions that the policy may call, as TRL takes them.

`--tools shop:stock shop:price` imports them; their signatures and docstrings (Google style) are
what the model is told, and TRL runs what it calls.
"""

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformers.utils import get_json_schema

from dataengine.errors import UserError


def load(names: Sequence[str]) -> list[Callable[..., Any]]:
    """The functions named MODULE:FUNCTION; modules are looked for in the working folder too.

    Raises:
        UserError: no such function, or one whose signature or docstring makes no schema.
    """
    if names and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    return [_function(name) for name in names]


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
        get_json_schema(found)
    except Exception as error:  # a person's own module may raise anything
        raise UserError(
            f"--tools {name}: {type(error).__name__}: {' '.join(str(error).split())}; give "
            "MODULE:FUNCTION, a function with types and a docstring that tells its arguments"
        ) from None
    return found
