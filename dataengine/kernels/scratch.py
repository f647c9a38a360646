"""Per-thread scratch buffers, reused between batches: new memory is slower than a write to old."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class ScratchBuffers:
    """One thread's scratch arrays by name; each is valid until it is asked for again."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}

    def array(self, name: str, size: int, kind: Any) -> NDArray[Any]:
        """`size` entries of `kind`, of any content."""
        held = self._arrays.get(name)
        if held is None or len(held) < size:
            held = self._arrays[name] = np.empty(size + size // 8, kind)
        return held[:size]
