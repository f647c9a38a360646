"""Verifiers: what counts as correct, for rewards, persona checks, pair building, evaluation.

>>> verify("gsm8k", "So she earns $18.00.", "18").passed
True
"""

from eval.verifiers.registry import Verifier, names, require, verifier, verify, verify_batch
from eval.verifiers.verdict import (
    MalformedGroundTruth,
    Unavailable,
    UnknownVerifier,
    Verdict,
    VerifierError,
    VerifierTimeout,
)

__all__ = [
    "MalformedGroundTruth",
    "Unavailable",
    "UnknownVerifier",
    "Verdict",
    "Verifier",
    "VerifierError",
    "VerifierTimeout",
    "names",
    "require",
    "verifier",
    "verify",
    "verify_batch",
]
