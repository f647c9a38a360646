"""The open data engine for post-training language models.

    from dataengine import build, plan, load

    print(plan("mixture.yaml"))             # the very stages that a build runs
    built = build("mixture.yaml")           # or a dict, or a Mixture
    built.rows(), built.dropped(), built.evidence(), built.manifest, built.card
    built.publish()

Importing it costs nothing: a name is fetched when it is used.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dataengine.shadowed import refuse

if TYPE_CHECKING:
    from dataengine.build import build
    from dataengine.built import Built
    from dataengine.errors import UserError
    from dataengine.mixture import Mixture, load
    from dataengine.plan import Plan, plan

__version__ = "0.2.0"
__all__ = ["Built", "Mixture", "Plan", "UserError", "__version__", "build", "load", "plan"]

_HOMES = {
    "build": "dataengine.build",
    "Built": "dataengine.built",
    "UserError": "dataengine.errors",
    "Mixture": "dataengine.mixture",
    "load": "dataengine.mixture",
    "Plan": "dataengine.plan",
    "plan": "dataengine.plan",
}
"""Public name -> the module that has it."""


class _Package(ModuleType):
    """This package: `build` and `plan` are functions in it, also once the modules of these names
    were imported, which would stand in their place."""

    def __getattr__(self, name: str) -> Any:
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_HOMES]


sys.modules[__name__].__class__ = _Package

refuse()
