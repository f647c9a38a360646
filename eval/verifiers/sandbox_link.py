"""Remote objects over pipes: used from another process that does not trust their owner.

A call is a frame (pickle, eight bytes of length before it), its result comes back as plain data;
what is no plain data stays where it is, and the other side gets a stand-in (`Remote`). What is
unpickled can be nothing but plain data, whoever wrote it. A stand-in is compared with another
stand-in where the objects live, and equals no plain value; with `operators` off it is no operand
beside one either (an object whose `f(2) - 4` is 0 would be told the 4). The side that is `trusted`
shows no frame, no traceback and nothing whose name begins with an underscore.

Text for a bare interpreter (sandbox.py), so it uses the standard library alone.
"""

import builtins
import collections
import contextlib
import copy
import gc
import importlib
import io
import operator
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any

PLAIN = (
    "builtins: bool int float complex str bytes bytearray list tuple dict set frozenset range slice"
    " NotImplemented Ellipsis NotImplementedType ellipsis;"
    " collections: OrderedDict Counter defaultdict deque;"
    " decimal: Decimal; fractions: Fraction; datetime: date time datetime timedelta timezone;"
    " uuid: UUID; pathlib: PurePosixPath PosixPath"
)
PLAIN_NAMES = {
    (module.strip(), name)
    for module, names in (part.split(":") for part in PLAIN.split(";"))
    for name in names.split()
}
BASES = (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset)
METHODS = (
    "call len iter next str repr bool hash int float index getitem setitem delitem enter exit neg "
    "pos abs invert reversed round bytes format instancecheck await aenter aexit"
)
OPERATORS = (
    "contains add radd sub rsub mul rmul truediv rtruediv floordiv mod pow and or xor lshift "
    "rshift matmul iadd isub imul"
)
MUTABLE = (
    list, dict, set, bytearray, collections.deque, collections.OrderedDict, collections.Counter,
    collections.defaultdict,
)  # fmt: skip
FRAMES = (types.FrameType, types.TracebackType, types.CodeType)
KEPT_NAMES = ("_", "gi_", "cr_", "ag_", "tb_", "f_", "co_")
BUILT_IN: dict[str, Callable[..., Any]] = {
    "__bool__": bool, "__bytes__": bytes, "__contains__": operator.contains, "__float__": float,
    "__hash__": hash, "__index__": operator.index, "__int__": int, "__iter__": iter,
    "__len__": len, "__next__": next, "__repr__": repr, "__reversed__": reversed, "__str__": str,
}  # fmt: skip
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
STDLIB = frozenset(sys.stdlib_module_names)


class Ended(BaseException):
    """The other process is gone; no test may catch it."""


class Remote:
    """A stand-in for an object of the other process."""

    def __init__(self, link, handle):
        object.__setattr__(self, "_link", link)
        object.__setattr__(self, "_handle", handle)

    def __getattr__(self, name):
        if name in ("_link", "_handle"):
            raise AttributeError(name)
        return self._link.ask("get", self._handle, name)

    def __setattr__(self, name, value):
        self._link.ask("set", self._handle, name, value)

    def __delattr__(self, name):
        self._link.ask("del", self._handle, name)


def _forwarded(name):
    def method(self, *args, **kwargs):
        return self._link.ask("method", self._handle, name, args, kwargs)

    return method


def _operated(name):
    def method(self, *others):
        if not self._link.operators and not all(isinstance(other, Remote) for other in others):
            raise TypeError(f"an object of the program is no operand of {name} here")
        return self._link.ask("method", self._handle, name, others, {})

    return method


def _compared(name):
    def method(self, other):
        if not isinstance(other, Remote):
            return NotImplemented
        return self._link.ask("method", self._handle, name, (other,), {})

    return method


for _name in METHODS.split():
    setattr(Remote, f"__{_name}__", _forwarded(f"__{_name}__"))
for _name in OPERATORS.split():
    setattr(Remote, f"__{_name}__", _operated(f"__{_name}__"))
for _name in COMPARISONS:
    setattr(Remote, f"__{_name}__", _compared(f"__{_name}__"))


