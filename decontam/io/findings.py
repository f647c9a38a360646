"""Results of a check: decisions, evidence, and the two published tables."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import xxhash

from decontam.decide.evidence import EVIDENCE

DECISIONS = pl.Schema(
    {
        "row_id": pl.String,
        "source": pl.String,
        "decision": pl.String,
        "suite": pl.String,
        "eval_id": pl.String,
        "score": pl.Float32,
        "input": pl.Int32,
        "row": pl.Int64,
    }
)
ROW = pl.struct("input", "row")
"""A row is its file, by its place in the report's `inputs`, and its number there; ids are
labels."""
# A source that overlaps more than this share of any one suite's items is contaminated as a whole
# (Tülu 3, section 3.2).
SOURCE_SHARE = 0.02


@dataclass(frozen=True)
class Findings:
    """`decisions`: row_id, source, decision (drop, review, keep-by-policy), suite, eval_id, score,
    and which row it is: `input`, a place in the report's `inputs`, and `row`, its number there; one
    line per row and item decided on. `evidence`: why, one line for each of these (columns in
    `evidence.EVIDENCE`). `report`: rows and items by suite and source, thresholds, hashes.
    """

    decisions: pl.DataFrame
    evidence: pl.DataFrame
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def dropped(self) -> set[str]:
        """The ids of the rows to drop."""
        return set(self.decisions.filter(pl.col("decision") == "drop")["row_id"])

    @property
    def dropped_rows(self) -> set[tuple[int, int]]:
        """The rows to drop, by the place of their file among the inputs and their number there."""
        gone = self.decisions.filter(pl.col("decision") == "drop")
        return set(gone.select("input", "row").iter_rows())

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.decisions.write_parquet(folder / "decisions.parquet")
        self.evidence.write_parquet(folder / "evidence.parquet")
        (folder / "report.json").write_bytes(
            orjson.dumps(self.report, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        )

    @classmethod
    def read(cls, folder: Path) -> "Findings":
        """What `write` wrote."""
        return cls(
            pl.read_parquet(folder / "decisions.parquet"),
            pl.read_parquet(folder / "evidence.parquet"),
            orjson.loads((folder / "report.json").read_bytes()),
        )

    @classmethod
    def of_build(cls, folder: Path) -> "Findings":
        """What a build's stage found: as a check, but without the files of its rows.

        Raises:
            OSError: the build has not decontaminated.
        """
        report = orjson.loads((folder / "manifest.json").read_bytes())["decontamination"]
        dropped = folder / "dropped"
        decisions = [*dropped.glob("*-decontaminate-decisions.parquet")]
        evidence = [*dropped.glob("*-decontaminate-evidence.parquet")]
        if not (report and decisions and evidence):
            raise FileNotFoundError("a build that has not decontaminated")
        return cls(pl.read_parquet(decisions[0]), pl.read_parquet(evidence[0]), report)


def fingerprint(path: Path) -> str:
    """Which file this was, as `xxhsum -H2` prints it; SHA-256 takes a fifteenth of the scan."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()
    except OSError:  # whoever reads the rows says so, with the file's name
        return ""


def findings(evidence: pl.DataFrame, suites: list[dict[str, Any]], counts: dict[str, int],
             facts: dict[str, Any]) -> Findings:  # fmt: skip
    """`counts`: rows checked by source; `facts`: what the report says besides its tables."""
    evidence = evidence.select(list(EVIDENCE))
    decisions = evidence.select(list(DECISIONS))
    return Findings(decisions, evidence, {**facts, **tables(decisions, suites, counts)})


def with_evidence(found: Findings, evidence: pl.DataFrame) -> Findings:
    """`found` of the same rows where the evidence is another."""
    counts = {source["source"]: source["rows"] for source in found.report["sources"]}
    return findings(evidence, found.report["suites"], counts, found.report)


def tables(
    decisions: pl.DataFrame, suites: list[dict[str, Any]], counts: dict[str, int]
) -> dict[str, Any]:
    """The report's tables: items found by suite and source, and verdicts by source."""
    items = {suite["name"]: suite["items"] for suite in suites}
    dropped = decisions.filter(pl.col("decision") == "drop")
    pairs = dropped.group_by("suite", "source").agg(
        pl.col("eval_id").n_unique().alias("items_hit"),
        ROW.n_unique().alias("rows_dropped"),
    )
    table = [
        {**pair, "share": pair["items_hit"] / items[pair["suite"]]}
        for pair in pairs.sort("suite", "source").iter_rows(named=True)
    ]
    by_source = dict(dropped.group_by("source").agg(ROW.n_unique()).sort("source").iter_rows())
    worst = {
        source: max((line["share"] for line in table if line["source"] == source), default=0.0)
        for source in counts
    }
    return {
        "table": table,
        "sources": [
            {
                "source": source,
                "rows": rows,
                "rows_dropped": by_source.get(source, 0),
                "worst_share": worst[source],
                "verdict": "contaminated"
                if worst[source] > SOURCE_SHARE
                else "rows dropped"
                if by_source.get(source, 0)
                else "clean",
            }
            for source, rows in sorted(counts.items())
        ],
        "suites": suites,
        "decided": dict(decisions.group_by("decision").agg(pl.len()).sort("decision").iter_rows()),
        "rows": sum(counts.values()),
        "rows_dropped": dropped.select(ROW).n_unique(),
    }
