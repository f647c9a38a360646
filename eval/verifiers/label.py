"""Ground-truth filter: labels that are no answers ("see solution") are refused."""

import re

from eval.verifiers.latex import unwrapped
from eval.verifiers.verdict import MalformedGroundTruth

# What people write where the answer should stand.
_POINTER = re.compile(
    r"\b(?:see|refer\s+to|as\s+(?:above|below|shown)|(?:given|shown|solution|answer)s?\s+(?:above|below)"
    r"|left\s+to\s+the\s+reader|(?:answers?|proofs?|solutions?)\s+(?:may\s+)?var(?:y|ies)"
    r"|no\s+answer(?:\s+given)?|not\s+(?:given|available|applicable|provided))\b"
    r"|^\W*(?:n/?a|tbd|todo|proof|omitted|unknown|answer|solution)\W*$",
    re.IGNORECASE,
)
_FORMULA = re.compile(r"[\d=<>^_+*/\\]")
# The whole answer to many a problem: "no real solutions", "all real numbers", "does not exist".
_DECISIONS = (
    "no none real complex solution solutions root roots all numbers number integer integers "
    "positive negative nonnegative infinitely infinite many does do not exist exists such never "
    "always undefined impossible possible empty set and or yes the every odd even prime true false "
    "neither both only if it is"
)
_MOST_WORDS = 8


def refuse_prose(ground_truth: str) -> None:
    r"""Raise MalformedGroundTruth for a text that points elsewhere or is prose, where one
    expression is wanted: several words without any formula. A name (`Evelyn`) and text that is set
    as such (`\text{Sunday morning}`) are expressions."""
    if _POINTER.search(unwrapped(ground_truth)):
        raise MalformedGroundTruth(f"no answer but a pointer to one: {ground_truth[:80]!r}")
    if "\\" in ground_truth or "$" in ground_truth or _FORMULA.search(ground_truth):
        return
    words = re.findall(r"[^\W\d_]+", ground_truth.casefold())
    if len(words) > _MOST_WORDS or (len(words) > 3 and not set(words) <= set(_DECISIONS.split())):
        raise MalformedGroundTruth(f"prose, not one expression: {ground_truth[:80]!r}")
