"""The user's cache: compiled kernels, tables, indices; each appears whole or not at all."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

_numbers = count()


def cache_folder() -> Path:
    """A writable folder for compiled kernels, tables and indices (`DECONTAM_CACHE` overrides it).

    The user's cache folder where it can be written, else one under the system's temporary folder.
    """
    wanted = os.environ.get("DECONTAM_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    private = Path(tempfile.gettempdir()) / f"decontam-{os.getuid()}"
    for folder in [Path(wanted)] if wanted else [home / "decontam", private]:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    raise OSError("no writable cache folder: set DECONTAM_CACHE to one")


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Where to write a file or a folder that is then given its name, by one rename. Where another
    process was first, its own stays: what has one name in a cache is the same. What processes of
    this machine had begun beside it when they were killed is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear(path.parent)
    partial = path.with_name(
        f"tmp-{os.getpid()}@{socket.gethostname()}@{next(_numbers)}-{path.name}"
    )
    try:
        yield partial
        try:
            partial.replace(path)
        except OSError:
            if not path.exists():
                raise
    finally:
        _remove(partial)


def _clear(folder: Path) -> None:
    for partial in folder.glob(f"tmp-*@{socket.gethostname()}@*"):
        try:
            os.kill(int(partial.name.removeprefix("tmp-").partition("@")[0]), 0)
        except ProcessLookupError:
            _remove(partial)
        except PermissionError:  # it is somebody else's, and at work
            continue


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
