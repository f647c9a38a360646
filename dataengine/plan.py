"""Execution plan: the ordered list of stages that a mixture means.

`--plan` prints this list and `run.py` executes this list; there is no other, so what is
shown cannot drift from what is done.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson

from dataengine.mixture import Mixture, load
from dataengine.registry import code_of
from dataengine.row import Kind
from dataengine.sources.ingest import RecordReader
from dataengine.stages.gold import Gold
from dataengine.stages.mix import Mix
from dataengine.stages.shards import Shards
from dataengine.stages.split import Split
from dataengine.stages.stage import Reader, Stage
from eval.verifiers.registry import REGISTRY as VERIFIERS


@dataclass(frozen=True)
class Step:
    """One stage, and the steps whose rows it takes, by their place in the plan."""

    stage: Stage
    inputs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The steps of a build, each after the steps it takes rows from. It prints itself, and in a
    notebook it shows itself."""

    mixture: Mixture
    steps: tuple[Step, ...]
    out: Path = Path()
    """Where a build of it lies, from which it knows what is done already."""
    limit: int | None = None
    """Of a preview, the most records of each source."""

    def __str__(self) -> str:
        from dataengine.show import plan_text

        return plan_text(self)

    def _repr_html_(self) -> str:
        from dataengine.show import plan_html

        return plan_html(self)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    @cached_property
    def fingerprints(self) -> tuple[str | None, ...]:
        """What identifies each step's output: its stage, version, config, needs and inputs.

        None where that cannot be told without asking the network (a Hub source whose
        revision is not yet a commit, and whatever follows it).
        """
        found: list[str | None] = []
        for step in self.steps:
            inputs = [found[i] for i in step.inputs]
            known = None not in inputs and step.stage.settled()
            found.append(self.fingerprint(step.stage, inputs) if known else None)
        return tuple(found)

    def fingerprint(self, stage: Stage, inputs: Sequence[str | None]) -> str:
        """What identifies what a stage makes of its inputs, asking the network where it must."""
        identity = {
            "stage": stage.name,
            "version": stage.version,
            "config": stage.identity(),
            "needs": stage.needs(),
            "inputs": inputs,
            "kind": self.mixture.kind,
            "seed": self.mixture.seed,
        } | _plugins(stage, self.mixture.kind)
        canonical = orjson.dumps(identity, option=orjson.OPT_SORT_KEYS, default=str)
        return hashlib.blake2b(canonical, digest_size=16).hexdigest()


def _plugins(stage: Stage, kind: Kind) -> dict[str, Any]:
    """What identifies the code of other packages that a stage runs; nothing where it runs none."""
    kinds = [type(stage), *([type(stage.source)] if isinstance(stage, Reader) else [])]
    found = {of.__qualname__: code for of in kinds if (code := code_of(of))}
    if stage.verifies and (kind == "rlvr" or not isinstance(stage, RecordReader)):
        found |= VERIFIERS.codes()
    return {"plugins": found} if found else {}


def folder_of(mixture: Mixture, limit: int | None = None) -> Path:
    """Where a mixture is built, unless something else is said."""
    return Path("builds") / (mixture.name + (f"-limit-{limit}" if limit else ""))


def plan(
    mixture: str | Path | Mapping[str, Any] | Mixture,
    limit: int | None = None,
    out: str | Path | None = None,
    *,
    drawn: bool = False,
) -> Plan:
    """The stages of a mixture, in order: a file, a dict or a checked one. No row is read and no
    model is asked.

    `limit` makes a preview of the same list: at most so many records of each source, the first
    ones or, `drawn`, those that a hash draws. `out` is the build folder, `builds/NAME` by default.

    Raises:
        UserError: the mixture is none, with file, line and key.
    """
    mixture = load(mixture)
    readers = [source.reader(mixture, limit) for source in mixture.sources]
    if drawn:
        readers = [reader.model_copy(update={"drawn": True}) for reader in readers]
    steps = [*map(Step, readers)]
    inputs = tuple(range(len(readers)))
    for stage in _after_reading(mixture):
        steps.append(Step(stage, inputs))
        inputs = (len(steps) - 1,)
    folder = Path(out) if out else folder_of(mixture, limit)
    return Plan(mixture, tuple(steps), folder, limit)


def _after_reading(mixture: Mixture) -> Iterator[Stage]:
    yield from mixture.filters
    if mixture.dedup.exact:
        yield mixture.dedup.exact
    if mixture.dedup.minhash:
        yield mixture.dedup.minhash
    if mixture.decontaminate:
        yield mixture.decontaminate
    if mixture.kind == "rlvr":
        yield Gold()
    if mixture.difficulty:
        yield mixture.difficulty
    yield Mix(
        amounts={source.name: source.amount for source in mixture.sources},
        tokenizer=mixture.tokenizer,
    )
    yield Split(shares=mixture.splits, seed=mixture.seed, kind=mixture.kind)
    yield Shards(tokenizer=mixture.tokenizer)
