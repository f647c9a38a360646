"""Kernels that only kernels call, for tests to call."""

from collections.abc import Callable
from typing import Any

import numba


def from_python(part: Callable) -> Callable:
    """`part` behind an entry of its own; signed integers become what other kernels pass."""

    @numba.njit
    def entry(*arguments: Any) -> Any:
        return part(*arguments)

    return entry
