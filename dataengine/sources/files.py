"""Sources that are files: one path, a glob, or any fsspec URL, in the usual formats."""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from dataengine.errors import UserError
from dataengine.rows import formats
from dataengine.rows.formats import Record
from dataengine.sources.ingest import Ingest, RecordReader
from dataengine.sources.source import RecordSource
from dataengine.stages.stage import Context, Outcome

if TYPE_CHECKING:
    from dataengine.mixture import Mixture


class FileSource(RecordSource):
    """Rows from files."""

    key: ClassVar[str] = "path"

    path: str = Field(min_length=1)
    """A file, a glob or an fsspec URL: .jsonl .json .parquet .csv .arrow, .gz and .zst of text."""

    content: str | None = None
    """The content that a lock file pins: other files than those are refused."""

    @field_validator("path")
    @classmethod
    def _no_secrets(cls, value: str) -> str:
        if "::" in value:
            raise ValueError("chained URLs are not read: give the URL of the file itself")
        parts = urlsplit(value)
        if parts.scheme and (parts.username or parts.password or parts.query):
            raise ValueError(
                "a URL with a name, a password or a query may hold a secret, which would stand in "
                "the manifest: give the plain URL, and the secret in the environment"
            )
        return value

    @property
    def called(self) -> str:
        """What rows and the manifest call the source: its file's name, never where that lies."""
        return self.path if "://" in self.path else Path(self.path).name

    def reader(self, mixture: "Mixture", limit: int | None) -> "FileReader":
        return FileReader(source=self, kind=mixture.kind, limit=limit)

    def reading(self) -> dict[str, Any]:
        return {k: v for k, v in super().reading().items() if k != "content"}

    def content_found(self) -> str:
        """blake2b-128 over the content of all files, in their order.

        Raises:
            UserError: it is not the content that is pinned.
        """
        whole = hashlib.blake2b(digest_size=16)
        for file in self.files():
            try:
                whole.update(content_hash(file).encode())
            except OSError as error:
                raise UserError(f"source {self.name}: {file} cannot be read: {error}") from None
        found = whole.hexdigest()
        if self.content and self.content != found:
            raise UserError(
                f"source {self.name}: {self.path} holds other content ({found}) than the one "
                f"that is pinned ({self.content}); drop content: to build from what is there"
            )
        return found

    def files(self) -> list[str]:
        """The files that the path means, sorted.

        Raises:
            UserError: none is there, or a format is unknown.
        """
        if "://" in self.path:
            return self._remote()
        try:
            return self._local()
        except OSError as error:
            raise UserError(f"source {self.name}: path: {error.strerror}: {self.path}") from None

    def _local(self) -> list[str]:
        pattern = Path(self.path).expanduser()
        whole = pattern if pattern.is_absolute() else self.base / pattern
        if any(c in self.path for c in "*?["):
            found = [str(p) for p in matching(whole)]
            if not found:
                raise UserError(
                    f"source {self.name}: path: {self.path} matches no file below {whole.parent}"
                )
            return [_known(f, self.name) for f in found]
        if whole.is_dir():
            raise UserError(
                f"source {self.name}: path: {self.path} is a folder; name its files, "
                f"for example {self.path.rstrip('/')}/*.parquet"
            )
        if not whole.is_file():
            raise UserError(f"source {self.name}: path: there is no file {whole}")
        return [_known(str(whole), self.name)]

    def _remote(self) -> list[str]:
        import fsspec

        try:
            files = fsspec.open_files(self.path)
        except Exception as error:
            raise UserError(f"source {self.name}: path: {self.path}: {error}") from None
        if not files:
            raise UserError(f"source {self.name}: path: {self.path} matches no file")
        return [_known(f.full_name, self.name) for f in files]


class FileReader(RecordReader):
    """Reads one file source."""

    source: FileSource

    def explain(self) -> str:
        return self.source.path

    def needs(self) -> dict[str, str]:
        """The files' content: the name of a file says nothing about what is in it."""
        return {"content": self.source.content_found()}

    def settled(self) -> bool:
        return "://" not in self.source.path

    def known_rows(self) -> int | None:
        if not self.settled():
            return None
        counts = [formats.count(f) for f in self.source.files()]
        if any(c is None for c in counts):
            return None
        total = sum(cast(list[int], counts))
        return min(total, self.limit) if self.limit else total

    def origin(self) -> tuple[str, str | None]:
        return self.source.called, None

    def figures(self) -> dict[str, Any]:
        return {"path": self.source.called, "content": self.source.content_found()}

    def records(self) -> Iterator[Record]:
        """The records as they are, before they become rows."""
        files = self.source.files()
        names = _names(files)
        left = self.first
        for file, name in zip(files, names, strict=True):
            for record in formats.records(file):
                if left == 0:
                    return
                yield record._replace(file=name)
                left = None if left is None else left - 1

    def outcomes(self, ingest: Ingest, context: Context) -> Iterator[Outcome]:
        """Plain chats go a block at a time, all else record by record."""
        from dataengine.sources import plain  # numba: not needed to plan

        files = self.source.files()
        shape = None if self.limit else plain.of_files(self.source, self.kind, files)
        if shape is None:
            yield from super().outcomes(ingest, context)
            return
        for file, name in zip(files, _names(files), strict=True):
            found = plain.file_blocks(file, shape)
            yield from plain.outcomes(ingest, shape, found, name, context)

    def notes(self) -> Iterator[str]:
        """What was guessed about the files, where it is not the usual."""
        for file in self.source.files():
            if note := formats.note(file):
                yield f"{self.source.name}: {note}"


def content_hash(file: str) -> str:
    """blake2b-128 of a local file's bytes; of a remote one, what its store says identifies it."""
    if "://" in file:
        import fsspec

        system, path = fsspec.core.url_to_fs(file)
        web = file.startswith(("http://", "https://"))
        return _downloaded_hash(file) if web else str(system.ukey(path))
    state = Path(file).stat()
    return _local_hash(file, state.st_size, state.st_mtime_ns)


@cache
def _local_hash(file: str, size: int, changed: int) -> str:
    """It is asked for more than once; size and time of change tell a file from its next version."""
    with Path(file).open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@cache
def _downloaded_hash(url: str) -> str:
    """The web says nothing that identifies a content, so it is read for it, once a process."""
    import fsspec

    with fsspec.open(url, "rb") as stream:
        whole = hashlib.blake2b(digest_size=16)
        while block := stream.read(1 << 20):
            whole.update(block)
    return whole.hexdigest()


def matching(pattern: Path) -> list[Path]:
    """The files that a glob means, sorted."""
    root = Path(pattern.anchor or ".")
    found = root.glob(str(pattern.relative_to(pattern.anchor) if pattern.anchor else pattern))
    return sorted(path for path in found if path.is_file())


def _known(file: str, source: str) -> str:
    if not formats.known(file):
        raise UserError(
            f"source {source}: path: {file} is of no known format "
            f"({' '.join(formats.FORMATS)}, {' '.join(formats.PACKED)} of text)"
        )
    return file


def _names(files: list[str]) -> list[str | None]:
    """What rows call the files of a source: nothing where there is one, else their names below the
    folder that all of them share."""
    if len(files) == 1:
        return [None]
    first, last = min(files), max(files)
    alike = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    shared = first.rfind("/", 0, alike) + 1
    return [file[shared:] for file in files]
