"""Openings that many questions of a suite share: "write a function to find the ...".

They say what kind of question it is, and an embedding of a short question is about little else.
"""

from collections import Counter
from collections.abc import Iterable

# An opening has so many words, and more than one in so many questions, and FEW of them, have it.
SHORTEST, LONGEST, ONE_IN, FEW = 3, 8, 10, 5


def openings(questions: Iterable[str]) -> frozenset[str]:
    """The openings of a suite's questions, in lower case, with single spaces."""
    told = [question.lower().split() for question in set(questions)]
    times = Counter(
        " ".join(words[:n])
        for words in told
        for n in range(SHORTEST, min(LONGEST, len(words) - 1) + 1)
    )
    often = max(FEW, len(told) // ONE_IN)
    return frozenset(opening for opening, n in times.items() if n > often)


def without_opening(text: str, known: frozenset[str]) -> str:
    """A text without the longest of these openings that it has; as it is, where it has none."""
    words = text.split()
    for n in range(min(LONGEST, len(words) - 1), SHORTEST - 1, -1):
        if " ".join(words[:n]).lower() in known:
            return " ".join(words[n:])
    return text
