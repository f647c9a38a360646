"""The data part of the AI Office's template for the public summary of training content (AI Act,
Article 53(1)(d); published in July 2025), answered as far as a build can.

What only the provider of a model can say is asked for in its place, and counted at the head.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from dataengine.publish import card
from dataengine.publish.origins import HUB, places

Source = Mapping[str, Any]

RANGES = ((1e9, "less than 1 billion tokens"), (1e13, "1 billion to 10 trillion tokens"))
MOST = "more than 10 trillion tokens"


def summary(manifest: card.Manifest) -> str:
    """The training_summary.md of a build."""
    from jinja2 import Environment, StrictUndefined

    asked: list[str] = []

    def ask(what: str) -> str:
        asked.append(what)
        return f"**To be filled in by the provider ({len(asked)}):** {what}."

    page = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    page.globals |= {"ask": ask, "table": card.table, "file": _file}
    template = page.from_string(files(__package__).joinpath("summary.md.jinja").read_text("utf-8"))
    tokens = sum(part["tokens"] for part in manifest["composition"])
    body = template.render(
        manifest=manifest,
        description=card.description(manifest),
        tokens=tokens,
        range=next((told for below, told in RANGES if tokens < below), MOST),
        languages=_rows_by(manifest, "language"),
        skills=_rows_by(manifest, "skill"),
        hub=[_dataset(*entry) for entry in _read(manifest, "hub")],
        local=[*_read(manifest, "path"), *_read(manifest, "build")],
        written=_written(manifest),
        dropped=[
            [line[0], line[4] + line[5], line[6]]
            for line in card.funnel(manifest)
            if line[4] + line[5]
        ],
        personal=card.PERSONAL,
    )
    return f"{_head(manifest, len(asked))}\n\n{body}\n"


def _head(manifest: card.Manifest, left: int) -> str:
    return f"""# Public summary of training content: {manifest["name"]}

The data part of the template that the AI Office published for Article 53(1)(d) of Regulation (EU)
2024/1689, for this dataset alone, under the template's own headings. Sections 1.1 and 1.2 (provider
and model) are not about data and are not here. What is stated is what the build knows; it is no
legal advice.

**{left} answers are left to the provider** of a model that is trained on it: each stands in its
place, numbered."""


def _rows_by(manifest: card.Manifest, key: str) -> str:
    """Rows by one key, the most first."""
    rows: dict[str, int] = {}
    for part in manifest["composition"]:
        name = part[key] or "not stated"
        rows[name] = rows.get(name, 0) + part["rows"]
    ordered = sorted(rows.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count:,} rows" for name, count in ordered)


def _read(manifest: card.Manifest, key: str) -> list[tuple[Source, str, Source]]:
    """Each place of one kind that was read: the source, what it held, and where it is."""
    return [
        (source, what, place)
        for source in manifest["sources"]
        for what, place in places(source)
        if place.get(key)
    ]


def _dataset(source: Source, what: str, place: Source) -> list[Any]:
    return [source["name"], what, f"{HUB}{place['hub']}", place["revision"], source["rows"]]


def _file(source: Source, what: str, place: Source, section: str) -> list[Any]:
    name = place.get("path") or f"the build {place['name']}"
    licence = place.get("licence") or source["licence"] or "not stated"
    return [source["name"], what, name, place["content"][:12], licence, source["rows"], section]


def _written(manifest: card.Manifest) -> list[list[Any]]:
    """Sources that models wrote, and which."""
    return [
        [
            source["name"],
            ", ".join(model["model"] for model in models),
            ", ".join(dict.fromkeys(model["licence"] or "not stated" for model in models)),
            source["rows"],
        ]
        for source in manifest["sources"]
        if (models := card.writers(source))
    ]
