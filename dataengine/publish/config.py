"""The `publish:` part of a mixture: where a build goes, who may see it, how its card begins."""

from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

from pydantic import Field, model_validator

from dataengine.config import Config


class Words(NamedTuple):
    """What a publisher says of the dataset in words of their own."""

    file: str
    content: str
    """blake2b-128 of the file."""
    text: str


class Publish(Config):
    """Where `--publish` sends a finished build."""

    repo: str = Field(pattern=r"^[\w.\-]+/[\w.\-]+$")
    private: bool = True
    about: str | None = None
    """A Markdown file that stands at the head of the card: an introduction, whom to write to."""
    content: str | None = None
    """The content of `about` that a lock file pins: another is refused."""
    base: Path = Field(default=Path(), exclude=True)
    """The folder that a relative path starts from: the mixture file's own."""

    @model_validator(mode="after")
    def _readable(self) -> "Publish":
        self.words()
        return self

    def words(self) -> Words | None:
        """What the file `about` says.

        Raises ValueError: it cannot be read, says nothing, has a header, or is another than the
        lock's.
        """
        if self.about is None:
            return None
        file = self.base / self.about
        try:
            held = file.read_bytes()
            text = held.decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            raise ValueError(f"about: {file} is not UTF-8 text") from None
        except OSError as error:
            told = "there is no file" if isinstance(error, FileNotFoundError) else "cannot read"
            raise ValueError(f"about: {told} {file}; it is to be a Markdown file") from None
        if not text:
            raise ValueError(f"about: {file} is empty: write it, or leave `about` out")
        if text.startswith("---"):
            raise ValueError(f"about: {file} starts with a YAML header: the card has its own")
        content = blake2b(held, digest_size=16).hexdigest()
        if self.content not in (None, content):
            raise ValueError(
                f"about: {file} is not the file that this lock was made with; build the mixture "
                "that names it, and take its new lock"
            )
        return Words(file.name, content, text)
