"""Rows on disk for the tests of dedup, and the plain-Python twins of its kernels."""

import hashlib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.decontam.kernels import plain_fold

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
WORD = rb"[a-z0-9\x80-\xff]"
LEFT = rb"(?:(?<=[0-9)\]}])|(?<=[0-9)\]}] )|(?<=(?<!%b)[a-z])|(?<=(?<!%b)[a-z] ))" % (WORD, WORD)
RIGHT = rb"(?= ?(?:[0-9(\[{]|[a-z](?!%b)))" % WORD
TOKEN = re.compile(
    rb"%b+|[+/<=>%%&^]|(?<=%b)#|(?<!%b)-(?=%b)|%b[-*]%b" % (WORD, WORD, WORD, WORD, LEFT, RIGHT)
)


class Twins:
    """What each kernel must compute, in Python that is plain rather than fast."""

    def folded(self, text: str) -> bytes:
        return plain_fold(text).encode().lower()

    def words(self, text: str) -> list[bytes]:
        return TOKEN.findall(self.folded(text))

    def characters(self, text: str) -> list[str]:
        folded, found, after = self.folded(text), "", 0
        for match in TOKEN.finditer(folded):
            gap = " " if found and match.start() > after else ""
            found, after = found + gap + match[0].decode(), match.end()
        return list(found + " ") if found else []

    def hash_of_word(self, word: bytes) -> int:
        state, word = 0, word.replace(b"^", b"~")
        for start in range(0, len(word), 8):
            state = (state ^ int.from_bytes(word[start : start + 8], "little")) * GOLDEN & MASK
            state ^= state >> 32
        return state

    def shingles(self, text: str, n: int = 5) -> set[tuple[bytes, ...]]:
        words = self.words(text)
        return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}

    def jaccard(self, first: str, second: str, n: int = 5) -> float:
        a, b = self.shingles(first, n), self.shingles(second, n)
        return len(a & b) / len(a | b) if a | b else 0.0


@pytest.fixture(scope="session")
def twins() -> Twins:
    return Twins()


Write = Callable[..., list[Path]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write rows to Parquet parts of `size` rows: (source, text or turns), ids 0, 1, 2 ..."""

    def parts(rows: Iterable[tuple[str, Any]], size: int = 3, name: str = "part") -> list[Path]:
        table = [
            {
                "id": str(number),
                "source": source,
                "messages": [
                    {"role": role, "content": content, "tool_calls": None, "name": None}
                    for role, content in ([("user", said)] if isinstance(said, str) else said)
                ],
            }
            for number, (source, said) in enumerate(rows)
        ]
        paths = []
        for start in range(0, len(table), size):
            paths.append(tmp_path / f"{name}-{start:06}.parquet")
            pl.DataFrame(table[start : start + size]).write_parquet(paths[-1])
        return paths

    return parts


@pytest.fixture(scope="session")
def prose() -> Callable[[int, int], list[str]]:
    """`size` words that look random and depend on `seed` alone."""

    def words(seed: int, size: int) -> list[str]:
        digest = hashlib.shake_128(str(seed).encode()).digest(2 * size)
        return [f"w{n}" for n in np.frombuffer(digest, np.uint16)]

    return words
