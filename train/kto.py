"""KTO rows: prompts with one completion each, desirable and undesirable by turns.

TRL samples KTO's rows in their order, and unpairs pairs into a thousand of one sort, then a
thousand of the other: batches of one sort, whose loss has nothing to compare.
"""

import numpy as np
from datasets import Dataset
from trl import unpair_preference_dataset

from dataengine.errors import UserError


def interleaved(rows: Dataset, seed: int) -> Dataset:
    """Pairs, or rows of `prompt`, `completion` and `label`, with both labels evenly spread.

    Each sort is shuffled on its own, so that a pair's two sides are neighbours by chance alone:
    KTO estimates its KL term from a prompt with its neighbour's completion.
    """
    if "completion" not in rows.column_names:
        rows = unpair_preference_dataset(rows)
    labels = np.asarray(rows["label"], dtype=bool)
    generator = np.random.default_rng(seed)
    sorts = [generator.permutation(np.flatnonzero(labels == label)) for label in (True, False)]
    for sort, name in zip(sorts, ("true", "false"), strict=True):
        if not len(sort):
            raise UserError(f"kto: no row has label {name}; its loss compares the two")
    ranks = np.concatenate([(np.arange(len(sort)) + 0.5) / len(sort) for sort in sorts])
    return rows.select(np.concatenate(sorts)[np.argsort(ranks, kind="stable")])
