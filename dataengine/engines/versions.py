"""Versions: what runs here, so that a worker elsewhere is known to give the same bytes."""

import platform
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

from dataengine import registry

LIBRARIES = ("datasets", "duckdb", "huggingface_hub", "numba", "numpy", "polars", "pyarrow")
"""The libraries whose versions can change a build's bytes."""

CODE = ("dataengine", "decontam", "eval", "personas")


def libraries() -> dict[str, str]:
    """The version of each library."""
    return {name: version(name) for name in LIBRARIES}


@cache
def here() -> dict[str, str]:
    """Everything that a worker must agree on with the driver; plugins too, used or not."""
    own = {"python": platform.python_version(), **libraries(), "dataengine": _code()}
    return own | {f"plugin {name}": what for name, what in registry.plugins().items()}


def differences(there: dict[str, str]) -> list[str]:
    """What the driver, which has `there`, and this process do not agree on."""
    ours = here()
    named = [name for name in {**there, **ours} if there.get(name) != ours.get(name)]
    return [f"{name} {there.get(name, 'none')}, here {ours.get(name, 'none')}" for name in named]


def _code() -> str:
    """A hash of this project's own code."""
    root, total = Path(__file__).parents[2], blake2b(digest_size=8)
    for package in CODE:
        for file in sorted((root / package).rglob("*.py")):
            total.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return total.hexdigest()
