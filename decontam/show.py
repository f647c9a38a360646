"""Terminal report: rows and items side by side, and the comparison of two checks."""

from typing import Any

import polars as pl

from decontam.decide.policy import KEEP
from decontam.io.findings import Findings

MARK, END = "⟦", "⟧"
KEYS_SHOWN = 8


def summary(report: dict[str, Any]) -> str:
    """The two published tables: rows dropped by source, items overlapped by suite and source."""
    lines = [f"{report['rows']:,} rows checked, {report['rows_dropped']:,} to drop"]
    lines.append(f"texts were read from: {_keys(report['keys'])}")
    if report["rows_without_text"]:
        lines.append(f"{report['rows_without_text']:,} rows hold no text: not checked")
    if missing := report.get("missing"):
        lines.append(f"asked for and NOT CHECKED, no items at hand: {', '.join(missing)}")
    lines += ["", f"{'source':32} {'rows':>10} {'drop':>8} {'worst':>7}  verdict"]
    for s in sorted(report["sources"], key=lambda s: -s["rows_dropped"]):
        lines.append(
            f"{s['source'][:32]:32} {s['rows']:>10,} {s['rows_dropped']:>8,} "
            f"{s['worst_share']:>7.1%}  {s['verdict']}"
        )
    if report["table"]:
        lines += ["", f"{'suite':24} {'source':32} {'items':>7} {'share':>7} {'rows':>8}"]
    for t in report["table"]:
        lines.append(
            f"{t['suite'][:24]:24} {t['source'][:32]:32} {t['items_hit']:>7,} "
            f"{t['share']:>7.1%} {t['rows_dropped']:>8,}"
        )
    return "\n".join(lines)


def _keys(keys: dict[str, int]) -> str:
    """The keys that texts stood under, the commonest first."""
    told = [f"{key} {count:,}" for key, count in [*keys.items()][:KEYS_SHOWN]]
    more = f" and {len(keys) - KEYS_SHOWN} more (report.json)" if len(keys) > KEYS_SHOWN else ""
    return ", ".join(told) + more


def marked(text: str, spans: list[dict[str, int]], offset: int = 0) -> str:
    """`text` with its spans between marks; spans count from `offset` characters before it."""
    out, at = [], 0
    for span in sorted(spans, key=lambda s: s["start"]):
        start, end = span["start"] - offset, min(span["end"] - offset, len(text))
        if start < at or start >= end:
            continue
        out += [text[at:start], MARK, text[start:end], END]
        at = end
    return "".join([*out, text[at:]])


def show(
    found: Findings, suite: str | None, row: str | None, decision: str | None, limit: int
) -> str:
    """Evidence as text to read: matches side by side."""
    lines = found.evidence
    for column, value in (("suite", suite), ("row_id", row), ("decision", decision)):
        if value is not None:
            lines = lines.filter(pl.col(column) == value)
    if lines.is_empty():
        return "nothing was decided on that"
    pages = [page(line) for line in lines.sort("score").head(limit).iter_rows(named=True)]
    rest = len(lines) - len(pages)
    return "\n\n".join(pages) + (f"\n\n... and {rest} more (--limit)" if rest else "")


def page(line: dict[str, Any]) -> str:
    """One line of evidence as text."""
    parts = [f"{name} {line[name]:.2f}" for name in ("passage", "choices", "answer")
             if line[name] is not None]  # fmt: skip
    changed = [f"{line[f'{name}_replaced']} {name} replaced" for name in ("numbers", "operators")
               if line[f"{name}_replaced"]]  # fmt: skip
    # The second tier aligns nothing.
    measure = "cosine" if line["coverage"] is None else "agreement"
    facts = [
        f"{measure} {line['score']:.2f} (needs {line['needed']:.2f})",
        f"{line['nats']:.0f} nats",
        *parts,
        *changed,
    ]
    here = [span for span in line["row_spans"] if span["turn"] == line["turn"]]
    head = f"{line['decision']}: {line['row_id']} has {line['eval_id']} ({line['rule']})"
    kept = "kept: " if line["decision"] == KEEP else ""
    reason = [f"  {kept}{line['reason']}"] if line["reason"] else []
    return "\n".join(
        [
            head,
            *reason,
            f"  {', '.join(facts)}",
            f"  row, turn {line['turn']} ({line['role']}), character {line['row_text_start']}:",
            indent(marked(line["row_text"], here, line["row_text_start"])),
            f"  {line['suite']}, {line['part']}:",
            indent(marked(line["item_text"], line["item_spans"])),
        ]
    )


def indent(text: str) -> str:
    """A text, each line four spaces in."""
    return "\n".join(f"    {part}" for part in text.splitlines())


def compare(before: Findings, after: Findings) -> tuple[str, bool]:
    """What changed between two checks, row and item by row and item, and whether anything did."""
    keys = ["row_id", "suite", "eval_id"]
    both = before.decisions.select(*keys, pl.col("decision").alias("before")).join(
        after.decisions.select(*keys, pl.col("decision").alias("after")),
        on=keys,
        how="full",
        coalesce=True,
    )
    both = both.with_columns(pl.col("before", "after").fill_null("keep"))
    changed = both.filter(pl.col("before") != pl.col("after")).sort(*keys)
    lost, gained = before.dropped - after.dropped, after.dropped - before.dropped
    lines = [
        f"rows dropped: {len(before.dropped):,} before, {len(after.dropped):,} after "
        f"({len(gained):,} new, {len(lost):,} no more)"
    ]
    counts = changed.group_by("suite", "before", "after").agg(pl.len()).sort("suite", "before")
    lines += [f"{s:24} {b} -> {a}: {n:,}" for s, b, a, n in counts.iter_rows()]
    for line in changed.head(20).iter_rows(named=True):
        lines.append(f"  {line['row_id']} {line['eval_id']}: {line['before']} -> {line['after']}")
    if len(changed) > 20:
        lines.append(f"  ... and {len(changed) - 20:,} more")
    return "\n".join(lines), not changed.is_empty()
