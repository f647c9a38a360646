"""What a build's ledger has shown so far: for plans, which ask nobody and write nothing."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from dataengine.models.model_config import ModelConfig

Part = tuple[str, float, int, int]
"""A model, how many calls, and the tokens in and out that are assumed of each."""


@dataclass(frozen=True)
class Shown:
    """Answers of one model to one stage: how many there are, and their mean tokens."""

    answers: int
    input_tokens: float
    output_tokens: float


def shown(ledger: Path, stage: str, models: Mapping[str, ModelConfig]) -> dict[str, Shown]:
    """What each model of a mixture has answered to a stage; nothing where there is no ledger."""
    if not ledger.is_file():
        return {}
    query = (
        "SELECT model, count(*), avg(input_tokens), avg(output_tokens) FROM calls"
        " WHERE stage = ? AND outcome = 'answered' GROUP BY model"
    )
    try:
        with closing(sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True)) as db:
            found = {row[0]: row[1:] for row in db.execute(query, (stage,))}
    except sqlite3.Error:
        return {}
    named = {name: model.known_as for name, model in models.items()}
    return {
        name: Shown(found[known][0], found[known][1] or 0.0, found[known][2] or 0.0)
        for name, known in named.items()
        if known in found
    }


def remaining(parts: list[Part], known: Mapping[str, Shown]) -> list[Part]:
    """The calls that the ledger does not answer yet, with the tokens that it has shown."""
    left: list[Part] = []
    there = {name: float(said.answers) for name, said in known.items()}
    for name, count, given, got in parts:
        replayed = min(count, there.get(name, 0.0))
        there[name] = there.get(name, 0.0) - replayed
        if name in known:
            given, got = round(known[name].input_tokens), round(known[name].output_tokens)
        left.append((name, count - replayed, given, got))
    return left
