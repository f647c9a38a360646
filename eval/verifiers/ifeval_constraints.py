"""Verifiable constraints to train on, under the name that other code imports them by."""

from eval.verifiers.instructions.constraint import (
    HELD_OUT,
    LANGUAGE_NEUTRAL,
    TRAINABLE,
    Constraint,
    constraint,
    draw,
    firewalled,
    ground_truth,
)

__all__ = [
    "HELD_OUT",
    "LANGUAGE_NEUTRAL",
    "TRAINABLE",
    "Constraint",
    "constraint",
    "draw",
    "firewalled",
    "ground_truth",
]
