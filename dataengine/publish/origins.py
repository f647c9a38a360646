"""Where the rows of a source come from: datasets, files, builds, and the hashes that pin them."""

from collections.abc import Mapping
from typing import Any

HUB = "https://huggingface.co/datasets/"
PARTS = ("candidates", "scores", "annotations", "personas", "documents")
"""Parts of a source that may come from places of their own."""

Place = Mapping[str, Any]


def places(source: Place) -> list[tuple[str, Place]]:
    """Each place that a source of the manifest was read from, and what it held; a source that is
    read itself holds "rows"."""
    if source.get("hub") or source.get("path"):
        return [("rows", source)]
    parts = [(key, source[key]) for key in PARTS if isinstance(source.get(key), Mapping)]
    prompts = source.get("prompts") or {}
    return parts + [("prompts", place) for place in prompts.get("from", [])]


def origin(source: Place, markdown: bool = True) -> str:
    """Where a source's rows can be looked up, or what they were made from."""
    found = [(what, _named(place, markdown)) for what, place in places(source)]
    if found and found[0][0] == "rows":
        return found[0][1]
    made = ", ".join(f"{what} {name}" for what, name in found)
    return f"made from {made}" if made else "made for this dataset"


def _named(place: Place, markdown: bool) -> str:
    quote = "`" if markdown else ""
    if place.get("hub"):
        name, page = place["hub"], f"{HUB}{place['hub']}"
        link = f"[{name}]({page})" if markdown else page
        revision = place["revision"][:7] if markdown else place["revision"]
        return f"{link} at {quote}{revision}{quote}"
    name = place.get("path") or f"the build {place.get('name')}"
    return f"{quote}{name}{quote}, content {quote}{place['content'][:12]}{quote}"
