"""The plan: the ordered list of stages that a mixture means.

`--plan` prints this list and `run.py` executes this list; there is no other, so what is
shown cannot drift from what is done.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import orjson

from dataengine.generation.generate import GeneratedReader
from dataengine.mixture import Mixture
from dataengine.preferences.prefer import PreferenceReader
from dataengine.preferences.preference_source import PreferenceSource
from dataengine.sources.files import FileReader, FileSource
from dataengine.sources.generated import GeneratedSource
from dataengine.sources.hub import HubReader, HubSource
from dataengine.sources.source import Source
from dataengine.stages.gold import Gold
from dataengine.stages.mix import Mix
from dataengine.stages.shards import Shards
from dataengine.stages.split import Split
from dataengine.stages.stage import Reader, Stage


@dataclass(frozen=True)
class Step:
    """One stage, and the steps whose rows it takes, by their place in the plan."""

    stage: Stage
    inputs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The steps of a build, each after the steps it takes rows from."""

    mixture: Mixture
    steps: tuple[Step, ...]

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
            found.append(self._fingerprint(step.stage, inputs) if known else None)
        return tuple(found)

    def fingerprint(self, place: int, inputs: list[str]) -> str:
        """The fingerprint of one step, asking the network where it must."""
        return self._fingerprint(self.steps[place].stage, list(inputs))

    def _fingerprint(self, stage: Stage, inputs: list[str | None]) -> str:
        identity = {
            "stage": stage.name,
            "version": stage.version,
            "config": stage.identity(),
            "needs": stage.needs(),
            "inputs": inputs,
            "kind": self.mixture.kind,
            "seed": self.mixture.seed,
        }
        canonical = orjson.dumps(identity, option=orjson.OPT_SORT_KEYS, default=str)
        return hashlib.blake2b(canonical, digest_size=16).hexdigest()


def plan(mixture: Mixture, limit: int | None = None, drawn: bool = False) -> Plan:
    """The stages of a mixture, in order. Pure: nothing is read and nobody is asked.

    `limit` makes a preview of the same list: at most so many records of each source, the first
    ones or, `drawn`, those that a hash draws.
    """
    readers = tuple(Step(_reader(source, mixture, limit, drawn)) for source in mixture.sources)
    steps = [*readers]
    inputs = tuple(range(len(readers)))
    for stage in _after_reading(mixture):
        steps.append(Step(stage, inputs))
        inputs = (len(steps) - 1,)
    return Plan(mixture, tuple(steps))


def _reader(source: Source, mixture: Mixture, limit: int | None, drawn: bool) -> Reader:
    match source:
        case FileSource():
            return FileReader(source=source, kind=mixture.kind, limit=limit, drawn=drawn)
        case HubSource():
            return HubReader(source=source, kind=mixture.kind, limit=limit, drawn=drawn)
        case GeneratedSource():
            return GeneratedReader(
                source=source,
                kind=mixture.kind,
                models=mixture.models,
                usd=mixture.budget.usd if mixture.budget else None,
                limit=limit,
            )
        case PreferenceSource():
            return PreferenceReader(
                source=source,
                kind=mixture.kind,
                models=mixture.models,
                usd=mixture.budget.usd if mixture.budget else None,
                tokenizer=mixture.tokenizer,
                seed=mixture.seed,
                limit=limit,
            )
        case _:
            raise TypeError(f"no reader for {type(source).__name__}")


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
