"""Counting tokens: by a named tokenizer, or by an estimate that says it is one."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from pydantic import PlainSerializer

from dataengine.errors import UserError

ESTIMATE = "UTF-8 bytes / 4"
"""What a token is taken to be where no tokenizer is named."""


def named(tokenizer: str | None) -> str:
    """How figures in tokens call the way they were counted."""
    if tokenizer is None:
        return f"estimated as {ESTIMATE}"
    return Path(tokenizer).name if Path(tokenizer).exists() else tokenizer


def identity(tokenizer: str | None) -> str | None:
    """What decides how a tokenizer counts: its Hub name, or the content of its local file."""
    file = _file(tokenizer) if tokenizer else None
    if file is None:
        return tokenizer
    return hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()


Tokenizer = Annotated[str | None, PlainSerializer(identity)]
"""A field of a stage that names a tokenizer: its fingerprint has the content, never the path."""


def lengths(texts: pl.Series, tokenizer: str | None) -> pl.Series:
    """Tokens of each text, without special tokens."""
    if tokenizer is None:
        return estimated(texts.str.len_bytes())
    return pl.Series("tokens", [len(ids) for ids in encode(texts, tokenizer)], dtype=pl.Int64)


def estimated(sizes: pl.Series) -> pl.Series:
    """Tokens of texts of so many bytes, where no tokenizer is named."""
    return ((sizes + 3) // 4).cast(pl.Int64).alias("tokens")


def encode(texts: pl.Series, tokenizer: str) -> list[list[int]]:
    """The token ids of each text, without special tokens."""
    encoded = _loaded(tokenizer).encode_batch_fast(texts.to_list(), add_special_tokens=False)
    return [e.ids for e in encoded]


def check(tokenizer: str) -> None:
    """Raise a UserError where the tokenizer cannot be had."""
    _loaded(tokenizer)


def _file(tokenizer: str) -> Path | None:
    """The tokenizer's file, where it is a local one."""
    folder = Path(tokenizer)
    file = folder / "tokenizer.json" if folder.is_dir() else folder
    return file if file.is_file() else None


@lru_cache
def _loaded(tokenizer: str) -> Any:
    from tokenizers import Tokenizer

    file = _file(tokenizer)
    try:
        if file:
            return Tokenizer.from_file(str(file))
        return Tokenizer.from_pretrained(tokenizer)
    except Exception as error:
        raise UserError(
            f"tokenizer {tokenizer}: cannot be loaded ({' '.join(str(error).split())[:120]}); "
            "name a folder with tokenizer.json, or a Hub repository that has one"
        ) from None
