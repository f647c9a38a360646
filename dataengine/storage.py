"""Storage: a work folder on a file system, or on an object store (fsspec) with a copy on each node.

A folder on an object store is opened under a local path: a copy, in the node's temporary folder, of
what was asked for there. Everything else holds such paths as it holds any; here, and nowhere else,
they are told from others. A file is there when its object is: it is put whole, by one put, before
it appears in the copy. A listing is only a hint, since it may lag; one object's own state decides.
Local folders are what they are: no function here does more to one than its name says.
"""

import fcntl
import os
import pickle
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from dataengine.errors import UserError

OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "memory")
"""Protocols whose put is seen whole or not at all."""
KEPT = "kept.json"
"""The names of what lies in a folder that is whole; put last."""
PASSING = "jobs"
"""The folder of a step that is no part of what is kept of it."""
_WRITER = f"{socket.gethostname()}-{os.getpid()}"


@dataclass(frozen=True)
class Store:
    """A folder of an object store, and its copy here."""

    url: str
    copy: Path
    fs: Any
    known: set[Path] = field(default_factory=set)
    """Files of the copy whose objects are there, as this process has seen."""
    fresh: set[Path] = field(default_factory=set)
    """Files that lie in the copy as they are on the store: nobody changes one while a run goes."""

    def key(self, file: Path) -> str:
        """Where a file's object lies."""
        return f"{self.url}/{file.relative_to(self.copy).as_posix()}"

    def tag(self, file: Path) -> str | None:
        """What tells an object from any that had its name before; None where there is none."""
        try:
            return repr(sorted(self.fs.info(self.key(file)).items()))
        except FileNotFoundError:
            return None

    @contextmanager
    def noted(self, file: Path) -> Iterator[BinaryIO]:
        """The tag of what lies in the copy, for this process alone among those of this node."""
        note = self.copy / ".tags" / file.relative_to(self.copy)
        note.parent.mkdir(parents=True, exist_ok=True)
        with note.open("a+b") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            held.seek(0)
            yield held

    def note(self, file: Path, held: BinaryIO, tag: str) -> None:
        """Remember that the copy's file is the object that has this tag."""
        held.truncate(0)
        held.write(tag.encode())
        self.known.add(file)
        self.fresh.add(file)


_stores: dict[str, Store] = {}
_opening = threading.Lock()


def local(address: str) -> Path:
    """The path of a file or folder here, by its own, by a URL, or by what `address` says of it.

    Raises:
        UserError: the URL is of no object store, or what reads it is not installed.
    """
    if "://" not in address:
        return Path(address)
    url, _, inner = address.partition("#")
    url = url.rstrip("/")
    with _opening:
        if url not in _stores:
            _stores[url] = _opened(url)
        return _stores[url].copy / inner


def _opened(url: str) -> Store:
    import fsspec

    protocol = url.split("://")[0]
    if protocol not in OBJECT_STORES:
        raise UserError(
            f"{url}: {protocol} is no object store that is known here "
            f"({', '.join(OBJECT_STORES)}); name a folder, which may be a mounted one"
        )
    try:
        fs, _ = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise UserError(f"{url}: {error} (s3: pip install -e '.[s3]' in a checkout)") from None
    home = Path(tempfile.gettempdir()).resolve() / f"dataengine-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    if home.stat().st_uid != os.getuid():
        raise UserError(f"{home}: belongs to somebody else; set TMPDIR to a folder of your own")
    return Store(url, home / blake2b(url.encode(), digest_size=8).hexdigest(), fs)


def address(path: Path) -> str:
    """What finds a file or folder on every machine: its path, or its store and its place there."""
    store = _of(path)
    return str(path) if store is None else f"{store.url}#{path.relative_to(store.copy).as_posix()}"


def named(path: Path) -> str:
    """A file or folder as people know it."""
    store = _of(path)
    return str(path) if store is None else store.key(path).removesuffix("/.")


def _of(path: Path) -> Store | None:
    """The object store that a path is a copy of."""
    for store in _stores.values():
        if path.is_relative_to(store.copy):
            return store
    return None


@contextmanager
def writing(file: Path) -> Iterator[Path]:
    """Where to write what is then given its name: by one rename, on an object store by one put. No
    two writers have the same place, and one that fails leaves nothing."""
    store, partial = _of(file), file.with_name(f"tmp-{_WRITER}-{file.name}")
    if store:
        file.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield partial
        if store is None:
            partial.rename(file)
            return
        with store.noted(file) as held:
            store.fs.pipe_file(store.key(file), partial.read_bytes())
            tag = store.tag(file)
            partial.rename(file)
            store.note(file, held, tag or "")
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def exists(file: Path) -> bool:
    """Whether a file is there, whatever a listing says."""
    store = _of(file)
    if store is None:
        return file.exists()
    if file not in store.known and store.tag(file) is not None:
        store.known.add(file)
    return file in store.known


