"""The dataset card: the manifest as a page that a person reads, and a header that the Hub reads.

The card says nothing that is not in the manifest, so the same build has the same card.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from dataengine.publish import audited
from dataengine.publish.data_dictionary import columns
from dataengine.publish.licence import ASKS, RANKS, Licence, binding, hub_keys, in_force
from dataengine.publish.origins import origin, places

Manifest = Mapping[str, Any]

SIZES = ((1e3, "n<1K"), (1e4, "1K<n<10K"), (1e5, "10K<n<100K"), (1e6, "100K<n<1M"))
LARGER = ((1e7, "1M<n<10M"), (1e8, "10M<n<100M"), (1e9, "100M<n<1B"))

KINDS = {
    "sft": ("supervised fine-tuning", ["sft"]),
    "preference": ("preference tuning", ["preference", "dpo"]),
    "rlvr": ("reinforcement learning with verifiable rewards", ["rlvr", "grpo"]),
}
"""Kind -> what it is for, and the tags it is found by."""

REASONS_SHOWN = 4

JUDGES = {"judge.model", "answers.judge"}
"""What a model was asked as that judged what others wrote."""

PERSONAL = "Rows were not screened for personal data."

SPARED = {
    "review": "left for a person to review",
    "keep-by-policy": "kept by the suite's policy",
    "keep-by-judge": "kept by a judge",
    "keep-by-review": "kept by a person's review",
}
"""What evidence calls a pair whose row was not dropped, and what that means."""


def card(manifest: Manifest) -> str:
    """The README.md of a build.

    Raises:
        ValueError: the manifest does not add up: rows read and made are not those published,
            dropped and failed.
    """
    from huggingface_hub import DatasetCard

    return str(DatasetCard(f"---\n{header(manifest)}\n---\n\n{_body(manifest)}\n"))


def header(manifest: Manifest) -> str:
    """The YAML that `datasets.load_dataset` and the Hub's search go by."""
    from huggingface_hub import DatasetCardData

    data = DatasetCardData(
        pretty_name=manifest["name"],
        language=languages(manifest) or None,
        task_categories=["text-generation"],
        size_categories=_size(_published(manifest)),
        source_datasets=_datasets(manifest) or None,
        tags=tags(manifest),
        configs=[
            {
                "config_name": "default",
                "data_files": [
                    {"split": split, "path": f"data/{split}-*.parquet"}
                    for split in manifest["splits"]
                ],
            }
        ],
        # `datasets` keys its cache of a local folder by this header alone: without a mark of the
        # build in it, a folder that was built again would load as it was before.
        dataset_info={"config_name": "default", "description": manifest["fingerprint"]},
        **hub_keys(_all(in_force(manifest))),
    )
    return data.to_yaml()


def _datasets(manifest: Manifest) -> list[str]:
    """The datasets of the Hub that something was read from."""
    read = [place for source in manifest["sources"] for _, place in places(source)]
    return sorted({place["hub"] for place in read if place.get("hub")})


def tags(manifest: Manifest) -> list[str]:
    """What the dataset is found by."""
    written = manifest.get("generation") or any(map(writers, manifest["sources"]))
    return [*KINDS[manifest["kind"]][1], *(["synthetic"] if written else [])]


