"""What the comments and docstrings of code say, without the code.

Another language's code for the same task shares the words of its description and little else, so a
description is compared by itself too. It ends where examples begin: they are written anew.
"""

import re

CODE = re.compile(r"^\s*(?:def|class|import|from|return|#include|function)\b", re.MULTILINE)
COMMENT = re.compile(
    r'"""(?P<docstring>.*?)"""|/\*(?P<block>.*?)\*/|(?://|#(?!include|define))(?P<line>[^\n]*)',
    re.DOTALL,
)
EXAMPLE = re.compile(r">>>|(?:for )?examples?\b|e\.g|tests?\b|notes?\b", re.IGNORECASE)
WORDS = re.compile(r"[A-Za-z]{2,} [a-z]")


def prose(text: str) -> tuple[int, int, str] | None:
    """(start, end, what is said) of the comments of a text with code, each up to its examples."""
    if not CODE.search(text):
        return None
    found = list(COMMENT.finditer(text))
    said = [line for comment in found for line in description(comment[comment.lastgroup or 0])]
    return (found[0].start(), found[-1].end(), " ".join(said)) if said else None


def description(comment: str) -> list[str]:
    """The lines of a comment that have words, up to its examples."""
    lines = []
    for line in comment.splitlines():
        stripped = line.strip(" *\t")
        if EXAMPLE.match(stripped):
            break
        if WORDS.search(stripped):
            lines.append(stripped)
    return lines
