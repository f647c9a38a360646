"""Quarantine by bisection: the rows that a stage raises on fail alone, and the build goes on."""

import polars as pl

from dataengine.decisions import Decided
from dataengine.errors import UserError
from dataengine.stages.stage import Stage, evidence
from dataengine.view import View


def decide(stage: Stage, view: View, found: pl.DataFrame | None) -> Decided:
    """A stage's decisions on some rows. Where it raises, halves are tried, so that the rows that it
    cannot decide on fail alone; what no row is the cause of (disk, memory, bad input) is raised."""
    try:
        return stage.apply(view, found)
    except (UserError, OSError, MemoryError):
        raise
    except Exception as error:
        if not len(view):
            raise
        if len(view) == 1:
            return _undecided(stage, view, error)
    half = len(view) // 2
    views = (view.take(0, half), view.take(half, len(view)))
    return Decided.joined([decide(stage, part, _of(found, part)) for part in views])


def _of(found: pl.DataFrame | None, view: View) -> pl.DataFrame | None:
    return None if found is None else found.filter(pl.col("place").is_in(view.places.tolist()))


def _undecided(stage: Stage, view: View, error: Exception) -> Decided:
    told = evidence(id=view.ids[0], stage=stage.name, detail=str(error)[:500])
    reason = pl.Series([f"{type(error).__name__} in {stage.name}"])
    return Decided(reason, pl.Series([told]), None, pl.Series([True]))
