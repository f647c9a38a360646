"""The build folder: whose it is, one run at a time, and what a disk says that cannot take it."""

import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import polars as pl

from dataengine import storage
from dataengine.errors import UserError

LAID_OUT = (
    "README.md",
    "croissant.json",
    "data",
    "dropped",
    "manifest.json",
    "mixture.lock.yaml",
    "report.html",
    "training_summary.md",
)
"""What a build puts in its folder, and may therefore replace there."""
UNWRITABLE = (errno.EACCES, errno.ENOTDIR, errno.EPERM, errno.EROFS)


@contextmanager
def held(out: Path, name: str, work: Path | None = None) -> Iterator[None]:
    """Hold a build folder, and that of its steps where it is another, for one run of the mixture
    `name`; a process that dies lets them go.

    Raises:
        UserError: another run holds one, it holds something else than a build of this mixture,
            or it cannot be written.
    """
    with _disk_errors(out, work), ExitStack() as locks:
        _ours(out, name)
        for folder in dict.fromkeys([out / ".work", work or out / ".work"]):
            with suppress(FileExistsError):  # a file there is told of by what comes next
                folder.mkdir(parents=True)
            lock = locks.enter_context((folder / "lock").open("a"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                taken, option = (work, "--work") if folder == work else (out, "--out")
                raise UserError(
                    f"{storage.named(taken)}: another run is building here; wait for it, "
                    f"or choose another {option}"
                ) from None
            locks.enter_context(storage.claimed(folder))
        yield


def linked(source: str | Path, target: str | Path) -> None:
    """One file under two names, or a copy where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        shutil.copyfile(source, target)


def _ours(out: Path, name: str) -> None:
    """Refuse a folder whose files were not put there by a build of this mixture."""
    built = _built(out / "manifest.json")
    if built not in (None, name):
        raise UserError(f"{out}: holds the build of {built}, not of {name}; choose another --out")
    foreign = [entry for entry in LAID_OUT if (out / entry).exists()]
    if foreign and built is None and not (out / ".work").is_dir():
        raise UserError(
            f"{out}: is no build folder, but has a {foreign[0]} of its own; choose another --out"
        )


def _built(manifest: Path) -> str | None:
    """The name of the mixture that was built here."""
    try:
        return str(json.loads(manifest.read_text(encoding="utf-8"))["name"])
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def _disk_errors(out: Path, work: Path | None) -> Iterator[None]:
    """A folder or disk that cannot take the output is a person's matter, not a traceback."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        text, options = str(error), {"--out": out, "--work": work or out}
        full = getattr(error, "errno", None) == errno.ENOSPC or os.strerror(errno.ENOSPC) in text
        if full:
            folders = [*options.values(), Path(tempfile.gettempdir())]
            raise UserError(
                f"{min(folders, key=_free)}: no space left on the device; free some and run "
                "again: finished stages are kept"
            ) from None
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            option = "--work" if work and _concerns(error, work) else "--out"
            raise UserError(
                f"{storage.named(options[option])}: cannot be written to "
                f"({os.strerror(error.errno)}); choose another {option}"
            ) from None
        raise


def _free(folder: Path) -> int:
    """Bytes that can still be written in a folder, or where it would be made."""
    while not folder.is_dir():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _concerns(error: OSError, folder: Path) -> bool:
    """Whether the file that an error names is a folder, lies in it, or stands in its way."""
    if not isinstance(error.filename, str):
        return False
    file, folder = Path(error.filename).resolve(), folder.resolve()
    return file.is_relative_to(folder) or folder.is_relative_to(file)
