"""Retention curves: how many rows another threshold would keep, from what the build knows.

Rows that a stage dropped are counted wherever the stage kept its measure of them, so that a curve
goes on to both sides of the threshold that was set.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from markupsafe import Markup

from dataengine.built import Built, drawn
from dataengine.published import read, stored
from dataengine.report.beside import numbers
from dataengine.report.charts import line
from dataengine.report.lengths import summed
from dataengine.row import conversation
from dataengine.stages.filters import repetition
from dataengine.stages.shards import EDGES

SHARES = [k / 20 for k in range(21)]
ALIKE = [round(0.7 + k / 50, 2) for k in range(16)]
DRAWN = 2_000
"""Rows whose repetition is measured: published ones, which lie in an order drawn by hash, and as
many that went for it."""
FEW = 50_000
"""So few rows are held against each other anew, below the threshold that was set too."""


class Curve(NamedTuple):
    """Rows kept over a threshold."""

    title: str
    says: str
    chart: Markup


def curves(built: Built) -> Iterator[Curve]:
    """The curves of what this build measured; what it did not measure has none."""
    set_to = _settings(built)
    made = (
        _length(built),
        _repetition(built),
        _near(built, set_to.get("minhash") or {}),
        _decontaminated(built),
        _passed(built),
        *_annotated(built),
    )
    yield from (curve for curve in made if curve)


def _settings(built: Built) -> dict[str, Any]:
    """How the mixture sets deduplication."""
    found = built.mixture.get("dedup") or {}
    return {name: value if isinstance(value, dict) else {} for name, value in found.items()}


def _filter(built: Built, name: str) -> dict[str, Any]:
    """How the mixture sets a filter."""
    given = built.mixture.get("filters") or []
    found = [entry[name] for entry in given if isinstance(entry, dict) and name in entry]
    return found[0] or {} if found else {}


def _lost(built: Built, stage: str) -> pl.DataFrame:
    """The ids and evidence of the rows that one stage dropped."""
    files = built.files("dropped", stage)
    read = [pl.read_parquet(file, columns=["id", "evidence"]) for file in files]
    return pl.concat([pl.DataFrame(schema={"id": pl.String, "evidence": pl.String}), *read])


def _figure(lost: pl.DataFrame, name: str) -> pl.Series:
    """A number of the evidence of every row, where it is there."""
    told = pl.col("evidence").str.json_decode(pl.Struct({name: pl.Float64})).struct.field(name)
    return lost.select(told)[name].drop_nulls()


def _length(built: Built) -> Curve:
    counts = summed(
        [{int(e): n for e, n in held["up_to"].items()} for held in built.manifest["lengths"]]
    )
    went = _figure(_lost(built, "length"), "tokens")
    edges = EDGES.gather(EDGES.search_sorted(went, side="left").clip(0, len(EDGES) - 1))
    counts = summed([counts, dict(edges.value_counts().iter_rows())])
    points, kept = [], 0
    for edge, rows in counts.items():
        kept += rows
        points.append((float(edge), float(kept)))
    also = f", {len(went):,} that the filter took among them" if len(went) else ""
    says = f"Rows that hold at most so many tokens{also}."
    bound = _filter(built, "length").get("max_tokens")
    return Curve("Length", says, line(points, "rows kept by maximum length", bound))


def _repetition(built: Built) -> Curve | None:
    """Of answers: what a policy will say of a prompt nobody knows yet."""
    kind = built.manifest["kind"]
    if kind == "rlvr":
        return None
    lost = built.files("dropped", "repetition")
    there = max(built.data(), key=lambda held: pq.read_metadata(held[1]).num_rows)[1]
    stayed, went = _first(there), [row for file in lost for row in drawn(file, DRAWN)]
    if not stayed:
        return None
    kept = sum(split["rows"] for split in built.manifest["splits"].values())
    dropped = sum(pq.read_metadata(file).num_rows for file in lost)
    measured = [
        (pl.Series([_again(row, kind) for row in rows], dtype=pl.Float64), count / len(rows))
        for rows, count in ((stayed, kept), (went, dropped))
        if rows
    ]
    shares = SHARES[1:]
    points = [(t, sum(float((found < t).sum()) * each for found, each in measured)) for t in shares]
    says = (
        "Rows that would stay, if a row went from this share of its words on, that an answer says "
        f"in sentences it has said before; reckoned from {len(stayed) + len(went):,} rows drawn by "
        "hash."
    )
    return Curve("Repetition", says, line(points, "rows kept by repetition"))


def _first(file: Any) -> list[dict[str, Any]]:
    """The first rows of a file, of its first row groups alone."""
    with pq.ParquetFile(file) as parquet:
        read: list[pa.Table] = []
        for group in range(parquet.num_row_groups):
            if sum(table.num_rows for table in read) < DRAWN:
                read.append(parquet.read_row_group(group))
    return stored(pa.concat_tables(read)[:DRAWN]).to_dicts() if read else []


def _again(row: dict[str, Any], kind: Any) -> float:
    """The most that one answer of a row repeats."""
    said = [
        repetition.said_again(turn["content"] or "")
        for column in conversation(kind)
        for turn in row[column] or ()
        if turn["role"] == "assistant"
    ]
    return max(said, default=0.0)


def _near(built: Built, set_to: dict[str, Any]) -> Curve | None:
    """Below the threshold that was set as well, where the rows are few enough to look again."""
    if not any(stage["name"] == "near_dedup" for stage in built.manifest["stages"]):
        return None
    lost = _lost(built, "near_dedup")
    rows = sum(split["rows"] for split in built.manifest["splits"].values()) + lost.height
    anew = rows <= FEW and not set_to.get("against") and not set_to.get("protect")
    found = _measured_anew(built, set_to) if anew else _figure(lost, "exact")
    if not len(found):
        return None
    bound = float(set_to.get("threshold", 0.8))
    steps = [t for t in ALIKE if anew or t >= bound]
    points = [(t, float((found < t).sum())) for t in steps]
    says = (
        "Near duplicates that would stay, if two rows counted as one only from this Jaccard "
        f"similarity on; it is set to {bound:g}"
        + ("." if anew else ", and below it nothing is known.")
    )
    return Curve("Near-duplicates", says, line(points, "near duplicates kept by Jaccard", bound))


def _measured_anew(built: Built, set_to: dict[str, Any]) -> pl.Series:
    """The similarity of every row to the one that would stay for it, from the least one on."""
    from dataengine.dedup.near import LOWEST, duplicates  # numba

    files = [file for _, file in built.data()]
    files += built.files("dropped", "near_dedup")
    how = {key: set_to[key] for key in ("side", "shingle", "keep") if key in set_to}
    columns = ("id", "source", *conversation(built.manifest["kind"]))
    with tempfile.TemporaryDirectory() as folder:
        parts = [Path(folder) / f"{number}.parquet" for number in range(len(files))]
        for file, part in zip(files, parts, strict=True):
            read(file, columns).write_parquet(part)
        found = duplicates(parts, threshold=LOWEST, seed=built.manifest["seed"], **how)
    own = pl.col("id").str.extract("^([^-]*)"), pl.col("duplicate_of").str.extract("^([^-]*)")
    return found.filter(own[0] != own[1]).unique("id")["exact"]  # a copy is no duplicate


def _decontaminated(built: Built) -> Curve | None:
    files = built.files("decisions") and built.files("evidence")
    if not files:
        return None
    found = pl.concat(pl.scan_parquet(file).select("row_id", "score") for file in files)
    scores = found.group_by("row_id").agg(pl.col("score").max()).collect()["score"]
    points = [(t, float((scores < t).sum())) for t in SHARES]
    says = (
        f"Of the {len(scores):,} rows that resemble an eval item, those that would stay, if a row "
        "went only from this score on. The rules ask for more where a text is short."
    )
    return Curve("Decontamination", says, line(points, "rows kept by decontamination score"))


def _passed(built: Built) -> Curve | None:
    """Of every prompt that was measured, those outside the band too."""
    return _at_least("Pass rate", "pass_rate", PASSED, built.files("pass_rates"))


def _annotated(built: Built) -> Iterator[Curve | None]:
    """Of the numbers that stand beside published rows."""
    measured = bool(built.files("pass_rates"))
    for name in numbers(built):
        if name != "pass_rate" or not measured:
            title = name.replace("_", " ").capitalize()
            says = SAID.get(name, f"Published rows whose {name} is at least so much.")
            yield _at_least(title, name, says, [file for _, file in built.data()])


PASSED = "Prompts that the policy passes at least so often, of all that were measured."
SAID = {
    "pass_rate": "Published prompts that are passed at least so often.",
    "margin": "Published pairs whose chosen answer is better by at least so much.",
}


def _at_least(title: str, name: str, says: str, files: Sequence[Any]) -> Curve | None:
    held = [pl.read_parquet(file, columns=[name])[name].cast(pl.Float64) for file in files]
    found = pl.concat(held).drop_nulls().drop_nans() if held else pl.Series(dtype=pl.Float64)
    if found.n_unique() < 2:
        return None  # no threshold would change anything
    points = [(t, float((found >= t).sum())) for t in _steps(found)]
    return Curve(title, says, line(points, says))


def _steps(found: pl.Series) -> list[float]:
    low, high = float(found.min()), float(found.max())  # type: ignore[arg-type]
    return [low + (high - low) * k / 20 for k in range(21)]
