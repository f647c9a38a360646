"""Index of what is protected: every eval item as weighted words, and the seeds that lead to it.

An item has up to four parts: question, passage, choices, answer. Equal texts of one part are one
*reference*, owned by all items that have it. A word of a reference weighs what it tells
(`weights`), in nats, so a reference's total says how much agreement there can be at all.

Eight words in a row that five questions have, of whatever suite, or sixteen that three have, are a
stem and no item's own (`stems`): of the rest, the item's *own* words, a share must agree by itself.
"""

from dataclasses import dataclass, field, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from dataengine.errors import UserError
from dataengine.kernels.cache import appearing, cache_folder
from dataengine.kernels.packed import pack
from dataengine.kernels.tokens import tokenise
from decontam.index.items import (
    ANSWER,
    CHOICES,
    DRAWN,
    PARTS,
    PASSAGE,
    QUESTION,
    SHARED,
    Suite,
    part_texts,
)
from decontam.index.seeds import Wholes, choose_seeds
from decontam.index.stems import shared_questions, stems, stock, whole_hashes
from decontam.index.verbatim import Groups, groups_of, is_long, told_by_brackets
from decontam.index.weights import NAT, called_names, sums, word_weights
from decontam.text import background
from decontam.text.words import split_words

__all__ = [
    "ANSWER", "CHOICES", "NAT", "PARTS", "PASSAGE", "QUESTION", "SHARED", "Index", "Suite",
    "load_or_build",
]  # fmt: skip

VERSION = 23
END_BITS = 1 << 21


@dataclass
class Index:
    """Arrays only, so that it is written once and memory-mapped after."""

    # references: their words one after the other, `offsets` (references + 1) into them
    words: NDArray[np.uint32]  # the low half of each hash
    operator_codes: NDArray[np.uint8]
    weights: NDArray[np.uint8]  # in sixteenths of a nat
    offsets: NDArray[np.int64]
    totals: NDArray[np.float32]
    stock: NDArray[np.bool_]  # for each word, whether many questions have it among the same others
    own: NDArray[np.float32]  # the totals of the other words
    operators: NDArray[np.uint64]  # `words.Words.operators`
    part: NDArray[np.uint8]
    seeds_needed: NDArray[np.float32]  # in the unit of weights
    # items: their references by part (-1 where there is none) and their suite
    item_parts: NDArray[np.int32]
    item_suite: NDArray[np.int16]
    # owners[owner_offsets[r]:owner_offsets[r + 1]]: the items of reference r
    owners: NDArray[np.int32]
    owner_offsets: NDArray[np.int64]
    # shared[r]: this question is asked by items whose answers differ
    shared: NDArray[np.bool_]
    # stem[r]: this short question is part of two other questions or more
    stem: NDArray[np.bool_]
    # the inverted index: seeds, their postings, and the filter before it; see `postings`
    slots: NDArray[np.uint64]
    postings: NDArray[np.int64]
    filter: NDArray[np.uint64]
    # a bit for each `hashing.squash_ends` of a text that is looked for as a whole
    ends: NDArray[np.uint64]
    # long questions by their words; see `verbatim.Groups`; `wordless` have fewer than three
    copy_anchor: NDArray[np.int32]
    copy_bounds: NDArray[np.int64]
    copy_members: NDArray[np.int32]
    # marked[r]: only brackets tell this question from others of the same words
    marked: NDArray[np.bool_]
    wordless: NDArray[np.int32]
    # the references' texts, for evidence only: on disk, and read where something matched
    text_bytes: NDArray[np.uint8]
    text_offsets: NDArray[np.int64]
    # names
    item_ids: list[str] = field(default_factory=list)
    suites: list[dict[str, Any]] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        return sum(getattr(self, f.name).nbytes for f in fields(self) if f.name not in NAMES)

    def save(self, folder: Path) -> None:
        with appearing(folder) as partial:
            partial.mkdir()
            for f in fields(self):
                if f.name not in NAMES:
                    np.save(partial / f"{f.name}.npy", getattr(self, f.name))
            names = {name: getattr(self, name) for name in NAMES}
            (partial / "names.json").write_bytes(orjson.dumps(names))

    @classmethod
    def load(cls, folder: Path) -> "Index":
        arrays = {
            # As plain arrays: numpy's class for mapped ones is slow to index.
            f.name: np.load(folder / f"{f.name}.npy", mmap_mode="c").view(np.ndarray)
            for f in fields(cls)
            if f.name not in NAMES
        }
        return cls(**arrays, **orjson.loads((folder / "names.json").read_bytes()))


