"""Numba, set up once: kernels without the GIL, cached on disk even where home is read-only."""

import os
import re
import sys
from collections.abc import Callable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numba
from numba.core import caching, codegen, compiler, event, types
from numba.core.runtime import rtsys

from dataengine.kernels.cache import cache_folder

PACKAGES = ("dataengine", "decontam")
_kernels: list[Any] = []
# Numba's own types leave out what is used here: its settings and its newer options.
config: Any = numba.config
njit: Any = numba.njit


if not config.CACHE_DIR:
    config.CACHE_DIR = str(cache_folder() / "kernels")


def kernel(function: Callable, **options: Any) -> Callable:
    """Compile `function` on its first call, without the GIL, and keep the result on disk.

    Nothing may raise for a division by zero (numpy's rules hold), and nothing calls kernels from C:
    what that needs would be compiled too.
    """
    compiled = _compiled(function, pipeline_class=_KernelCompiler, **options)
    compiled._cache = _Cache(function)
    return compiled


def _compiled(function: Callable, **options: Any) -> Any:
    options |= {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    compiled = njit(**options)(function)
    resolve = compiled.get_call_template
    compiled.get_call_template = lambda args, kws: resolve(tuple(map(_plain, args)), kws)
    _kernels.append(compiled)
    return compiled


# What a module imports at its top level: `from a.b import c, d` or `import a.b`.
IMPORT = re.compile(r"^(?:from ([\w.]+) import (\([^)]*\)|[^\n]+)|import ([\w.]+))", re.MULTILINE)


@cache
def imported(file: Path) -> tuple[bytes, frozenset[str]]:
    """A module's code, and the names of the modules that it may import."""
    code = file.read_bytes()
    found: set[str] = set()
    for origin, listed, alone in IMPORT.findall(code.decode()):
        found |= {origin or alone, *(f"{origin}.{name}" for name in re.findall(r"\w+", listed))}
    return code, frozenset(found)


@cache
def sources(file: Path) -> str:
    """A hash of a module's code and of all that it imports from our packages or its own folder. A
    kernel holds the parts that it calls and their constants, and those may stand in other files."""
    known = {file: b""}
    left = [file]
    while left:
        here = left.pop()
        known[here], names = imported(here)
        for name in names:
            at = Path(getattr(sys.modules.get(name), "__file__", None) or os.devnull)
            ours = name.partition(".")[0] in PACKAGES or at.parent == file.parent
            if ours and at.suffix == ".py" and at.name != "__init__.py" and at not in known:
                known[at] = b""
                left.append(at)
    return blake2b(b"".join(known[at] for at in sorted(known))).hexdigest()


class _Cache(caching.FunctionCache):
    """Numba's cache of compiled kernels: one is compiled anew when any part of it has changed, and
    loaded without what only compiling needs."""

    def __init__(self, function: Callable) -> None:
        super().__init__(function)
        stamp = sources(Path(function.__code__.co_filename))
        name = self._impl.filename_base
        self._cache_file = caching.IndexDataCacheFile(self._cache_path, name, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Numba would first import all that it can compile, which takes longer than loading."""
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


def is_on_disk(compiled: Any) -> bool:
    """Whether a kernel, as its code stands, need not be compiled."""
    return bool(compiled._cache._cache_file._load_index())


def part(function: Callable, **options: Any) -> Callable:
    """A kernel that only kernels call: it raises and prints nothing, makes and returns no array.

    It is optimised and made machine code only as a piece of those that call it, and so kept on disk
    with them alone. Arrays belong to its caller: counting references to those that are passed on,
    up and down again, takes longer than hashing a word.
    """
    options = {"pipeline_class": _PartCompiler, "no_cpython_wrapper": True, "_nrt": False} | options
    return _compiled(function, **options)


def allocating(function: Callable) -> Callable:
    """A part that makes arrays of its own, or returns one."""
    return part(function, _nrt=True)


class _Kernel(codegen.JITCodeLibrary):
    """A kernel's code, optimised as a whole: each function by itself first, as numba does it, would
    be done over again."""

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout


class _Part(_Kernel):
    """A part's code as LLVM's assembly, to be linked into kernels."""

    def finalize(self) -> None:
        for library in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """There is none: Python cannot call a part."""
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> Any:
        return self

    def set_env(self, name: str, environment: Any) -> None:
        """What would raise or print needs one."""


class _KernelCompiler(compiler.Compiler):
    kind = _Kernel

    def __init__(self, typing: Any, target: Any, library: Any, *args: Any) -> None:
        super().__init__(typing, target, library, *args)
        self.state.library = self.kind(target.codegen(), "kernel")
        self.state.library.enable_object_caching()


class _PartCompiler(_KernelCompiler):
    kind = _Part


def inlined(function: Callable) -> Callable:
    """A part that becomes a piece of whoever calls it: for what runs once a word."""
    return part(function, forceinline=True)


def _plain(argument: Any) -> Any:
    """The type that a kernel is compiled for where another one calls it: int64 for every integer
    with a sign. Numba would compile it anew for each literal (`0`) and each width."""
    kind: Any = types.unliteral(argument)
    return types.int64 if kind in types.signed_domain else kind


@cache
def announce() -> None:
    """Say on stderr, once a process, that kernels are being compiled: where they are, and only
    there. What an earlier run has left on disk is loaded without a word."""
    line = "compiling kernels for this machine, once; about 15 seconds"
    print(line, file=sys.stderr, flush=True)


class _Announcement(event.Listener):
    """Announces the first kernel that is compiled."""

    def on_start(self, event: Any) -> None:
        if event.data["dispatcher"] in _kernels:
            announce()

    def on_end(self, event: Any) -> None:
        pass


event.register("numba:compile", _Announcement())
