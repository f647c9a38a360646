"""Allowlists: what a suite's policy forgives, with its reason."""

from typing import Any

import polars as pl

from dataengine.kernels.hashing import CLASS_BITS, OPERATOR
from dataengine.kernels.packed import pack
from dataengine.kernels.tokens import tokenise

KEEP = "keep-by-policy"


def apply_policies(evidence: pl.DataFrame, suites: list[Any]) -> pl.DataFrame:
    """`evidence` with its decisions changed where a suite's policy says so."""
    for suite in suites:
        policy = as_dict(suite.policy)
        if policy:
            evidence = apply(evidence, suite.name, policy)
    return evidence


def as_dict(policy: Any) -> dict[str, Any]:
    """A policy's entries that say something; a pydantic model or a plain mapping."""
    entries = policy.model_dump() if hasattr(policy, "model_dump") else dict(policy or {})
    return {key: value for key, value in entries.items() if value}


def apply(evidence: pl.DataFrame, suite: str, policy: dict[str, Any]) -> pl.DataFrame:
    """Evidence with one suite's policy applied to its lines."""
    decision, reason = evidence["decision"].to_list(), evidence["reason"].to_list()
    for place in (evidence["suite"] == suite).arg_true():
        if verdict := forgiven(evidence.row(place, named=True), policy):
            decision[place], reason[place] = verdict
    return evidence.with_columns(
        pl.Series("decision", decision, pl.String), pl.Series("reason", reason, pl.String)
    )


def forgiven(line: dict[str, Any], policy: dict[str, Any]) -> tuple[str, str] | None:
    """(decision, reason) where the policy changes this line's decision."""
    if reason := policy.get("allow_ids", {}).get(line["eval_id"]):
        return KEEP, reason
    part = {"question": "prompt"}.get(line["part"], line["part"])
    if reason := policy.get("ignore", {}).get(part):
        return KEEP, reason
    for phrase, reason in policy.get("allow_phrases", {}).items():
        if only_phrase(line, phrase):
            return KEEP, reason
    thresholds = {
        name: value if isinstance(value, dict) else {"value": value, "reason": ""}
        for name, value in policy.get("thresholds", {}).items()
    }
    drop, review = thresholds.get("drop"), thresholds.get("review")
    if line["decision"] == "drop" and drop and line["score"] < drop["value"]:
        return "review", drop["reason"]
    if line["decision"] == "review" and review and line["score"] < review["value"]:
        return KEEP, review["reason"]
    return None


def only_phrase(line: dict[str, Any], phrase: str) -> bool:
    """Whether what matched is the phrase and nothing that it does not say."""
    matched = " ".join(line["item_text"][s["start"] : s["end"]] for s in line["item_spans"])
    return words(matched) <= words(phrase)


def words(text: str) -> set[int]:
    """The words of a text, as hashes, without operators."""
    hashes, _ = tokenise(*pack([text]))
    return set(hashes[(hashes & CLASS_BITS) != OPERATOR].tolist())