NAMES = ("item_ids", "suites")
"""The fields of an index that are no arrays."""


def load_or_build(suites: list[Suite], cache: Path | None = None) -> Index:
    """The index over `suites`, from `cache` (default: the user's) where it is there."""
    folder = kept_in(suites, cache)
    if folder is None:
        return build(suites)
    if not (folder / "names.json").exists():
        build(suites).save(folder)
    return Index.load(folder)


def kept_in(suites: list[Suite], cache: Path | None = None) -> Path | None:
    """The folder of the index over `suites`; None where what they hold has no hash."""
    if any(suite.hash is None for suite in suites):
        return None
    digest = blake2b(digest_size=16)
    digest.update(f"{VERSION}".encode() + background.TABLE.read_bytes())
    for suite in suites:
        digest.update(f"\0{suite.name}\0{suite.tier}\0{suite.hash}".encode())
    return (cache or cache_folder() / "indices") / digest.hexdigest()


class Gathered(NamedTuple):
    """The items of some suites, equal texts of one part as one reference.

    texts: (part, text) of each reference; group: its first suite and its part as one number.
    parts: each item's references by part; suite: its suite by number; ids, answers: as texts.
    suites: what the report says of each suite.
    """

    texts: list[tuple[int, str]]
    group: list[int]
    parts: list[tuple[int, ...]]
    suite: list[int]
    ids: list[str]
    answers: list[str]
    suites: list[dict[str, Any]]


def gathered(suites: list[Suite]) -> Gathered:
    """The items of `suites`. Raises `UserError` for a suite that protects nothing."""
    texts: dict[tuple[int, str], int] = {}
    found = Gathered([], [], [], [], [], [], [])
    for number, suite in enumerate(suites):
        seen: set[str] = set()
        for item in suite.items():
            parts = [-1] * len(PARTS)
            for part, text in enumerate(part_texts(item)):
                if text.strip():
                    parts[part] = texts.setdefault((part, text), len(texts))
                    if parts[part] == len(found.group):
                        found.group.append(number * len(PARTS) + part)
            if parts[QUESTION] < 0:
                raise UserError(f"suite {suite.name}: item {item.get('id')!r} has no prompt")
            if (item_id := str(item["id"])) in seen:
                raise UserError(f"suite {suite.name}: the id {item_id!r} is used twice")
            seen.add(item_id)
            found.parts.append(tuple(parts))
            found.suite.append(number)
            found.ids.append(item_id)
            found.answers.append(str(item.get("answer")))
        if not seen:
            raise UserError(f"suite {suite.name}: no items; it would protect nothing")
        told = {"name": suite.name, "tier": suite.tier, "items": len(seen), "hash": suite.hash}
        found.suites.append(told)
    found.texts.extend(texts)
    return found


