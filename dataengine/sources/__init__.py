"""Sources: where rows come from. A kind of source is a `Source` with the `key` that marks it in a
mixture, and a `Reader`; ours are found by that key, other packages name theirs in the entry-point
group `dataengine.sources`, under the key."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from dataengine.registry import Registry

_KEY = re.compile(r"^    key: ClassVar\[str\] = \"(\w+)\"", re.MULTILINE)
HOMES = ("sources", "preferences")
FIRST = ("path", "hub", "recipe", "candidates")
"""The kinds that a mixture's own schema knows, in the order in which errors name them."""


def _own() -> Mapping[str, Callable[[], Any]]:
    """The modules that define a source, by its key."""
    found = {}
    for home in HOMES:
        for file in (Path(__file__).parents[1] / home).glob("[!_]*.py"):
            for key in _KEY.findall(file.read_text("utf-8")):
                found[key] = partial(import_module, f"dataengine.{home}.{file.stem}")
    return found


def _source(key: str, found: Any) -> Any:
    from dataengine.sources.source import Source

    things = [found] if isinstance(found, type) else vars(found).values()
    for thing in things:
        if isinstance(thing, type) and issubclass(thing, Source) and vars(thing).get("key") == key:
            return thing
    raise TypeError(f"no Source with the key {key!r} in {found!r}")


REGISTRY: Registry[Any] = Registry("source", _own, _source)
"""Every kind of source by the key that marks it."""


def further() -> list[str]:
    """The keys of the kinds beside the first ones: of a file added here, or of other packages."""
    return [key for key in REGISTRY.names() if key not in FIRST]
