"""Incremental near-duplicate detection for generated prompts (MinHash LSH), and distinct-n.

datasketch's MinHashLSH over word 3-grams proposes, exact Jaccard decides (Broder 1997). A word of a
script without spaces is one character. A duplicate is known before anybody is paid to answer it.
(Several processes can share one table in MinHashLSH's Redis storage.)
"""

from collections.abc import Iterable

from datasketch import MinHash, MinHashLSH

from eval.verifiers.relevance import words

SIZE = 3
BANDS, ROWS = 24, 4
THRESHOLD = 0.7


class Novelty:
    """Index of the prompts seen so far; some 6 kB each."""

    def __init__(self, threshold: float = THRESHOLD):
        self.threshold = threshold
        self._table = MinHashLSH(num_perm=BANDS * ROWS, params=(BANDS, ROWS))
        self._seen: dict[str, tuple[int, frozenset[str]]] = {}

    def add(self, name: str, text: str) -> tuple[str, float] | None:
        """Take in a prompt; or, where an earlier one says the same, its name and likeness."""
        grams = _grams(text)
        sketch = MinHash(num_perm=BANDS * ROWS)
        sketch.update_batch([gram.encode() for gram in sorted(grams)])
        like = []
        for other in self._table.query(sketch):
            place, seen = self._seen[other]
            like.append((jaccard(grams, seen), -place, other))
        likeness, _, other = max(like, default=(0.0, 0, ""))
        if likeness >= self.threshold:
            return other, round(likeness, 3)
        self._table.insert(name, sketch)
        self._seen[name] = len(self._seen), grams
        return None


def distinct(texts: Iterable[str], size: int) -> float | None:
    """Distinct n-grams over all n-grams of the texts (Li et al. 2016); None where there are none.

    It falls with the amount of text: compare it between sources of like size alone.
    """
    seen: set[tuple[str, ...]] = set()
    total = 0
    for text in texts:
        said = words(text)
        for place in range(len(said) - size + 1):
            seen.add(tuple(said[place : place + size]))
            total += 1
    return round(len(seen) / total, 4) if total else None


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Jaccard index of two sets."""
    common = len(one & other)
    return common / (len(one) + len(other) - common)


def _grams(text: str) -> frozenset[str]:
    said = words(text) or [text]
    size = min(SIZE, len(said))
    return frozenset(" ".join(said[i : i + size]) for i in range(len(said) - size + 1))