class Link:
    """Frames to and from the other process: questions, and answers to them, nested like calls."""

    def __init__(self, reads, writes, trusted):
        self.reads, self.writes, self.trusted = reads, writes, trusted
        self.operators = True
        self.mine, self.places, self.remotes, self.mirrors = [], {}, {}, {}

    def ask(self, *question):
        """What the other process answers; its exceptions are raised here."""
        passed = _containers(question[3:]) if question[0] == "method" else []
        self._send(("ask", *question, sys.stdout is not sys.__stdout__))
        kind, value, changed, printed = self._until("answer", passed)
        if printed:
            sys.stdout.write(printed)
        for place, new in changed.items():
            _refill(passed[place], new)
        if kind == "raise":
            raise self._exception(*value)
        return value

    def serve(self):
        """Answer questions until the other process ends."""
        with contextlib.suppress(Ended):
            self._until(None, ())

    def _until(self, wanted, passed):
        while True:
            kind, *frame = self._receive(passed)
            if kind == wanted:
                return frame
            self._answer(*frame)

    def _answer(self, what, handle, *rest):
        captured, rest = rest[-1], rest[:-1]
        passed = _containers(rest[1:]) if what == "method" else []
        before = [copy.copy(container) for container in passed]
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed) if captured else contextlib.nullcontext():
                answer = "return", self._done(what, self.mine[handle], rest)
        except Ended:
            raise
        except BaseException as error:
            answer = "raise", self._told(error)
            if isinstance(error, MemoryError):
                gc.collect()
        changed = {
            place: copy.copy(now)
            for place, (now, then) in enumerate(zip(passed, before, strict=True))
            if not _same(now, then)
        }
        try:
            self._send(("answer", *answer, changed, printed.getvalue()), passed)
        except (pickle.PicklingError, RecursionError, TypeError, ValueError) as error:
            self._send(("answer", "raise", self._told(error), {}, ""))

    def _done(self, what, target, rest):
        shown = not rest[0].startswith(KEPT_NAMES) or (what == "method" and rest[0] in ALLOWED)
        if self.trusted and not shown:
            raise AttributeError(f"the tests keep {rest[0]!r} to themselves")
        if what == "get":
            return getattr(target, rest[0])
        if what == "set":
            return setattr(target, *rest)
        if what == "del":
            return delattr(target, rest[0])
        name, args, kwargs = rest
        if name == "__call__":
            return target(*args, **kwargs)
        if name == "__await__":
            return importlib.import_module("asyncio").run(_awaited(target))
        if name == "__instancecheck__":
            return isinstance(args[0], target)
        if name in BUILT_IN:
            known = BUILT_IN[name]
            return known(target, *args)
        return getattr(type(target), name, _not_implemented)(target, *args)

    def _told(self, error):
        """An exception as data: where its class is known, what it was made with, what it says."""
        known: type = type(error)
        while known.__module__.partition(".")[0] not in STDLIB and known is not BaseException:
            known = known.__base__ or BaseException
        own = None if known is type(error) else (self._kept(type(error)), type(error).__name__)
        simple = all(type(value) in (int, str, float, bool, type(None)) for value in error.args)
        made_with = error.args if simple else (str(error)[:2000],)
        return known.__module__, known.__name__, own, made_with

    def _exception(self, module, name, own, made_with):
        known = _exception_class(module, name)
        if own:
            known = self._mirror(own[0], own[1], known)
        try:
            return known(*made_with)
        except Exception:  # json.JSONDecodeError takes more than it says
            error = known.__new__(known)
            error.args = made_with
            return error

    def _mirror(self, handle, name, known):
        """An exception class of the other process as a class here, so that it can be caught."""
        if handle not in self.mirrors:
            self.mirrors[handle] = type(str(name), (known,), {})
        return self.mirrors[handle]

    def _kept(self, value):
        if id(value) not in self.places:
            self.places[id(value)] = len(self.mine)
            self.mine.append(value)
        return self.places[id(value)]

    def _send(self, frame, passed=()):
        body = io.BytesIO()
        _Pickler(body, self, passed).dump(frame)
        try:
            self.writes.write(len(body.getvalue()).to_bytes(8, "big") + body.getvalue())
            self.writes.flush()
        except OSError:
            raise Ended("the other process is gone") from None

    def _receive(self, passed):
        head = self.reads.read(8)
        body = self.reads.read(int.from_bytes(head, "big")) if len(head) == 8 else b""
        if not body:
            raise Ended("the other process is gone")
        return _Unpickler(io.BytesIO(body), self, passed).load()


ALLOWED = {f"__{name}__" for name in (*METHODS.split(), *OPERATORS.split(), *COMPARISONS)}


