"""A look: a sample of a mixture, built apart, so that thresholds are chosen before rows go.

A few records of every source are drawn by hash and go through the mixture's own stages. Nobody is
asked: what models make or measure is left out, and named. Amounts are left out too, so that every
row of the sample is seen.
"""

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataengine.document import Document
from dataengine.errors import UserError
from dataengine.mixture import Mixture
from dataengine.sources.source import RecordSource

SAMPLED = 1_000
"""Records of a source that are drawn, where `--limit` says no other number."""
A_SAMPLE = """\
# A look at {name}

This is a sample of the mixture, to choose thresholds by: see `report.html`. It is not the dataset.
"""
AMOUNTS = ("rows", "fraction", "repeat", "tokens")


@dataclass(frozen=True)
class Sample:
    """A mixture of which a sample can be built without asking a model."""

    mixture: Mixture
    records: int
    """Records that are drawn of each source, at most."""
    left_out: tuple[str, ...]
    """What is not in it, since models make or measure it."""

    @classmethod
    def of(cls, mixture: Mixture, records: int) -> "Sample":
        """The part of a mixture that can be looked at.

        Raises:
            UserError: nothing of it can.
        """
        read = [source for source in mixture.sources if isinstance(source, RecordSource)]
        made = [source.name for source in mixture.sources if not isinstance(source, RecordSource)]
        if not read:
            raise UserError(
                f"--look: every source is made by models ({', '.join(made)}), and a look asks "
                "none; build a preview with --limit instead"
            )
        whole = [source.model_copy(update=dict.fromkeys(AMOUNTS)) for source in read]
        changed: dict[str, Any] = {"sources": whole, "difficulty": None}
        found = mixture.decontaminate
        second = found.paraphrases if found else None
        asks = second is not None and bool(second.judge or second.embeddings)
        if found and asks:
            changed["decontaminate"] = found.model_copy(update={"paraphrases": None})
        left_out = [
            *made,
            *(["difficulty"] if mixture.difficulty else []),
            *(["paraphrases"] if asks else []),
        ]
        return cls(mixture.model_copy(update=changed), records, tuple(left_out))

    def document(self, document: Document) -> Document:
        """The mixture file without what is left out."""
        kept = {source.name for source in self.mixture.sources}
        found = copy.copy(document)
        sources = [
            {key: value for key, value in entry.items() if key not in AMOUNTS}
            for entry in document.data["sources"]
            if entry["name"] in kept
        ]
        rest = {key: value for key, value in document.data.items() if key != "difficulty"}
        found.data = rest | {"sources": sources}
        return found

    def told(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {"sample": {"records": self.records, "left_out": list(self.left_out)}}


def refuse_dataset(folder: Path) -> None:
    """Stop before a sample takes the place of a dataset.

    Raises:
        UserError: the folder holds one.
    """
    try:
        held = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if "sample" not in held:
        raise UserError(
            f"{folder}: holds a build, which a look would replace; choose another --out"
        )
