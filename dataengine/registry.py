"""Plugin registry: what a mixture can call by name, ours (one file each) and other packages'.

A package brings things of its own by entry points; its `pyproject.toml` says

    [project.entry-points."dataengine.filters"]
    no_url = "my_package.filters:NoUrl"

and where it is installed, `filters: [no_url]` is a filter like ours: with did-you-mean, in the JSON
Schema and in `--plan`. Each kind of thing (`dataengine.filters`, `stages`, `verifiers`, `recipes`,
`sources`, `suites`, `rubrics`) has one `Registry`. Names are known without importing anything.
"""

import difflib
import importlib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from hashlib import blake2b
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Generic, TypeVar

from dataengine.errors import UserError

OURS = ("dataengine", "decontam", "eval", "personas", "train")
"""Our packages: what is defined there is identified by versions, all else by its code."""

T = TypeVar("T")
Load = Callable[[], Any]


class Registry(Generic[T]):
    """Things of one kind by their names.

    Args:
        what: the kind in a word, as errors say it: `filter`.
        own: finds ours: name -> what loads it. Asked once.
        fit: makes of what was loaded (a module, a class) the thing of that name; TypeError or
            ValueError where it is none.
        groups: entry-point groups of other packages; `dataengine.<what>s` by default.
        error: what is raised for a name that nothing has.
    """

    def __init__(
        self,
        what: str,
        own: Callable[[], Mapping[str, Load]],
        fit: Callable[[str, Any], T],
        groups: Iterable[str] = (),
        error: type[Exception] = UserError,
    ) -> None:
        self.what, self._own, self._fit, self._error = what, own, fit, error
        self.groups = tuple(groups) or (f"dataengine.{what}s",)
        self._loads: dict[str, Load] | None = None
        self._points: dict[str, EntryPoint] = {}
        self._things: dict[str, T] = {}
        KINDS[what] = self

    def names(self) -> tuple[str, ...]:
        """Every name, sorted; nothing is imported.

        Raises:
            UserError: two things have one name.
        """
        return tuple(sorted(self._found()))

    def __contains__(self, name: object) -> bool:
        return name in self._found()

    def get(self, name: str) -> T:
        """The thing of this name, imported now.

        Raises:
            UserError: a plugin's thing cannot be loaded, or nothing has this name (the registry's
                own `error`); the nearest is named.
        """
        if name not in self._things:
            self.require(name)
            self._things[name] = self._loaded(name)
        return self._things[name]

    def require(self, name: str) -> None:
        """Raise the registry's `error`, naming the nearest, unless there is such a thing."""
        if name not in self:
            raise self._error(f"no {self.what} is called {name!r}: {self.hint(str(name))}")

    def hint(self, name: str) -> str:
        """What may have been meant by a name that nothing here has."""
        if told := self.elsewhere(name):
            return told
        near = difflib.get_close_matches(name, self.names(), n=1, cutoff=0.4)
        return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(self.names())}"

    def elsewhere(self, name: str) -> str | None:
        """What to say of a name that things of other kinds have."""
        others = [other.what for other in KINDS.values() if other is not self and name in other]
        if not others:
            return None
        return f"{name!r} is a {' and a '.join(sorted(others))}, not a {self.what}"

    def package(self, name: str) -> str | None:
        """The package that brings a thing, with its version; None of ours."""
        point = self._points.get(name) if name in self else None
        return None if point is None else _called(point)

    def code(self, name: str) -> str | None:
        """What identifies another package's thing: its version and a hash of its code; None of
        ours. Imports nothing."""
        package = self.package(name)
        return package and f"{package} {_hashed(self._points[name].module.partition('.')[0])}"

    def codes(self) -> dict[str, str]:
        """`code` of everything that other packages bring."""
        return {name: code for name in self.names() if (code := self.code(name))}

    def _found(self) -> dict[str, Load]:
        if self._loads is None:
            loads = dict(self._own())
            for point in _points(self.groups):
                if point.name in loads:
                    other = self._points.get(point.name)
                    holder = _called(other) if other else "the project itself"
                    raise UserError(
                        f"two {self.what}s are called {point.name!r}: {_called(point)} brings one, "
                        f"and {holder} has it too; uninstall one of them"
                    )
                self._points[point.name], loads[point.name] = point, point.load
            self._loads = loads
        return self._loads

    def _loaded(self, name: str) -> T:
        load, package = self._found()[name], self.package(name)
        if package is None:
            return self._fit(name, load())
        try:
            return self._fit(name, load())
        except Exception as error:
            told = " ".join(str(error).split())
            raise UserError(
                f"the {self.what} {name!r} of {package} cannot be used: "
                f"{type(error).__name__}: {told}"
            ) from error


