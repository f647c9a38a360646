"""Packed texts: the UTF-8 bytes of a batch and the bounds of each text, like Arrow's strings."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int64]


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """The same array, not to be written: so kernels are compiled for one kind of array, not two."""
    view = array.view()
    view.flags.writeable = False
    return view


def pack(texts: Iterable[str]) -> tuple[Bytes, Offsets]:
    """Python strings as the pair that `tokenise` takes; lone surrogates survive as separators."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(e) for e in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded) or b"\0", np.uint8), offsets


def text_at(data: Bytes, offsets: Offsets, number: int) -> str:
    """One text of what `pack` and `arrow_texts` give."""
    start, end = offsets[number : number + 2].tolist()
    return data[start:end].tobytes().decode("utf-8", "replace")


def arrow_texts(column: Any) -> tuple[Bytes, Offsets]:
    """A pyarrow string array as the pair that `tokenise` takes, in place; a null is empty."""
    array = column if isinstance(column, pa.LargeStringArray) else column.cast(pa.large_string())
    if array.null_count:
        array = array.fill_null("")
    _, offset_buffer, data_buffer = array.buffers()
    if data_buffer is None or not len(array):
        return np.zeros(1, np.uint8), np.zeros(len(array) + 1, np.int64)
    offsets = np.frombuffer(offset_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data_buffer, np.uint8), offsets
