"""Sources on the Hugging Face Hub: streamed, and pinned to the commit that was read."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field

from dataengine.errors import UserError
from dataengine.rows.calls import without_padding
from dataengine.rows.formats import Record
from dataengine.sources.ingest import RecordReader
from dataengine.sources.source import RecordSource


class HubSource(RecordSource):
    """Rows from a dataset on the Hub."""

    hub: str = Field(pattern=r"^[\w.\-]+/[\w.\-]+$")
    """The dataset's name there: `openai/gsm8k`."""
    config: str | None = None
    split: str = "train"
    revision: str | None = None
    """A branch, tag or commit; resolved to a commit and pinned in the manifest."""

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

    def records(self) -> Iterator[Record]:
        from datasets import load_dataset

        source, revision = self.source, commit(self.source)
        if Path(source.hub).exists():  # which `datasets` would read in the Hub's stead
            raise UserError(
                f"source {source.name}: hub: a folder {source.hub} here has that name too; "
                "build from another folder, or read it with path:"
            )
        try:
            stream = load_dataset(
                source.hub,
                source.config,
                split=source.split,
                revision=revision,
                streaming=True,
            )
            # no row holds images or audio, so that nothing is needed to decode them
            stream = stream.decode(False) if stream.features else stream
            for number, value in enumerate(stream, 1):
                if self.limit and number > self.limit:
                    return
                record = {k: without_padding(v, k) for k, v in value.items()}
                yield Record(number, record, _size(value))
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
    try:
        return _resolved(source.hub, source.revision)
    except Exception as error:
        raise UserError(_trouble(source, error)) from None


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