def writers(source: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The models that a source asked for text of its rows, and not for a judgement alone."""
    return [model for model in source.get("asked", []) if set(model["as"]) - JUDGES]


def description(manifest: Manifest) -> str:
    """What the dataset is, in a sentence."""
    count, sources = len(manifest["sources"]), manifest["sources"]
    names = ", ".join(source["name"] for source in sources)
    return (
        f"{_published(manifest):,} rows for {KINDS[manifest['kind']][0]}, from {count} "
        f"source{'' if count == 1 else 's'}: {names}."
    )


def _body(manifest: Manifest) -> str:
    from jinja2 import Environment, StrictUndefined

    page = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    page.globals["table"] = table
    page.globals["audited"] = audited.lines
    template = page.from_string(files(__package__).joinpath("card.md.jinja").read_text("utf-8"))
    licences = in_force(manifest)
    bound = binding(_all(licences))
    return template.render(
        manifest=manifest,
        purpose=KINDS[manifest["kind"]][0],
        rows=_published(manifest),
        conservation=conservation(manifest),
        sources=_sources(manifest, licences),
        columns=columns(manifest["kind"]),
        binding=bound,
        known=[licence for licence in bound if licence.rank != "unknown"],
        asked=_asked(manifest),
        personal=PERSONAL,
        terms=_terms(licences),
        clash=_clash(licences),
        composition={
            name: _composition(manifest, key)
            for name, key in [("source", "source"), ("skill", "skill"), ("language", "language")]
        },
        funnel=funnel(manifest),
        curve=_curve(manifest),
        suites=_suites(manifest),
        leaks=_leaks(manifest),
        overlapping=_overlapping(manifest),
        spared=_spared(manifest),
        not_carried=[
            [source["name"], f"`{key}`", rows]
            for source in manifest["sources"]
            for key, rows in source.get("not_carried", {}).items()
        ],
        local=[source["name"] for source in manifest["sources"] if source.get("path")],
        notebook=_notebook,
    )


def conservation(manifest: Manifest) -> dict[str, int]:
    """Rows that came in (read, copied or made) and where each of them went.

    Raises:
        ValueError: they are not the same number.
    """
    stages = manifest["stages"]
    flow = {
        "read": sum(source["rows_read"] for source in manifest["sources"]),
        "added": sum(stage["added"] for stage in stages),
        "published": _published(manifest),
        "dropped": sum(stage["dropped"] for stage in stages),
        "failed": sum(stage["failed"] for stage in stages),
    }
    if flow["read"] + flow["added"] != flow["published"] + flow["dropped"] + flow["failed"]:
        raise ValueError(f"the manifest of {manifest['name']} does not add up: {flow}")
    return flow


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; columns of numbers are set flush right."""
    rows = [list(row) for row in rows]
    columns = list(zip(*rows, strict=True)) or [() for _ in headers]
    right = [bool(c) and all(isinstance(v, int | float) or v is None for v in c) for c in columns]
    lines = [headers, ["---:" if flush else "---" for flush in right]]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in [*lines, *rows])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")


def _published(manifest: Manifest) -> int:
    return sum(split["rows"] for split in manifest["splits"].values())


def _size(rows: int) -> str:
    return next((name for below, name in SIZES + LARGER if rows < below), "n>1T")


def languages(manifest: Manifest) -> list[str]:
    """The languages' primary tags, which is what the Hub searches by."""
    stated = {str(part["language"] or "").split("-")[0].lower() for part in _parts(manifest)}
    return sorted(tag for tag in stated if re.fullmatch("[a-z]{2,3}", tag))


def _parts(manifest: Manifest) -> list[dict[str, Any]]:
    return list(manifest["composition"])


def _sources(manifest: Manifest, licences: Mapping[str, list[Licence]]) -> list[list[Any]]:
    return [
        [
            source["name"],
            origin(source),
            ", ".join(licence.text for licence in licences.get(source["name"], [])) or "",
            source.get("amount", ""),
            source["rows_read"],
            source["rows"],
        ]
        for source in manifest["sources"]
    ]


def _terms(licences: Mapping[str, list[Licence]]) -> list[list[str]]:
    """What is asked, from the mildest to the strictest: by which licences, of which sources."""
    rows = []
    for rank in RANKS:
        bound = {s: [x.text for x in found if rank in x.ranks] for s, found in licences.items()}
        names = sorted({name for found in bound.values() for name in found})
        if names:
            sources = ", ".join(source for source, found in bound.items() if found)
            rows.append([f"{rank}: {ASKS[rank]}", ", ".join(names), sources])
    return rows


def _all(licences: Mapping[str, list[Licence]]) -> list[Licence]:
    return [licence for found in licences.values() for licence in found]


def _asked(manifest: Manifest) -> list[list[str]]:
    """The models that sources asked, with the terms that rows inherit from them."""
    return [
        [
            model["model"],
            model["licence"] or "**not stated**",
            source["name"],
            ", ".join(key.replace("_", " ") for key in model["as"]),
        ]
        for source in manifest["sources"]
        for model in source.get("asked", [])
    ]