class _Pickler(pickle.Pickler):
    """Plain data by value; everything else stays where it is and is named."""

    def __init__(self, file, link, passed):
        super().__init__(file, protocol=4)
        self.link = link
        self.passed = {id(container): place for place, container in enumerate(passed)}

    def persistent_id(self, value):
        kind = type(value)
        if kind in MUTABLE and id(value) in self.passed:
            return "argument", self.passed[id(value)]
        if kind is Remote:
            return "yours", value._handle
        if value is None or (kind.__module__, kind.__name__) in PLAIN_NAMES:
            return None
        if self.link.trusted and isinstance(value, FRAMES):
            return "nothing", 0
        if isinstance(value, type) and (value.__module__, value.__name__) in PLAIN_NAMES:
            return None
        if isinstance(value, types.ModuleType) and value.__name__ != "solution":
            return "module", value.__name__
        handle = self.link._kept(value)
        base = next((base for base in BASES if isinstance(value, base)), None)
        if base:
            return "view", handle, base.__name__, _as(base, value)
        if isinstance(value, type) and issubclass(value, BaseException):
            module, name, _, _ = self.link._told(_bare(value))
            return "exception", handle, value.__name__, module, name
        if isinstance(value, types.GeneratorType):
            return "generator", handle
        if isinstance(value, types.CoroutineType):
            return "coroutine", handle
        return "mine", handle


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, link, passed):
        super().__init__(file)
        self.link, self.passed = link, passed

    def find_class(self, module, name):
        if (module, name) not in PLAIN_NAMES:
            raise pickle.UnpicklingError(f"{module}.{name} is no plain data")
        return super().find_class(module, name)

    def persistent_load(self, told):
        kind, what, *rest = told
        if kind == "nothing":
            return None
        if kind == "argument":
            return self.passed[what]
        if kind == "yours":
            return self.link.mine[what]
        if kind == "module":
            if what.partition(".")[0] not in STDLIB:
                raise pickle.UnpicklingError(f"the module {what} is not to be had")
            return importlib.import_module(what)
        if kind == "view":
            return _view(self.link, what, *rest)
        if kind == "exception":
            return self.link._mirror(what, rest[0], _exception_class(rest[1], rest[2]))
        remote = self.link.remotes.setdefault(what, Remote(self.link, what))
        if kind == "generator":
            return _generator(remote)
        return _awaited(remote) if kind == "coroutine" else remote


def _not_implemented(*_):
    return NotImplemented


def _as(base, value):
    return base(value) if base is not dict else dict(value.items())


def _exception_class(module, name):
    """A class of the standard library by name; what would skip a test is an ordinary failure."""
    top = module.partition(".")[0]
    known = None
    if top in STDLIB and top != "unittest":
        known = getattr(importlib.import_module(module), name, None)
    return known if isinstance(known, type) and issubclass(known, BaseException) else Exception


def _bare(kind):
    error = Exception.__new__(kind) if issubclass(kind, Exception) else BaseException.__new__(kind)
    error.args = ()
    return error


def _view(link, handle, base, value):
    """A value of a class of its own (a named tuple) as its plain base, with its attributes."""
    known = getattr(builtins, base)
    if known is bool or type(value) is not known:
        return value
    remote = link.remotes.setdefault(handle, Remote(link, handle))
    space = {"__getattr__": lambda self, name: getattr(remote, name)}
    return type(base, (known,), space)(value)


def _generator(remote):
    while True:
        try:
            value = next(remote)
        except StopIteration:
            return
        yield value


async def _awaited(target):
    if type(target) is Remote:
        return target._link.ask("method", target._handle, "__await__", (), {})
    return await target


def _containers(values):
    """Every list, dict, set and deque in what is passed, in an order that both sides find."""
    found, seen, waiting = [], set(), [values]
    while waiting:
        value = waiting.pop()
        if type(value) in MUTABLE and id(value) not in seen:
            seen.add(id(value))
            found.append(value)
        elif type(value) is not tuple:
            continue
        if not isinstance(value, (set, bytearray)):
            inner = value.values() if isinstance(value, dict) else value
            waiting += [each for each in inner if type(each) in (tuple, *MUTABLE)][::-1]
    return found


def _same(now, then):
    """Whether a container still holds the very same things."""
    if len(now) != len(then) or isinstance(now, (set, bytearray)):
        return len(now) == len(then) and now == then
    if isinstance(now, dict) and not all(map(operator.is_, now.values(), then.values())):
        return False
    return all(map(operator.is_, now, then))


def _refill(old, new):
    """Make `old` hold what `new` does."""
    old.clear()
    (old.extend if isinstance(old, (list, bytearray, collections.deque)) else old.update)(new)
