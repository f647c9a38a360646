"""Dataset reference: where a set that a source names comes from (personas, a table)."""

from pathlib import Path

from pydantic import Field, model_validator

from dataengine.config import Config
from dataengine.sources.files import FileReader, FileSource
from dataengine.sources.hub import HubReader, HubSource


class DatasetRef(Config):
    """A file, a glob or a dataset on the Hub."""

    path: str | None = None
    hub: str | None = None
    config: str | None = None
    split: str = "train"
    revision: str | None = None
    content: str | None = None
    """The content that a lock file pins: other files than those are refused."""
    base: Path = Field(default=Path(), exclude=True)
    """The folder that relative paths start from: the mixture file's own."""

    @model_validator(mode="after")
    def _one_origin(self) -> "DatasetRef":
        if bool(self.path) == bool(self.hub):
            raise ValueError("give one of path, hub")
        return self

    def reader(self, name: str) -> FileReader | HubReader:
        """What reads its records; they become no rows, so the reader's kind means nothing."""
        if self.path:
            told = self.model_dump(include={"path", "content"})
            files = FileSource.model_validate(told | {"name": name, "base": self.base})
            return FileReader.model_validate({"source": files, "kind": "sft"})
        told = self.model_dump(include={"hub", "config", "split", "revision"})
        hub = HubSource.model_validate(told | {"name": name})
        return HubReader.model_validate({"source": hub, "kind": "sft"})
