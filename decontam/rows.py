"""Rows as every input shape holds them: which of their strings are text, and whose turn each is."""

import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa

# A string under one of these keys, at any depth, is text that a model would be trained on:
# messages (role, content), ShareGPT (from, value), Alpaca (instruction, input, output), prompt and
# completion, preference pairs, plain text.
TEXT_KEYS = (
    "content",
    "value",
    "text",
    "system",
    "instruction",
    "input",
    "output",
    "prompt",
    "question",
    "query",
    "completion",
    "response",
    "answer",
    "chosen",
    "rejected",
    "ground_truth",
)
ROLE_KEYS = ("role", "from")
# What a row says about itself, not to a model.
SKIPPED_KEYS = ("id", "source", "provenance", "meta", "metadata", "tools")


class InputError(ValueError):
    """Input that cannot be read: the message names the file, the line or key, and what to do."""


@dataclass(frozen=True)
class Text:
    """One text of a row: its place among the row's texts is its turn."""

    role: str
    text: str


def row_texts(row: Any, key: str = "") -> list[Text]:
    """The texts of a parsed row in the order in which they are written.

    The role is the message's (`role` or `from`), else the key (`instruction`, `chosen`).
    """
    if isinstance(row, str):
        return [Text(key, row)] if key in TEXT_KEYS else []
    if isinstance(row, list):
        return [text for value in row for text in row_texts(value, key)]
    if not isinstance(row, dict):
        return []
    role = next((row[k] for k in ROLE_KEYS if isinstance(row.get(k), str)), None)
    found: list[Text] = []
    for name, value in row.items():
        if name in SKIPPED_KEYS:
            continue
        inner = row_texts(value, name)
        if role is not None and isinstance(value, str):
            inner = [Text(role, text.text) for text in inner]
        found += inner
    return found


def open_bytes(path: Path) -> IO[bytes]:
    """A file's bytes, decompressed where its name ends in .gz or .zst."""
    try:
        if path.suffix == ".gz":
            return gzip.open(path, "rb")  # type: ignore[return-value]
        if path.suffix == ".zst":
            return io.BufferedReader(pa.input_stream(str(path), compression="zstd"))
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


def parse_line(line: bytes, where: str) -> Any:
    """One JSON line; lone surrogates, which strict parsers refuse, are accepted."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        try:
            return json.loads(line.decode("utf-8", "replace"))
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputError(f"{where}: not a JSON line ({error}); fix or remove it") from None


def read_json_lines(path: Path) -> Iterator[Any]:
    """The parsed lines of a JSONL file, blank lines left out.

    Raises `InputError` naming the file and line of the first that is not JSON.
    """
    with open_bytes(path) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield parse_line(line, f"{path}:{number}")
