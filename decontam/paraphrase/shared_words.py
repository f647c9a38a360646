"""How much of the rare words of two texts is shared: the cosine of their word pieces by idf.

Two texts that ask the same hardly ever have no rare word in common, so this tells what an embedding
need not be made for, and what is only near because it is of one kind ("write a function to ...").
Each piece counts once a text, by its inverse document frequency among the items (Spärck Jones,
1972); what a tenth of the items has counts nothing.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# A piece that one in so many items has, and more than FEW of them, tells none from another.
ONE_IN, FEW = 10, 5


class SharedWords:
    """An inverted index of the items' word pieces."""

    def __init__(self, items: Sequence[Sequence[int]]) -> None:
        held = [np.unique(np.array(pieces, np.int64)) for pieces in items]
        piece = np.concatenate([np.zeros(0, np.int64), *held])
        item = np.repeat(np.arange(len(items)), list(map(len, held)))
        times = np.bincount(piece)
        common = times > max(len(items) // ONE_IN, FEW)
        self._count, self._unknown = len(items), np.log1p(len(items))
        self._weights = np.where(common, 0.0, np.log1p(len(items) / np.maximum(times, 1)))
        worth = self._weights[piece] ** 2
        norms = np.sqrt(np.bincount(item, worth, len(items)))
        # Whoever holds a piece, by piece, and what sharing it is worth to a text of norm 1.
        by_piece = np.argsort(piece, kind="stable")
        self._holders = item[by_piece]
        self._worth = worth[by_piece] / np.maximum(norms[self._holders], 1e-12)
        self._offsets = np.concatenate([[0], np.cumsum(times)])

    def cosines(self, pieces: Sequence[int]) -> NDArray[np.float64]:
        """Of one text with each item, shape (items,), from 0 to 1."""
        held = np.unique(np.array(pieces, np.int64))
        known = held[held < len(self._weights)]
        weights = np.full(len(held), self._unknown)
        weights[: len(known)] = self._weights[known]
        told = known[self._weights[known] > 0]
        places = [slice(*self._offsets[piece : piece + 2]) for piece in told.tolist()]
        if not places:
            return np.zeros(self._count)
        holders = np.concatenate([self._holders[place] for place in places])
        worth = np.concatenate([self._worth[place] for place in places])
        shared = np.bincount(holders, worth, self._count).astype(np.float64)
        return shared / math.sqrt((weights**2).sum())
