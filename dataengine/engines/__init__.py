"""Engines: who does a step's parts. Adding one is one file here with an `Engine` (drive.py)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from dataengine.engines.drive import Engine
from dataengine.errors import UserError

Name = Literal["local", "ray", "slurm"]

TAKES: dict[Name, tuple[str, ...]] = {
    "local": (),
    "ray": ("address",),
    "slurm": ("partition", "array", "time"),
}
"""The options of each engine."""


@contextmanager
def opened(name: Name, workers: int, **options: Any) -> Iterator[Engine | None]:
    """An engine while it is needed; None is the run's own threads.

    Raises:
        UserError: an option is another engine's, or the engine is not there.
    """
    given = {key: value for key, value in options.items() if value is not None}
    for key in given.keys() - TAKES[name]:
        (owner,) = (engine for engine, takes in TAKES.items() if key in takes)
        raise UserError(f"--{key} is for --engine {owner}, and this is --engine {name}")
    if name == "ray":
        from dataengine.engines.ray import connected

        with connected(workers=workers, **given) as engine:
            yield engine
    elif name == "slurm":
        from dataengine.engines.slurm import Slurm

        yield Slurm(**given)
    else:
        yield None
