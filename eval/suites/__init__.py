"""Eval suites by name, tier, file or folder: what is measured is what is protected.

    from eval.suites import load

    suites = load("development", Path("evals"))   # a tier, some of it maybe missing
    for suite in suites:
        print(suite.name, suite.missing or sum(1 for _ in suite.items()))

One YAML file beside this one names each published suite; evaluation and decontamination read the
same files. Another package names its own in the entry-point group `dataengine.suites`: the suite's
name, and the package in whose folder NAME.yaml lies.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, get_args

from dataengine.errors import UserError
from dataengine.registry import Registry
from eval.suites.item import Item
from eval.suites.suite import (
    Example,
    Fields,
    Hub,
    Local,
    Policy,
    Score,
    Suite,
    Tier,
    read_suite,
)

__all__ = [
    "Example",
    "Fields",
    "Hub",
    "Item",
    "Local",
    "Policy",
    "Score",
    "Suite",
    "Tier",
    "load",
    "shipped",
]

What = str | Path | Iterable[str | Path]


def _suite(name: str, found: Any) -> Suite:
    """A suite of ours from its file, or another package's from the package."""
    if isinstance(found, Path):
        return read_suite(found)
    folder = Path(found.__file__).parent
    suite = read_suite(folder / f"{name}.yaml")
    if suite.name != name:
        raise ValueError(f"{name}.yaml describes the suite {suite.name!r}")
    return suite.at_home(folder)


REGISTRY: Registry[Suite] = Registry(
    "suite",
    own=lambda: {
        file.stem: lambda file=file: file  # type: ignore[misc]
        for file in sorted(Path(__file__).parent.glob("*.yaml"))
    },
    fit=_suite,
)


@cache
def shipped() -> dict[str, Suite]:
    """Every suite that comes with the project or an installed package, by name."""
    return {name: REGISTRY.get(name) for name in REGISTRY.names()}


def load(what: What, path: Path | None = None, hub: bool | None = None) -> list[Suite]:
    """The suites that `what` names, each once, in order.

    `what` is a tier (`development`, `unseen`, `safety`, `extra`), a shipped suite's name, a suite's
    YAML file, a JSONL file of items, a folder of both, or a list of these. A JSONL file becomes a
    suite of its name; where a shipped suite has that name, or reads a file of that name, its tier
    and policy apply. `path` is the folder with the shipped suites' local files. With `hub` (the
    default unless HF_HUB_OFFLINE is set) a suite without a local file is read from the Hub.

    A suite whose items are nowhere to be had is returned with `missing` set, never left out.
    UserError for a name that means nothing, a file that is not there, two suites of one name.
    """
    names = [what] if isinstance(what, str | Path) else list(what)
    found: dict[str, Suite] = {}
    for name in names:
        for suite in _named(name, path):
            before = found.get(suite.name)
            if before and before.file and suite.file and before.file != suite.file:
                raise UserError(
                    f"{before.file} and {suite.file} are both the suite {suite.name!r}; rename one"
                )
            if before is None or before.file is None:
                found[suite.name] = suite
    if not found:
        raise UserError(f"no suites in {', '.join(map(str, names)) or 'an empty list'}")
    absent = [suite for suite in found.values() if suite.missing]
    if absent:
        from eval.suites.hub_items import fetch

        fetch(absent, hub)
    return list(found.values())


def _named(what: str | Path, path: Path | None) -> list[Suite]:
    if what in get_args(Tier):
        return [suite.located(path) for suite in shipped().values() if suite.tier == what]
    if what in shipped():
        return [shipped()[str(what)].located(path)]
    file = Path(what)
    if file.is_dir():
        return _in_folder(file)
    if file.is_file():
        return [_in_file(file, path)]
    known = [*get_args(Tier), *shipped()]
    near = get_close_matches(str(what), known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UserError(f"{what}: neither a tier, a suite, a file nor a folder{hint}")


def _in_folder(folder: Path) -> list[Suite]:
    """Every suite in a folder; a YAML file there describes the JSONL file that it names."""
    suites = [_in_file(file, folder) for file in sorted(folder.glob("*.y*ml"))]
    described = {suite.local.file for suite in suites if suite.local}
    plain = (file for file in sorted(folder.glob("*.jsonl")) if file.name not in described)
    return suites + [_in_file(file, folder) for file in plain]


def _in_file(file: Path, path: Path | None) -> Suite:
    if file.suffix in (".yaml", ".yml"):
        return read_suite(file).located(path, file.parent)
    if file.suffix != ".jsonl":
        raise UserError(f"{file}: a suite is a .yaml, a .jsonl or a folder of them")
    for suite in shipped().values():
        if suite.local and suite.local.file == file.name:
            return suite.located(file.parent)
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "_", file.stem).strip("_.-") or "suite"
    return Suite(name=name, local=Local(file=file.name)).located(file.parent)
