"""Turns that look empty: nothing in them but space and characters that show nothing."""

from collections.abc import Sequence
from typing import ClassVar

import polars as pl

from dataengine.row import ROLES, Message
from dataengine.stages.filters import Finding, TurnFilter

VISIBLE = r"[^\p{Z}\p{C}\x{115F}\x{1160}\x{2800}\x{3164}\x{FFA0}]"
"""Anything but separators, controls, format characters, and the letters that print as blanks."""


class EmptyTurns(TurnFilter):
    """Drops rows with a turn that shows nothing. One that calls a tool may be empty."""

    name: ClassVar[str] = "empty_turns"

    roles: ClassVar[tuple[str, ...]] = ROLES

    def gate(self, texts: pl.DataFrame) -> pl.Series:
        return ~texts["text"].str.contains(VISIBLE)

    def find(self, text: str, turns: Sequence[Message], number: int) -> Finding | None:
        """Blank reasoning is no empty turn, nor is a turn that calls."""
        turn = turns[number]
        if turn["tool_calls"] or text != turn["content"]:
            return None
        return Finding("empty turn", 0, len(text))