def listed(files: Iterable[Path]) -> set[Path]:
    """Those of `files` that are seen to be there, by few requests; of an object store, one that was
    put seconds ago may be missing."""
    wanted = {*files}
    for folder in {file.parent for file in wanted if not _seen(file)}:
        store = _of(folder)
        if store:
            store.known.update(folder / name for name in _names(store, folder))
    return {file for file in wanted if _seen(file)}


def _seen(file: Path) -> bool:
    store = _of(file)
    return file.exists() if store is None else file in store.known


def _names(store: Store, folder: Path) -> list[str]:
    try:
        found = store.fs.ls(store.key(folder), detail=True)
    except FileNotFoundError:
        return []
    return [entry["name"].rsplit("/", 1)[-1] for entry in found if entry["type"] == "file"]


def fetch(file: Path) -> Path:
    """A file that can be opened: of an object store its copy, brought here once for all processes.

    Raises:
        FileNotFoundError: there is none.
    """
    store = _of(file)
    if store is None or file in store.fresh:
        return file
    tag = store.tag(file)
    if tag is None:
        raise FileNotFoundError(2, "no such object", store.key(file))
    with store.noted(file) as held:
        if held.read().decode() != tag or not file.exists():
            brought = file.with_name(f"tmp-{_WRITER}-{file.name}")
            file.parent.mkdir(parents=True, exist_ok=True)
            store.fs.get_file(store.key(file), str(brought))
            brought.rename(file)
        store.note(file, held, tag)
    return file


def keep(folder: Path) -> None:
    """Make a folder whole on its object store: what was written there under no name that others ask
    for (evidence, an index), then the list of it."""
    store = _of(folder)
    if store is None:
        return
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and _kept(folder, file)]
    for file in files:
        with store.noted(file) as held:
            store.fs.pipe_file(store.key(file), file.read_bytes())
            store.note(file, held, store.tag(file) or "")
    with writing(folder / KEPT) as partial:
        partial.write_bytes(orjson.dumps([file.relative_to(folder).as_posix() for file in files]))


def _kept(folder: Path, file: Path) -> bool:
    """Whether a file is what `keep` puts: parts, looks and decisions are put one by one."""
    inner = file.relative_to(folder)
    return not (
        file.suffix == ".arrow"
        or file.name == KEPT
        or inner.parts[0] == PASSING
        or any(name.startswith("tmp") for name in inner.parts)
    )


def whole(folder: Path) -> bool:
    """Whether a folder can be read: always, but on an object store only once it is kept; it is
    brought here then."""
    if _of(folder) is None:
        return True
    if not exists(folder / KEPT):
        return False
    files = {folder / name for name in orjson.loads(fetch(folder / KEPT).read_bytes())}
    for file in sorted(files):
        fetch(file)
    for file in folder.rglob("*"):
        if file not in files and file.is_file() and _kept(folder, file):
            file.unlink()  # of a folder that had this name before
    return True


@contextmanager
def kept(folder: Path | None) -> Iterator[None]:
    """A folder that is made once for all: brought here where somebody has, else made inside."""
    there = folder is None or whole(folder)
    yield
    if folder and not there:
        keep(folder)


def remove(folder: Path) -> None:
    """Remove a folder and all that is in it, if it is there; what says that it is whole goes
    first."""
    store = _of(folder)
    if store is not None:
        for name in (store.key(folder / KEPT), store.key(folder)):
            with suppress(FileNotFoundError):
                store.fs.rm(name, recursive=True)
        for seen in (store.known, store.fresh):
            seen.difference_update([file for file in seen if file.is_relative_to(folder)])
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold a folder of an object store for one run, which has locked its copy on this machine.

    Raises:
        UserError: a run on another machine holds it, or the store cannot be written to.
    """
    store = _of(folder)
    if store is None:
        yield
        return
    lock, ours = store.key(folder / "lock"), f"{socket.gethostname()}:{store.copy}".encode()
    try:
        try:
            store.fs.pipe_file(lock, ours, mode="create")
        except FileExistsError:
            theirs = store.fs.cat_file(lock)
            if theirs != ours:  # ours is of a run that died: this one has the lock of the copy
                raise UserError(
                    f"{store.url}: a run on {theirs.decode().split(':')[0]} builds here; wait for "
                    f"it, or delete {lock} if it is no more, or choose another --work"
                ) from None
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:  # each store has exceptions of its own
        raise UserError(f"{store.url}: cannot be written to ({error})") from None
    try:
        yield
    finally:
        store.fs.rm_file(lock)


class _Pickler(pickle.Pickler):
    """Writes paths of a copy by their URL, so that another node finds them in its own copy."""

    def reducer_override(self, held: Any) -> Any:
        if isinstance(held, Path) and _of(held):
            return local, (address(held),)
        return NotImplemented


def dump(held: Any, stream: BinaryIO) -> None:
    """Pickle what may hold paths of an object store."""
    (_Pickler if _stores else pickle.Pickler)(stream).dump(held)