def _clash(licences: Mapping[str, list[Licence]]) -> bool:
    """Whether two licences in force each ask more than a name."""
    return len({x for found in licences.values() for x in found if x.rank not in RANKS[:3]}) > 1


def _composition(manifest: Manifest, key: str) -> list[list[Any]]:
    """Rows and tokens by one key, the largest first."""
    total = _published(manifest)
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for part in _parts(manifest):
        grouped.setdefault(part[key] or "not stated", []).append(part)
    lines: list[list[Any]] = []
    for name, parts in grouped.items():
        rows = sum(part["rows"] for part in parts)
        tokens = sum(part["tokens"] for part in parts)
        longest = max(part["tokens_max"] for part in parts)
        lines.append([name, rows, 100 * rows / total, tokens, tokens / rows, longest])
    return sorted(lines, key=lambda line: (-line[1], line[0]))


def funnel(manifest: Manifest) -> list[list[Any]]:
    """Each stage: its name, rows in, added, kept, dropped, failed, and why."""
    counts = ("rows_in", "added", "kept", "dropped", "failed")
    return [
        [stage.get("label", stage["name"]), *(stage[count] for count in counts), _why(stage)]
        for stage in manifest["stages"]
    ]


def _why(stage: Mapping[str, Any]) -> str:
    reasons = sorted(stage["reasons"].items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{reason} ({count:,})" for reason, count in reasons[:REASONS_SHOWN]]
    more = len(reasons) - REASONS_SHOWN
    return "; ".join(shown) + (f"; {more} more" if more > 0 else "")


def _curve(manifest: Manifest) -> str:
    """How alike two rows have to be for near-dedup to look at them, with which probability."""
    curves = [stage["curve"] for stage in manifest["stages"] if "curve" in stage]
    points = [
        f"{share} of the pairs at {jaccard:.2f}" for share, jaccard in (curves or [{}])[0].items()
    ]
    return ", ".join(points)


def _suites(manifest: Manifest) -> list[list[Any]]:
    found = manifest["decontamination"] or {"suites": []}
    return [[s["name"], s["tier"], s["items"], s["hash"][:12]] for s in found["suites"]]


def _leaks(manifest: Manifest) -> list[list[Any]]:
    """Suite x source, where at least one item was hit; the worst first."""
    lines = [
        [t["suite"], t["source"], t["items_hit"], 100 * t["share"], t["rows_dropped"]]
        for t in (manifest["decontamination"] or {"table": []})["table"]
        if t["items_hit"]
    ]
    return sorted(lines, key=lambda line: (-line[2], line[0], line[1]))


def _overlapping(manifest: Manifest) -> list[str]:
    """Sources that decontamination calls contaminated as a whole (Tülu 3, section 3.2)."""
    sources = (manifest["decontamination"] or {}).get("sources", [])
    return [line["source"] for line in sources if line["verdict"] == "contaminated"]


def _spared(manifest: Manifest) -> str:
    """Pairs of a row and an item that were decided on otherwise than by dropping the row."""
    decided = (manifest["decontamination"] or {}).get("decided", {})
    pairs = [f"{decided[k]:,} {words}" for k, words in SPARED.items() if decided.get(k)]
    return ", ".join(pairs)


def _notebook(entries: Any, by: str) -> str:
    """Figures of any shape that a stage recorded: a line each, and a column for each entry."""
    entries = entries if isinstance(entries, list) else [entries]
    keys = [key for key in dict.fromkeys(k for entry in entries for k in entry) if key != by]
    lines = [[key.replace("_", " "), *(flat(entry.get(key)) for entry in entries)] for key in keys]
    told = [line for line in lines if any(value not in (None, "") for value in line[1:])]
    return table([by, *(str(entry.get(by, "")) for entry in entries)], told)


def flat(value: Any) -> Any:
    """A figure of any shape, in a cell."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_cell(flat(inner))}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_cell(flat(inner)) for inner in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else value
