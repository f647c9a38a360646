"""Constraints that a verifier can check, attached to instructions that somebody else wrote."""

import hashlib
import random
from collections.abc import Mapping
from typing import Any

from dataengine.rows import shapes
from dataengine.rows.errors import ShapeError
from dataengine.sources.source import RecordSource
from eval.verifiers.instructions import constraint


def constrained(
    record: Mapping[str, Any], source: RecordSource, seed: int, row: int
) -> shapes.Content:
    """A record's prompt with constraints attached, and the ground truth that verifies them.

    They are drawn from (seed, source, row number) alone, so that they can hold together and none
    is one that a held-out suite tests.

    Raises:
        ShapeError: the record has no prompt, or its prompt does not end with a user turn.
    """
    assert source.constraints is not None
    found = shapes.prompt(record)
    prompt = found.columns["prompt"]
    if prompt[-1]["role"] != "user":
        raise ShapeError("the prompt does not end with a user turn")
    key = hashlib.blake2b(f"{seed}:{source.name}:{row}".encode(), digest_size=8).digest()
    drawing = random.Random(int.from_bytes(key, "big"))
    request = prompt[-1]["content"]
    drawn = constraint.draw(drawing, drawing.randint(*source.constraints))
    bound = [one.bound(request) for one in drawn]
    asked = f"{request}\n\n{' '.join(one.text for one in bound)}"
    columns = found.columns | {
        "prompt": [*prompt[:-1], {**prompt[-1], "content": asked}],
        "ground_truth": constraint.ground_truth(bound),
        "verifier": "ifeval",
        "gold": None,
    }
    return shapes.Content(columns, found.keys)
