"""An instruction type: its published id, its arguments, and the check of a text against them.

The checkers live in `ifeval_checks` (the 25 types of IFEval, Zhou et al. 2023, arXiv:2311.07911)
and the `ifbench_*` modules (the 58 of IFBench, Pyatkin et al. 2025, arXiv:2507.02833). A checker
is a function of the text and of the type's keyword arguments, with the published argument names;
its annotations are what an argument must be.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, validate_call

Relation = Literal["less than", "at least"]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Text = Annotated[str, Field(min_length=1)]


class MalformedInstruction(ValueError):
    """An unknown instruction id, or arguments that its checker cannot use."""


@dataclass(frozen=True)
class Instruction:
    """One instruction type. `suite` is the published set that it belongs to."""

    id: str
    suite: Literal["ifeval", "ifbench"]
    check: Callable[..., bool]


INSTRUCTIONS: dict[str, Instruction] = {}
"""By id. Import it from the package, which imports every module that adds to it."""


def instruction(id: str, suite: Literal["ifeval", "ifbench"]) -> Callable[..., Any]:
    """Register the decorated checker under a published id."""

    def register(check: Callable[..., bool]) -> Callable[..., bool]:
        INSTRUCTIONS[id] = Instruction(id, suite, validate_call(check))
        return check

    return register