def build(suites: list[Suite]) -> Index:
    """Index the items of `suites`. Raises `UserError` for one that protects nothing."""
    found = gathered(suites)
    part = np.array([part for part, _ in found.texts], np.uint8)
    texts = [text for _, text in found.texts]
    item_parts = np.array(found.parts, np.int32)
    text_bytes, text_offsets = pack(texts)
    squashed = np.empty(len(texts), np.uint64)
    ends = np.zeros(END_BITS // 64, np.uint64)
    read = split_words(*tokenise(text_bytes, text_offsets, squashed, ends, learn=True))
    words, offsets = read.words, read.offsets
    weights = word_weights(words, offsets, np.array(found.group))
    for reference, text in enumerate(texts):
        if places := called_names(text):
            weights[offsets[reference] + np.array(places)] = 0
    stored = np.maximum(np.round(weights / NAT), 1).astype(np.uint8)
    owners, owner_offsets = owners_of(item_parts, len(texts))
    keys, askers = with_passages(texts, item_parts, ends)
    asked = np.flatnonzero((part == QUESTION) & (np.diff(offsets) > 0))
    keys, askers = np.concatenate([squashed[asked], keys]), np.concatenate([asked, askers])
    hashes = whole_hashes(words, offsets, np.empty(len(texts), np.uint64))
    copies, wordless = long_questions(texts, words, offsets, hashes, item_parts)
    in_stem = stock(words, offsets, part, hashes)
    return Index(
        words=words.astype(np.uint32),
        operator_codes=read.operator_codes,
        weights=stored,
        offsets=offsets,
        totals=sums(stored * np.float32(NAT), offsets),
        stock=in_stem,
        own=sums(np.where(in_stem, 0, stored * np.float32(NAT)), offsets),
        operators=read.operators,
        part=part,
        item_parts=item_parts,
        item_suite=np.array(found.suite, np.int16),
        owners=owners,
        owner_offsets=owner_offsets,
        shared=shared_questions(words, offsets, part, item_parts, found.answers),
        stem=stems(words, offsets, part),
        ends=ends,
        copy_anchor=copies.anchor.astype(np.int32),
        copy_bounds=copies.bounds,
        copy_members=copies.members.astype(np.int32),
        marked=told_by_brackets(texts, hashes, np.flatnonzero(np.isin(part, (QUESTION, DRAWN)))),
        wordless=wordless,
        text_bytes=text_bytes,
        text_offsets=text_offsets,
        item_ids=found.ids,
        suites=found.suites,
        **choose_seeds(words, weights, offsets, part, item_parts, Wholes(keys, askers), copies),
    )


def long_questions(
    texts: list[str],
    words: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    hashes: NDArray[np.uint64],
    item_parts: NDArray[np.int32],
) -> tuple[Groups, NDArray[np.int32]]:
    """The long questions without a passage by their words, and those that have hardly any."""
    alone = item_parts[item_parts[:, PASSAGE] < 0]
    asked = np.where(alone[:, DRAWN] >= 0, alone[:, DRAWN], alone[:, QUESTION])
    lengths = np.diff(offsets)
    long = [r for r in np.unique(asked).tolist() if is_long(texts[r], int(lengths[r]))]
    chosen = np.array(long, np.int64)
    worded = lengths[chosen] >= 3
    copies = groups_of(words, offsets, hashes, chosen[worded])
    return copies, chosen[~worded].astype(np.int32)


def with_passages(
    texts: list[str], item_parts: NDArray[np.int32], ends: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The squash of each passage with its question after it, and the question's reference."""
    items = item_parts[item_parts[:, PASSAGE] >= 0]
    keys = np.empty(len(items), np.uint64)
    # In pieces: together these texts are many times the passages.
    for low in range(0, len(items), 2000):
        piece = items[low : low + 2000].tolist()
        tokenise(
            *pack([f"{texts[p[PASSAGE]]}\n{texts[p[QUESTION]]}" for p in piece]),
            keys[low : low + 2000],
            ends,
            learn=True,
        )
    return keys, items[:, QUESTION].astype(np.int64)


def owners_of(
    item_parts: NDArray[np.int32], references: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    item, part = np.nonzero(item_parts >= 0)
    reference = item_parts[item, part]
    order = np.argsort(reference, kind="stable")
    offsets = np.zeros(references + 1, np.int64)
    np.cumsum(np.bincount(reference, minlength=references), out=offsets[1:])
    return item[order].astype(np.int32), offsets
