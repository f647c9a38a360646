"""Verifiable instruction types: IFEval's 25 and IFBench's 58, each with its check of a text.

The verifier that uses them is `eval/verifiers/ifeval.py`.
"""

from eval.verifiers.instructions import (
    ifbench_counts,
    ifbench_custom,
    ifbench_formats,
    ifbench_words,
    ifeval_checks,
)
from eval.verifiers.instructions.instruction import INSTRUCTIONS, MalformedInstruction

__all__ = [
    "INSTRUCTIONS",
    "MalformedInstruction",
    "ifbench_counts",
    "ifbench_custom",
    "ifbench_formats",
    "ifbench_words",
    "ifeval_checks",
]
