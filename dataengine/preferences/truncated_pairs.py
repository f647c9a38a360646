"""Truncated pairs: chosen and rejected are equal up to the training length."""

import polars as pl

from dataengine import tokens


def equal_when_truncated(
    prompts: pl.Series,
    chosen: pl.Series,
    rejected: pl.Series,
    max_length: int,
    tokenizer: str | None,
) -> pl.Series:
    """For each pair, whether prompt + answer cut to `max_length` tokens is the same on both sides.

    Without a tokenizer a token is taken to be 4 bytes of UTF-8, as everywhere else.
    """
    if tokenizer is None:
        left = (max_length * 4 - prompts.str.len_bytes().cast(pl.Int64)).clip(lower_bound=0)
        sides = pl.DataFrame({"chosen": chosen, "rejected": rejected, "left": left}).select(
            pl.col("chosen", "rejected").cast(pl.Binary).bin.head(pl.col("left"))
        )
        return (sides["chosen"] == sides["rejected"]).alias("equal")
    left = (max_length - tokens.lengths(prompts, tokenizer)).clip(lower_bound=0)
    ids = [tokens.encode(side, tokenizer) for side in (chosen, rejected)]
    equal = [c[:n] == r[:n] for c, r, n in zip(*ids, left, strict=True)]
    return pl.Series("equal", equal, dtype=pl.Boolean)
