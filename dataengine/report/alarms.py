"""Alarms: what a person should look at before this dataset is used."""

from collections.abc import Iterator
from typing import Any

from dataengine.report.funnel import Funnel

MOST_OF = 0.5
"""The share of a source that one stage may take without an alarm."""
MEANT = ("mix",)
"""Stages that take rows since a person asked for fewer."""


def alarms(manifest: dict[str, Any], funnel: Funnel) -> list[str]:
    """What is out of the ordinary, a sentence each."""
    return [
        *_taken(funnel),
        *_short(manifest),
        *_unchecked(manifest),
        *_not_carried(manifest),
        *_mendable(manifest),
        *_cut(manifest),
    ]


def _taken(funnel: Funnel) -> Iterator[str]:
    for line in funnel.lines:
        entering = line.read
        for step, went in zip(funnel.steps, line.lost, strict=True):
            if entering and went > MOST_OF * entering and step.label not in MEANT:
                yield (
                    f"{step.label} took {went:,} of the {entering:,} rows of {line.source} "
                    f"that reached it ({went / entering:.0%})."
                )
            entering -= went


def _short(manifest: dict[str, Any]) -> Iterator[str]:
    tokens: dict[str, int] = {}
    for part in manifest["composition"]:
        tokens[part["source"]] = tokens.get(part["source"], 0) + part["tokens"]
    for source in manifest["sources"]:
        unit, _, amount = str(source["amount"]).partition(" ")
        held = {"rows": source["rows"], "tokens": tokens.get(source["name"], 0)}.get(unit)
        if held is not None and held < float(amount.replace(",", "")):
            yield f"{source['name']} was to give {amount} {unit} and has {held:,}."
        elif not source["rows"]:
            yield f"{source['name']} has no row in the dataset."
    for split in manifest["splits_without_rows"]:
        yield f"No row was drawn for the split {split}."


def _unchecked(manifest: dict[str, Any]) -> Iterator[str]:
    found = manifest["decontamination"]
    if found is None:
        yield "Nothing was decontaminated: rows may hold items of any eval."
        return
    for suite in found.get("missing", []):
        yield f"The suite {suite} was asked for and not checked: its items were not at hand."
    for source in found.get("sources", []):
        if source["verdict"] == "contaminated":
            yield (
                f"{source['source']} holds {source['worst_share']:.1%} of a suite's items: "
                "the rest of it may hold more that was rephrased."
            )


def _not_carried(manifest: dict[str, Any]) -> Iterator[str]:
    for source in manifest["sources"]:
        for key, rows in source.get("not_carried", {}).items():
            yield f"{source['name']}: the field {key} of {rows:,} rows is not carried."


def _mendable(manifest: dict[str, Any]) -> Iterator[str]:
    for stage in manifest["stages"]:
        for reason, count in stage["mendable"].items():
            yield (
                f"{stage['label']}: {count:,} failed for now ({reason}); "
                "the same command asks for them again."
            )


def _cut(manifest: dict[str, Any]) -> Iterator[str]:
    for stage in manifest["stages"]:
        count = stage["reasons"].get("truncated", 0)
        if count:
            yield f"{stage['label']}: {count:,} answers were cut at max_tokens."
    for audit in manifest["preferences"]:
        count = audit["candidates_failed"].get("truncated", 0)
        if count:
            yield f"{audit['source']}: {count:,} candidates were cut at max_tokens."
