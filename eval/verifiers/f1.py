"""Token F1 with the best of several reference answers, as DROP scores it.

Dua et al. 2019 (DROP), section 5: articles and punctuation do not count, numbers compare as
numbers, and an answer without any of the reference's numbers earns nothing. The ground truth is one
string or a JSON list of accepted ones. Score: F1 of the words as bags; passed: the same words.
"""

import re
import string
from collections import Counter

from eval.verifiers import exact, phrases
from eval.verifiers.exact import accepted
from eval.verifiers.latex import last_boxed
from eval.verifiers.verdict import MalformedGroundTruth, Verdict

_ARTICLES = {"a", "an", "the"}
_PUNCTUATION = str.maketrans("", "", string.punctuation + "“”‘’´`–—")


def extract(answer: str) -> str:
    """What follows the last "Answer:" or "answer is", the last box, or the whole text."""
    if said := phrases.said(answer):
        return said[-1].strip(" *`")
    return last_boxed(answer) or answer


def words(text: str) -> Counter[str]:
    """The words that count, numbers in one spelling ("1,000.0" is "1000"). An article counts
    where there is nothing else."""
    found: list[str] = []
    articles: list[str] = []
    for token in re.split(r"[\s\-–—]+", text.casefold()):
        value = _number(token)
        bare = value or token.translate(_PUNCTUATION)
        if bare:
            (articles if bare in _ARTICLES else found).append(bare)
    return Counter(found or articles)


def _number(token: str) -> str | None:
    bare = token.strip(string.punctuation.replace(".", "") + "€£¥").rstrip(".").replace(",", "")
    if not re.fullmatch(r"\d*\.?\d+", bare):
        return None
    whole, _, decimals = bare.partition(".")
    decimals = decimals.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{decimals}" if decimals else "")


def f1(given: Counter[str], truth: Counter[str]) -> float:
    numbers = {word for word in truth if word[0].isdigit()}
    if numbers and not numbers & given.keys():
        return 0.0
    shared = (given & truth).total()
    return 2 * shared / (given.total() + truth.total()) if shared else 0.0


def _truths(ground_truth: str) -> list[Counter[str]]:
    truths = [words(truth) for truth in accepted(ground_truth)]
    if not all(truths):
        raise MalformedGroundTruth(f"a reference answer without a word: {ground_truth[:80]!r}")
    return truths


def check(ground_truth: str) -> None:
    _truths(ground_truth)


def verify(answer: str, ground_truth: str) -> Verdict:
    given, truths = words(extract(answer)), _truths(ground_truth)
    best = max(f1(given, truth) for truth in truths)
    return Verdict.of(given in truths, f"F1 {best:.2f}", score=best)


def agree(a: str, b: str) -> bool:
    return bool(words(extract(a))) and words(extract(a)) == words(extract(b))


ground_truth = exact.ground_truth
wrong = exact.wrong
