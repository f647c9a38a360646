"""Verdict: what a verifier says about an answer, and the errors by which it says nothing.

An error is not a zero: where nothing could be decided (a timeout of the verifier, a missing
sandbox, a ground truth that cannot be read) a verdict has its `error` set and neither a score nor
a pass, so that a reward skips the row instead of punishing the answer.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer judged against one ground truth.

    `score` lies in [0, 1] and `passed` says whether the answer counts as correct; both are None
    exactly when `error` is set, as "class: detail". `reason` is for people, one line.
    """

    score: float | None
    passed: bool | None
    reason: str = ""
    error: str | None = None

    def __post_init__(self) -> None:
        if self.error is None:
            if self.score is None or self.passed is None:
                raise ValueError("a verdict needs a score and a pass, or an error")
            if not 0.0 <= self.score <= 1.0:
                raise ValueError(f"a verdict's score lies in [0, 1], not {self.score}")
        elif self.score is not None or self.passed is not None:
            raise ValueError("a verdict with an error has neither score nor pass")

    @classmethod
    def of(cls, passed: bool, reason: str = "", score: float | None = None) -> "Verdict":
        """A decided verdict; the score is 1 or 0 unless a fraction is given."""
        return cls(float(passed) if score is None else score, passed, reason)

    @classmethod
    def failure(cls, error: Exception) -> "Verdict":
        """Nothing could be decided, because of `error`."""
        text = " ".join(str(error).split())[:500]
        return cls(None, None, error=f"{type(error).__name__}: {text}")


class VerifierError(ValueError):
    """A verifier could not decide; becomes `Verdict.error` at the boundary in `Verifier.verify`."""


class UnknownVerifier(VerifierError):
    """No verifier has this name."""


class MalformedGroundTruth(VerifierError):
    """The ground truth is not what this verifier reads."""


class VerifierTimeout(VerifierError):
    """The verifier itself (not a program it was given to run) took too long."""


class Unavailable(VerifierError):
    """What the verifier needs is missing here: a sandbox, a library, somebody to ask."""
