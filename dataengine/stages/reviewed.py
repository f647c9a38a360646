"""Review: a person's decisions on pairs of a row and an eval item, from a CSV file."""

import csv
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from dataengine.errors import UserError

if TYPE_CHECKING:
    from decontam.io.findings import Findings

COLUMNS = ("row", "item", "decision", "who", "note")
DECISIONS = {"drop": "drop", "keep": "keep-by-review"}
"""What a person may say of a pair, and what evidence calls it."""
PAIR = ("row_id", "eval_id")
NAMED = dict.fromkeys((*PAIR, "decided", "why"), pl.String())


class Reviewed(NamedTuple):
    """Findings as a person decided on them."""

    found: "Findings"
    counts: dict[str, int]
    """Pairs by what was said of them, and those that are not among the findings."""


def fingerprint(file: Path) -> str:
    """A hash of the decisions, which is part of what decides the rows.

    Raises:
        UserError: there is no such file, or it is no table of decisions.
    """
    decided = read(file)
    return hashlib.blake2b(decided.write_csv().encode(), digest_size=16).hexdigest()


def read(file: Path) -> pl.DataFrame:
    """The decisions of a file in `NAMED`, a line for each pair.

    Raises:
        UserError: there is no such file, or it is no table of decisions; names the line.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            found = csv.DictReader(lines)
            if not {*COLUMNS[:3]} <= {*(found.fieldnames or ())}:
                raise UserError(f"{file}:1: its columns are to be {', '.join(COLUMNS)}")
            decided = [_decided(line, f"{file}:{found.line_num}") for line in found]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"decontaminate: review: {file}: cannot be read ({error})") from None
    rows = pl.DataFrame(decided, schema=NAMED, orient="row").unique(maintain_order=True)
    twice = rows.filter(pl.struct(PAIR).is_duplicated())
    if twice.height:
        row, item = twice.row(0)[:2]
        raise UserError(f"{file}: says two things of row {row} and {item}; leave one of them")
    return rows


def _decided(line: dict[str, str | None], place: str) -> tuple[str, ...]:
    said = {name: (line.get(name) or "").strip() for name in COLUMNS}
    if said["decision"] not in DECISIONS:
        raise UserError(f"{place}: decision: keep or drop, not {said['decision']!r}")
    by = f" by {said['who']}" if said["who"] else ""
    note = f": {said['note']}" if said["note"] else ""
    return said["row"], said["item"], DECISIONS[said["decision"]], f"reviewed{by}{note}"


def reviewed(found: "Findings", decided: pl.DataFrame) -> Reviewed:
    """`found` with a person's decisions in place of the rules'."""
    from decontam.io.findings import with_evidence

    lines = found.evidence.join(decided, on=PAIR, how="left", maintain_order="left")
    evidence = lines.with_columns(
        pl.coalesce("decided", "decision").alias("decision"),
        pl.coalesce("why", "reason").alias("reason"),
    ).drop("decided", "why")
    here = decided.join(found.evidence, on=PAIR, how="semi")["decided"]
    counts = {said: int((here == called).sum()) for said, called in DECISIONS.items()}
    return Reviewed(with_evidence(found, evidence), counts | {"gone": decided.height - here.len()})
