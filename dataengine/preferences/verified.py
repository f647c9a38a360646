"""Verifier scores of candidates, for prompts with a ground truth."""

import polars as pl

from dataengine.errors import UserError
from eval import verifiers
from eval.verifiers import UnknownVerifier


def verified(candidates: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    """The candidates with `passed` where their prompt has a verifier and `passed` is not given.

    Where the verifier could not decide (a timeout, no sandbox), `passed` stays null.

    Raises:
        UserError: a prompt names a verifier that does not exist.
    """
    checked = prompts.filter(
        pl.col("verifier").is_not_null() & pl.col("ground_truth").is_not_null()
    )
    if not checked.height:
        return candidates
    todo = candidates.filter(pl.col("passed").is_null()).join(
        checked.select("prompt_id", "verifier", "ground_truth", "language"), on="prompt_id"
    )
    said = [
        _verdicts(name, part) for (name,), part in todo.group_by("verifier", maintain_order=True)
    ]
    if not said:
        return candidates
    return (
        candidates.join(pl.concat(said), on="candidate_id", how="left", maintain_order="left")
        .with_columns(pl.coalesce("passed", "said").alias("passed"))
        .drop("said")
    )


def _verdicts(name: object, part: pl.DataFrame) -> pl.DataFrame:
    try:
        verifiers.require(str(name))
    except UnknownVerifier as error:
        raise UserError(f"prompts: {error}") from None
    verdicts = verifiers.verify_batch(
        str(name),
        part["text"].to_list(),
        part["ground_truth"].to_list(),
        languages=part["language"].to_list(),
    )
    passed = [verdict.passed for verdict in verdicts]
    return part.select("candidate_id", pl.Series("said", passed, dtype=pl.Boolean))