KINDS: dict[str, Registry[Any]] = {}
"""Every registry by the kind of thing that it knows."""


def files(folder: Path, package: str, wanted: Callable[[Path], bool] = bool) -> dict[str, Load]:
    """Our things that are one file each: the modules of a folder by their names."""
    modules = {path.stem: path for path in folder.glob("[!_]*.py")}
    modules |= {path.parent.name: path for path in folder.glob("[!_]*/__init__.py")}
    return {
        name: lambda name=name: importlib.import_module(f"{package}.{name}")  # type: ignore[misc]
        for name, path in sorted(modules.items())
        if wanted(path)
    }


def class_in(module: Any, name: str, kind: type) -> Any:
    """The class of this kind and `name` that a module defines; or the class itself."""
    found = [module] if isinstance(module, type) else list(vars(module).values())
    for thing in found:
        if isinstance(thing, type) and issubclass(thing, kind) and _name(thing) == name:
            return thing
    raise TypeError(f"no {kind.__name__} with the name {name!r} in {module!r}")


def code_of(kind: type) -> str | None:
    """What identifies a class of somebody else's by its code; None of ours.

    Of a module on disk it is the hash of its package's files; of a class that was typed into a
    notebook, that of its own functions and values.
    """
    top = kind.__module__.partition(".")[0]
    if top in OURS:
        return None
    return _hashed(top) if top != "__main__" and _spec(top) else _compiled(kind)


def plugins() -> dict[str, str]:
    """Every package that brings things of any kind, by its module: its version and a hash of its
    code. Imports nothing."""
    groups = [group for group in _installed().groups if group.startswith("dataengine.")]
    tops = {point.module.partition(".")[0]: _called(point) for point in _points(groups)}
    return {top: f"{called} {_hashed(top)}" for top, called in sorted(tops.items())}


def _name(thing: type) -> str | None:
    return getattr(thing, "name", None)


def _points(groups: Iterable[str]) -> list[EntryPoint]:
    return [point for group in groups for point in _installed().select(group=group)]


@cache
def _installed() -> Any:
    return entry_points()


def _called(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _spec(top: str) -> Any:
    try:
        return find_spec(top)
    except (ImportError, ValueError):
        return None


def _hashed(top: str) -> str:
    """A hash of the Python files of a top-level package or module, found without importing it."""
    spec, total = _spec(top), blake2b(digest_size=8)
    folders = [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]
    alone = [Path(spec.origin)] if spec and spec.origin and not folders else []
    found = [(str(file.relative_to(home)), file) for home in folders for file in home.rglob("*.py")]
    for name, file in sorted([*found, *((file.name, file) for file in alone)]):
        total.update(name.encode() + b"\0" + file.read_bytes())
    return total.hexdigest()


def _compiled(kind: type) -> str:
    total = blake2b(digest_size=8)
    for name, value in sorted(vars(kind).items()):
        inner = getattr(value, "__func__", value)
        if isinstance(inner, FunctionType):
            total.update(f"{name} {_said(inner.__code__)}".encode())
        elif not name.startswith("__") and isinstance(value, str | int | float | tuple):
            total.update(f"{name} {value!r}".encode())
    return total.hexdigest()


def _said(code: CodeType) -> str:
    consts = [_said(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {consts}"
