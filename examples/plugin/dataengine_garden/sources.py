"""Source `notes`: a text file of questions (`Q: ...`) and answers (`A: ...`), a line each."""

from pathlib import Path
from typing import ClassVar

from dataengine.errors import UserError
from dataengine.rows.formats import Record
from dataengine.sources.files import content_hash
from dataengine.sources.ingest import RecordReader
from dataengine.sources.source import RecordSource


class Notes(RecordSource):
    """Rows from a file of questions and answers."""

    key: ClassVar[str] = "notes"

    notes: str
    """The text file, relative to the mixture."""

    def reader(self, mixture, limit):
        return NotesReader(source=self, kind=mixture.kind, limit=limit)

    @property
    def file(self):
        """The file; a UserError where there is none."""
        file = self.base / self.notes
        if not file.is_file():
            raise UserError(f"source {self.name}: notes: there is no file {file}")
        return file


class NotesReader(RecordReader):
    """Reads one file of notes."""

    source: Notes

    def explain(self):
        return self.source.notes

    def needs(self):
        return {"content": content_hash(str(self.source.file))}

    def origin(self):
        return Path(self.source.notes).name, None

    def figures(self):
        name = Path(self.source.notes).name
        return {"path": name, "content": content_hash(str(self.source.file))}

    def records(self):
        lines = self.source.file.read_text("utf-8").splitlines()
        asked = [line.removeprefix("Q: ") for line in lines if line.startswith("Q: ")]
        told = [line.removeprefix("A: ") for line in lines if line.startswith("A: ")]
        pairs = zip(asked, told, strict=False)
        for number, (question, answer) in enumerate(pairs, 1):
            if self.limit and number > self.limit:
                return
            yield Record(number, {"prompt": question, "completion": answer}, len(answer))
