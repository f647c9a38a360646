"""Sources on the Hugging Face Hub: streamed, and pinned to the commit that was read."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
from pydantic import Field

from dataengine.errors import UserError
from dataengine.rows.calls import without_padding
from dataengine.rows.formats import Record
from dataengine.sources.ingest import PART_ROWS, Ingest, RecordReader
from dataengine.sources.source import RecordSource
from dataengine.stages.stage import Context, Outcome

if TYPE_CHECKING:
    from dataengine.mixture import Mixture


class HubSource(RecordSource):
    """Rows from a dataset on the Hub."""

    key: ClassVar[str] = "hub"

    hub: str = Field(pattern=r"^[\w.\-]+/[\w.\-]+$")
    """The dataset's name there: `openai/gsm8k`."""
    config: str | None = None
    split: str = "train"
    revision: str | None = None
    """A branch, tag or commit; resolved to a commit and pinned in the manifest."""

    def reader(self, mixture: "Mixture", limit: int | None) -> "HubReader":
        return HubReader(source=self, kind=mixture.kind, limit=limit)

    def where_from(self) -> str:
        """The source as a person would look it up."""
        return f"hub:{self.hub}" + (f"/{self.config}" if self.config else "") + f"[{self.split}]"


class HubReader(RecordReader):
    """Reads one Hub source at the commit its revision means now."""

    source: HubSource

    def explain(self) -> str:
        return self.source.where_from()

    def needs(self) -> dict[str, str]:
        return {"commit": commit(self.source)}

    def settled(self) -> bool:
        return _pinned(self.source)

    def origin(self) -> tuple[str, str | None]:
        return self.source.where_from(), commit(self.source)

    def figures(self) -> dict[str, Any]:
        return {"hub": self.source.hub, "revision": commit(self.source)}

    def outcomes(self, ingest: Ingest, context: Context) -> Iterator[Outcome]:
        """Plain chats go a block at a time, all else record by record."""
        from dataengine.sources import plain  # numba: not needed to plan

        may_be = not self.limit and plain.may_be(self.source, self.kind)
        tables = self._tables() if may_be and self._may_have_turns() else iter(())
        first = next(tables, None)
        shape = None if first is None else plain.shape_of(self.source, plain.record_at(first, 0))
        if first is None or shape is None:
            yield from super().outcomes(ingest, context)
            return
        found = plain.table_blocks(chain([first], tables), shape)
        yield from plain.outcomes(ingest, shape, found, None, context)

    def _may_have_turns(self) -> bool:
        """Whether the columns, as far as they are known before the rows, are those of chats."""
        from dataengine.sources.chat_scanner import PLAIN

        with _told(self.source):
            named = self._stream().column_names
        return named is None or not {key for key, *_ in PLAIN.values()}.isdisjoint(named)

    def _tables(self) -> Iterator[pa.Table]:
        with _told(self.source):
            yield from self._stream().with_format("arrow").iter(batch_size=PART_ROWS)

    def records(self) -> Iterator[Record]:
        with _told(self.source):
            for number, value in enumerate(self._stream(), 1):
                if self.first and number > self.first:
                    return
                record = {k: without_padding(v, k) for k, v in value.items()}
                yield Record(number, record, _size(value))

    def _stream(self) -> Any:
        """The dataset, as `datasets` streams it."""
        source = self.source
        if Path(source.hub).exists():  # which `datasets` would read in the Hub's stead
            raise UserError(
                f"source {source.name}: hub: a folder {source.hub} here has that name too; "
                "build from another folder, or read it with path:"
            )
        return _opened(source.hub, source.config, source.split, commit(source))


@lru_cache
def _opened(hub: str, config: str | None, split: str, revision: str) -> Any:
    """A dataset, opened once a process; each time that it is gone through, it streams anew."""
    from datasets import load_dataset

    stream = load_dataset(hub, config, split=split, revision=revision, streaming=True)
    # no row holds images or audio, so that nothing is needed to decode them
    return stream.decode(False) if stream.features else stream


@contextmanager
def _told(source: HubSource) -> Iterator[None]:
    """What goes wrong with the Hub, in one line for a person."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(_trouble(source, error)) from None


def commit(source: HubSource) -> str:
    """The commit that the source's revision means.

    Raises:
        UserError: the Hub cannot be asked, or has no such dataset or revision.
    """
    if _pinned(source):
        return str(source.revision)
    with _told(source):
        return _resolved(source.hub, source.revision)


@lru_cache
def _resolved(hub: str, revision: str | None) -> str:
    """Asked once a process, so that one build reads one commit."""
    from huggingface_hub import HfApi

    return str(HfApi().dataset_info(hub, revision=revision).sha)


def _pinned(source: HubSource) -> bool:
    return bool(source.revision and re.fullmatch(r"[0-9a-f]{40}", source.revision))


def _size(value: dict[str, Any]) -> int:
    return sum(len(v) if isinstance(v, str) else 256 for v in value.values())


def _trouble(source: HubSource, error: Exception) -> str:
    """One line for a person; an HTTP error's text may quote headers, so only its class is said."""
    names = {c.__name__ for c in type(error).__mro__}
    if "RepositoryNotFoundError" in names or "DatasetNotFoundError" in names:
        what = "there is no such dataset, or it is private and HF_TOKEN is not set"
    elif "GatedRepoError" in names:
        what = "it is gated: accept its terms on its page, and set HF_TOKEN"
    elif "RevisionNotFoundError" in names:
        what = f"it has no revision {source.revision!r}"
    elif names & {"OfflineModeIsEnabled", "ConnectionError", "ConnectError", "ConnectTimeout"}:
        what = "the Hub cannot be reached; try again online, or use path: with a local copy"
    else:
        what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return f"source {source.name}: hub: {source.hub}: {what}"
