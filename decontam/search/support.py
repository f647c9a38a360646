"""Supporting parts of an item near a match: the share of its passage, choices and answer."""

import numpy as np

from dataengine.kernels.jit import kernel
from decontam.index.items import ANSWER, PASSAGE
from decontam.search.alignment import present_share

# Columns of a match of an item: its row, the item, its first word, one past its last.
ROW, ITEM, FIRST, END = range(4)
# How many words a match's other parts may lie away, besides their own length; a solution may follow
# a long chain of thought.
NEAR, AFTER_REASONING = 40, 360


@kernel
def support(lines, batch, references, items, work, shares):
    """The share near each match of the item's passage, choices and answer, three columns of
    `shares`; -1 where the item has no such part. `work`: a `Workspace`."""
    offsets, table, table_at = references.offsets, work.table, work.table_at
    for m in range(len(lines)):
        row, item = lines[m, ROW], lines[m, ITEM]
        for which in range(PASSAGE, ANSWER + 1):
            reference = items.parts[item, which]
            shares[m, which - PASSAGE] = -1.0
            if reference < 0:
                continue
            start, end = offsets[reference], offsets[reference + 1]
            length = end - start
            reach = length + length // 2 + NEAR
            low = lines[m, FIRST] - reach
            high = lines[m, END] + reach + (AFTER_REASONING if which == ANSWER else 0)
            low, high = max(low, batch.row_words[row]), min(high, batch.row_words[row + 1])
            high = min(high, low + len(table) // 2)
            shares[m, which - PASSAGE] = present_share(
                references.words[start:end],
                references.weights[start:end],
                batch.words[low:high].astype(np.uint32),
                table,
                table_at,
            )
