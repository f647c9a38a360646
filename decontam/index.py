"""What is protected: every eval item as weighted words, and the rare trigrams that lead to it.

An item has up to four parts: question, passage, choices, answer. Equal texts of one part are one
*reference*, owned by all items that have it. A word of a reference weighs what it tells:

* its surprise in ordinary data (`background`), and no more than
* its surprise after the two words before it among the other items of its suite, where five or more
  of them share these three words: what a suite repeats (a stem, a header, LaTeX or Asymptote
  idioms) tells no item from another;
* a word that the reference says n times weighs 1 + ln n in all, not n times as much: a renamed
  function is one change, however often it is called.

Eight words in a row that five questions have, of whatever suite, or sixteen that three have, are a
stem and no item's own: of the rest, the item's *own* words, a share must agree by itself.

Weights are in nats, so a reference's total says how much agreement there can be at all.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from decontam import background
from decontam.jit import cache_folder, inlined, kernel
from decontam.tokens import pack, tokenise
from decontam.verbatim import Groups, groups_of, is_long, told_by_brackets
from decontam.words import (
    START,
    THIRD,
    bucket_bounds,
    clear,
    fill_trigrams,
    mix,
    place_among,
    split_words,
    whole,
    word_spans,
)

VERSION = 22
QUESTION, PASSAGE, CHOICES, ANSWER, DRAWN = range(5)
# A question with its drawing, where it has one, is only looked for word by word.
PARTS = ("question", "passage", "choices", "answer", "question")
# How many items of a suite make a wording the suite's rather than an item's.
SHARED = 5
# So many words in a row that so many questions have, each of other words, are a stem.
STOCKS = ((8, SHARED), (16, 3))
# A window must hold this share of a reference's seeds, by weight, for so many nats; linear in
# between. Of trigrams, 0.85 ** 3 = 0.61 survive where 15 % of the words are edited and 0.34 where
# 30 % are; a short reference must be nearly a copy to count.
NATS, SEED_SHARE = (20.0, 40.0, 80.0), (0.3, 0.2, 0.12)
# A trigram that weighs less turns up by chance in every few thousand words; one in more references
# than MOST_OWNERS leads to nobody in particular.
SEED_NATS = 7.0
MOST_OWNERS = 64
MOST_SEEDS = 24
# A short reference needs more than three, or two edits leave it none: the next heaviest then, down
# to a weight that still is rare enough.
FEWEST_SEEDS, LIGHT_SEED_NATS = 8, 5.0
# A question that says less ("Which of these is true?") is found by its choices too.
VAGUE = 25.0
# An answer that says less is support for its question, not a leak of its own.
SOLUTION_WORDS, SOLUTION_NATS = 20, 60.0
LONGEST_STEM = 8
COUNTERS = 1 << 24
END_BITS = 1 << 21
WHOLE = 0xFFFFFF  # the position of the posting that stands for the whole text
VERBATIM = 0xFFFFFE  # and of one that leads to a group of `verbatim`
REFERENCE, VALUE = 0xFFFFFF, 48  # a posting's middle bits, and where its weight begins
NAT = 1 / 16  # the unit of stored weights

DEFINITION = re.compile(r"\b(?:def|function|func)\s+(\w+)\s*\(")
CALL = re.compile(r"\b(\w+)(?=\s*\()")
DRAWING = re.compile(r"\[asy\].*?(?:\[/asy\]|\Z)", re.DOTALL)


class SuiteProblem(ValueError):
    """A suite that cannot be protected: which, and why."""


@dataclass(frozen=True)
class Suite:
    """Eval items to protect. `items` gives dicts with id, prompt, answer?, choices?, passage?."""

    name: str
    tier: str
    items: Callable[[], Iterable[Mapping[str, Any]]]
    policy: Any = None
    hash: str | None = None


@dataclass
class Index:
    """Arrays only, so that it is written once and memory-mapped after."""

    # references: their words one after the other, `offsets` (references + 1) into them
    words: NDArray[np.uint32]  # the low half of each hash
    glue: NDArray[np.uint8]
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
    # hash table: trigram -> its postings, each nats << 48 | reference << 24 | word. A slot is one
    # number, so that a look-up costs one cache line: 24 bits of the hash, 32 of where the postings
    # start, 8 of how many there are. The hash's low bits are the slot's place.
    slots: NDArray[np.uint64]
    postings: NDArray[np.int64]
    filter: NDArray[np.uint64]
    # a bit for each `tokens.squash_ends` of a text that is looked for as a whole
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
        partial = folder.with_name(f"{folder.name}.{id(self)}")
        partial.mkdir(parents=True, exist_ok=True)
        for f in fields(self):
            if f.name not in NAMES:
                np.save(partial / f"{f.name}.npy", getattr(self, f.name))
        names = {name: getattr(self, name) for name in NAMES}
        (partial / "names.json").write_bytes(orjson.dumps(names))
        try:
            partial.rename(folder)
        except OSError:  # another process was first; its index is the same
            for file in partial.iterdir():
                file.unlink()
            partial.rmdir()

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


def build(suites: list[Suite]) -> Index:
    """Index the items of `suites`. Raises `SuiteProblem` for one that protects nothing."""
    texts: dict[tuple[int, str], int] = {}
    group: list[int] = []
    item_parts: list[tuple[int, ...]] = []
    item_suite: list[int] = []
    item_ids: list[str] = []
    named: list[dict[str, Any]] = []
    answers: list[str] = []
    for number, suite in enumerate(suites):
        before = len(item_ids)
        seen: set[str] = set()
        for item in suite.items():
            parts = [-1] * len(PARTS)
            for part, text in enumerate(part_texts(item)):
                if text.strip():
                    known = texts.setdefault((part, text), len(texts))
                    if known == len(group):
                        group.append(number * len(PARTS) + part)
                    parts[part] = known
            if parts[QUESTION] < 0:
                raise SuiteProblem(f"suite {suite.name}: item {item.get('id')!r} has no prompt")
            item_parts.append(tuple(parts))
            item_suite.append(number)
            if (item_id := str(item["id"])) in seen:
                raise SuiteProblem(f"suite {suite.name}: the id {item_id!r} is used twice")
            seen.add(item_id)
            item_ids.append(item_id)
            answers.append(str(item.get("answer")))
        if len(item_ids) == before:
            raise SuiteProblem(f"suite {suite.name}: no items; it would protect nothing")
        named.append(
            {
                "name": suite.name,
                "tier": suite.tier,
                "items": len(item_ids) - before,
                "hash": suite.hash,
            }
        )
    part_of = np.array([part for part, _ in texts], np.uint8)
    text_bytes, text_offsets = pack([text for _, text in texts])
    squashed = np.empty(len(texts), np.uint64)
    ends = np.zeros(END_BITS // 64, np.uint64)
    read = split_words(*tokenise(text_bytes, text_offsets, squashed, ends, learn=True))
    words, offsets = read.words, read.offsets
    weights = word_weights(words, offsets, np.array(group))
    for reference, (_, text) in enumerate(texts):
        if places := called_names(text):
            weights[offsets[reference] + np.array(places)] = 0
    stored = np.maximum(np.round(weights / NAT), 1).astype(np.uint8)
    parts_of = np.array(item_parts, np.int32)
    owners, owner_offsets = owners_of(parts_of, len(texts))
    keys, askers = with_passages([text for _, text in texts], parts_of, ends)
    asked = np.flatnonzero((part_of == QUESTION) & (np.diff(offsets) > 0))
    keys = np.concatenate([squashed[asked], keys])
    askers = np.concatenate([asked, askers])
    said = [text for _, text in texts]
    hashes = whole_hashes(words, offsets, np.empty(len(said), np.uint64))
    copies, wordless = long_questions(said, words, offsets, hashes, parts_of)
    seeds = choose_seeds(words, weights, offsets, part_of, parts_of, keys, askers, copies)
    common = stock(words, offsets, part_of, hashes)
    return Index(
        stock=common,
        own=sums(np.where(common, 0, stored * np.float32(NAT)), offsets),
        words=words.astype(np.uint32),
        glue=read.glue,
        weights=stored,
        offsets=offsets,
        totals=sums(stored * np.float32(NAT), offsets),
        operators=read.operators,
        ends=ends,
        copy_anchor=copies.anchor.astype(np.int32),
        copy_bounds=copies.bounds,
        copy_members=copies.members.astype(np.int32),
        marked=told_by_brackets(said, hashes, np.flatnonzero(np.isin(part_of, (QUESTION, DRAWN)))),
        wordless=wordless,
        part=part_of,
        item_parts=parts_of,
        item_suite=np.array(item_suite, np.int16),
        owners=owners,
        owner_offsets=owner_offsets,
        shared=shared_questions(words, offsets, part_of, parts_of, answers),
        text_bytes=text_bytes,
        text_offsets=text_offsets,
        stem=stems(words, offsets, part_of),
        item_ids=item_ids,
        suites=named,
        **seeds,
    )


def called_names(text: str) -> list[int]:
    """Which words of a text are the name of a function that it defines, where it is called or
    defined: any other name would do."""
    if "(" not in text:
        return []
    names = set(DEFINITION.findall(text))
    if not names:
        return []
    inside = [call.span(1) for call in CALL.finditer(text) if call[1] in names]
    return [
        word
        for word, (start, end) in enumerate(word_spans(text).tolist())
        if any(first <= start and end <= last for first, last in inside)
    ]


def part_texts(item: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """An item's parts as texts; '' where it has none.

    A multiple-choice item's answer is one of its choices, so it is no part of its own. The source
    of a drawing says little about the question beside it and is left out of it.
    """
    choices = item.get("choices") or []
    answer = "" if choices else str(item.get("answer") or "")
    joined = "\n".join(map(str, choices))
    prompt = str(item.get("prompt") or "")
    question = DRAWING.sub(" ", prompt)
    question = question if question.strip() else prompt
    drawn = prompt if question != prompt else ""
    return question, str(item.get("passage") or ""), joined, answer, drawn


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


def sums(weights: NDArray[np.float32], offsets: NDArray[np.int64]) -> NDArray[np.float32]:
    cumulative = np.concatenate([[0.0], np.cumsum(weights, dtype=np.float64)])
    return (cumulative[offsets[1:]] - cumulative[offsets[:-1]]).astype(np.float32)


def word_weights(
    words: NDArray[np.uint64], offsets: NDArray[np.int64], group: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Nats for each word of each reference; `group` is each reference's suite and part."""
    context, continued = contexts(words, offsets, group)
    holder = np.repeat(np.arange(len(offsets) - 1, dtype=np.int32), np.diff(offsets))
    with_word, with_context = holders(continued, holder), holders(context, holder)
    del context, continued, holder
    expected = np.log(with_context.astype(np.float32)) - np.log(with_word.astype(np.float32))
    surprise = background.surprise(words)
    weights = np.where(with_word >= SHARED, np.minimum(surprise, expected), surprise)
    longest = int(np.diff(offsets).max(initial=32))
    first = np.empty(1 << (2 * longest - 1).bit_length(), np.int64)
    place = np.empty(longest, np.int64)
    times = repetitions(words, offsets, first, place, np.empty(len(words), np.float32))
    weights *= (1 + np.log(times)) / times
    return np.maximum(weights, NAT).astype(np.float32)


def stock(
    words: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    part: NDArray[np.uint8],
    hashes: NDArray[np.uint64],
) -> NDArray[np.bool_]:
    """Which words of questions and choices stand in a run that many others have, as STOCKS has it.

    References of the same words (`hashes`) are one: what two suites ask is no stem.
    """
    wanted = np.isin(part, (QUESTION, CHOICES))
    _, alike = np.unique(hashes, return_inverse=True)
    holder = np.repeat(alike.astype(np.int32), np.diff(offsets))
    covered = np.zeros(len(words), np.bool_)
    for size, least in STOCKS:
        runs = fill_runs(words, offsets, wanted, size, np.zeros_like(words))
        places = np.flatnonzero(runs)
        order = places[np.lexsort((holder[places], runs[places]))]
        begins = np.zeros(len(words), np.bool_)
        begins[order] = count_distinct(runs[order], holder[order], np.empty(len(order))) >= least
        cover_runs(begins, size, covered)
    return covered


@kernel
def fill_runs(words, offsets, wanted, size, runs):
    """The hash of the `size` words that begin at each word; 0 where fewer are left of its text."""
    for text in range(len(offsets) - 1):
        if wanted[text]:
            for i in range(offsets[text], offsets[text + 1] - size + 1):
                state = START
                for z in range(size):
                    state = mix(state, words[i + z])
                runs[i] = state
    return runs


@kernel
def count_distinct(keys, holder, counts):
    """How many holders each key has; both are in ascending order, by key and then by holder."""
    start = 0
    while start < len(keys):
        end, distinct = start, 0
        while end < len(keys) and keys[end] == keys[start]:
            distinct += end == start or holder[end] != holder[end - 1]
            end += 1
        counts[start:end] = distinct
        start = end
    return counts


@kernel
def cover_runs(begins, size, covered):
    """Mark the words of the runs of `size` words that begin where `begins` says."""
    left = 0
    for i in range(len(begins)):
        left = size if begins[i] else left - 1
        covered[i] |= left > 0


@kernel
def repetitions(words, offsets, first, place, times):
    """How often each word occurs in its own reference. `first`, twice as long as the longest and a
    power of two, is a table of where words occur first; `place` holds that for each word."""
    for text in range(len(offsets) - 1):
        start, end = offsets[text], offsets[text + 1]
        mask = np.uint64(clear(first, end - start) - 1)
        for i in range(start, end):
            slot = words[i] >> np.uint64(4) & mask
            while first[slot] >= 0 and words[first[slot]] != words[i]:
                slot = (slot + np.uint64(1)) & mask
            if first[slot] < 0:
                first[slot] = i
                times[i] = 0
            place[i - start] = first[slot]
            times[first[slot]] += 1
        for i in range(start, end):
            times[i] = times[place[i - start]]
    return times


def holders(keys: NDArray[np.uint64], holder: NDArray[np.int32]) -> NDArray[np.int32]:
    """For each key, how many holders have it where SHARED or more do, and 1 elsewhere; `holder`
    ascends. Most keys are rare, and a table of small counters tells them without a sort."""
    may_be = mark_frequent(keys, np.zeros(COUNTERS, np.uint8), np.empty(len(keys), np.bool_))
    often = np.flatnonzero(may_be)
    keys = keys[often]
    order = np.argsort(keys, kind="stable")
    counts = np.ones(len(may_be), np.int32)
    counts[often] = count_holders(keys, holder[often], order, np.empty(len(often), np.int32))
    return counts


@kernel
def mark_frequent(keys, counters, frequent):
    """Which keys may occur SHARED times: those that do, and few that share a counter."""
    mask = np.uint64(len(counters) - 1)
    for key in keys:
        counters[key & mask] += counters[key & mask] < SHARED
    for i in range(len(keys)):
        frequent[i] = counters[keys[i] & mask] >= SHARED
    return frequent


@kernel
def count_holders(keys, holder, order, counts):
    start = 0
    while start < len(order):
        key = keys[order[start]]
        end = start
        distinct = 0
        last = -1
        while end < len(order) and keys[order[end]] == key:
            if holder[order[end]] != last:
                distinct += 1
                last = holder[order[end]]
            end += 1
        for i in range(start, end):
            counts[order[i]] = distinct if distinct >= SHARED else 1
        start = end
    return counts


@kernel
def fill_contexts(words, offsets, group, context, continued):
    for text in range(len(offsets) - 1):
        salt = mix(START, np.uint64(group[text]))
        before, last = salt, START
        for i in range(offsets[text], offsets[text + 1]):
            context[i] = mix(mix(before, last), salt)
            continued[i] = mix(context[i], words[i])
            before, last = last, words[i]


def contexts(words, offsets, group):  # type: ignore[no-untyped-def]
    """For each word, hashes of the two words before it and of those with it, apart by group."""
    context, continued = np.empty_like(words), np.empty_like(words)
    fill_contexts(words, offsets, group, context, continued)
    return context, continued


def owners_of(
    item_parts: NDArray[np.int32], references: int
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    item, part = np.nonzero(item_parts >= 0)
    reference = item_parts[item, part]
    order = np.argsort(reference, kind="stable")
    offsets = np.zeros(references + 1, np.int64)
    np.cumsum(np.bincount(reference, minlength=references), out=offsets[1:])
    return item[order].astype(np.int32), offsets


def shared_questions(
    words: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    part: NDArray[np.uint8],
    item_parts: NDArray[np.int32],
    answers: list[str],
) -> NDArray[np.bool_]:
    """Which references are questions that items with different answers or passages ask."""
    hashes = whole_hashes(words, offsets, np.empty(len(part), np.uint64))
    asked: dict[int, set[tuple[int, str]]] = {}
    for (question, passage, *_), answer in zip(item_parts.tolist(), answers, strict=True):
        known = asked.setdefault(int(hashes[question]), set())
        if len(known) < 2:
            known.add((passage, answer.strip().casefold()))
    several = np.array([key for key, known in asked.items() if len(known) > 1], np.uint64)
    return np.isin(hashes, several) & (part == QUESTION)


def stems(
    words: NDArray[np.uint64], offsets: NDArray[np.int64], part: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Which questions of at most LONGEST_STEM words stand inside two others or more."""
    question = part == QUESTION
    lengths = np.diff(offsets)
    short = np.flatnonzero(question & (lengths > 0) & (lengths <= LONGEST_STEM))
    hashes = whole_hashes(words, offsets, np.empty(len(part), np.uint64))
    known, inverse = np.unique(hashes[short], return_inverse=True)
    inside = np.zeros(len(known), np.int64)
    count_inside(words, offsets, question, known, bucket_bounds(known), inside)
    found = np.zeros(len(part), np.bool_)
    found[short] = inside[inverse] >= 2
    return found


@kernel
def count_inside(words, offsets, question, known, bounds, inside):
    """Add to `inside` how many longer questions hold each of the `known` texts (`place_among`)."""
    last = np.full(len(known), -1, np.int64)
    for text in range(len(offsets) - 1):
        start, end = offsets[text], offsets[text + 1]
        if not question[text]:
            continue
        for i in range(start, end):
            state = START
            for j in range(i, min(i + LONGEST_STEM, end)):
                state = mix(state, words[j])
                place = place_among(state * THIRD, known, bounds)
                if place >= 0 and last[place] != text and j + 1 - i < end - start:
                    last[place] = text
                    inside[place] += 1


@kernel
def whole_hashes(words, offsets, out):
    for text in range(len(offsets) - 1):
        out[text] = whole(words, offsets[text], offsets[text + 1])
    return out


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


def choose_seeds(
    words: NDArray[np.uint64],
    weights: NDArray[np.float32],
    offsets: NDArray[np.int64],
    part: NDArray[np.uint8],
    item_parts: NDArray[np.int32],
    wholes: NDArray[np.uint64],
    asked: NDArray[np.int64],
    copies: Groups,
) -> dict[str, NDArray[Any]]:
    """The trigrams that lead to each reference, spread over it, as a hash table with a filter.

    In the same table, `wholes`: the squash of each text that is a question, `asked`, as a whole;
    and the anchors of `copies`.
    """
    lengths = np.diff(offsets)
    leading = (part == QUESTION) | (part == PASSAGE)
    nats = sums(weights, offsets)
    leading |= (part == ANSWER) & (lengths >= SOLUTION_WORDS) & (nats >= SOLUTION_NATS)
    vague = (nats[item_parts[:, QUESTION]] < VAGUE) & (item_parts[:, CHOICES] >= 0)
    leading[item_parts[vague, CHOICES]] = True
    grams = np.zeros(len(words), np.uint64)
    values = np.zeros(len(words), np.float32)
    fill_trigrams(words, weights, offsets, leading, grams, values)
    np.minimum(values, background.trigram_surprise(grams), out=values)
    holder = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    has_gram = np.flatnonzero(values > 0)
    held = np.zeros(len(words), np.int32)
    held[has_gram] = holders(grams[has_gram], holder[has_gram])
    chosen = np.zeros(len(words), np.bool_)
    totals = np.zeros(len(lengths), np.float32)
    pick_seeds(offsets, values, held, chosen, totals)
    picked = np.flatnonzero(chosen)
    groups = np.arange(len(copies.keys))
    keys = np.concatenate([grams[picked], wholes, copies.keys])
    places = picked - offsets[holder[picked]], np.full_like(asked, WHOLE)
    place = np.concatenate([*places, np.full_like(groups, VERBATIM)])
    value = np.zeros(len(keys), np.int64)
    value[: len(picked)] = np.floor(values[picked] / NAT)
    leads_to = np.concatenate([holder[picked].astype(np.int64), asked, groups])
    postings = value << VALUE | leads_to << 24 | place
    return {
        "seeds_needed": (np.interp(nats, NATS, SEED_SHARE) * totals / NAT).astype(np.float32),
        **hash_table(keys, postings),
    }


@kernel
def pick_seeds(offsets, values, held, chosen, totals):
    """In each of at most MOST_SEEDS stretches of a reference, its heaviest trigram few others hold.

    Where these are fewer than FEWEST_SEEDS, the heaviest of the others.
    """
    for text in range(len(offsets) - 1):
        start, end = offsets[text], offsets[text + 1] - 2
        length = end - start
        if length <= 0:
            continue
        stretches = min(length, MOST_SEEDS)
        for stretch in range(stretches):
            best = -1
            first = start + stretch * length // stretches
            for i in range(first, start + (stretch + 1) * length // stretches):
                rare = values[i] >= SEED_NATS and held[i] <= MOST_OWNERS
                if rare and (best < 0 or values[i] > values[best]):
                    best = i
            if best >= 0:
                chosen[best] = True
                totals[text] += values[best]
        picked = 0
        for i in range(start, end):
            picked += chosen[i]
        while picked < FEWEST_SEEDS:
            best = -1
            for i in range(start, end):
                free = not chosen[i] and 0 < held[i] <= MOST_OWNERS
                free = free and (values[i] >= LIGHT_SEED_NATS or picked < 3)
                if free and (best < 0 or values[i] > values[best]):
                    best = i
            if best < 0:
                break
            chosen[best] = True
            totals[text] += values[best]
            picked += 1


def hash_table(keys: NDArray[np.uint64], postings: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    order = np.lexsort((postings, keys))
    keys, postings = keys[order], postings[order]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    counts = np.diff(np.append(first, len(keys)))
    size = 1 << max(4, int(np.ceil(np.log2(len(first) * 2 + 1))))
    slots = np.zeros(size, np.uint64)
    # Eight bits a key and more keep most trigrams that lead nowhere out of the table; with twice as
    # many, more look-ups in the filter itself leave the processor's caches than it saves.
    bits = np.zeros(max(1, size * 4 // 64), np.uint64)
    fill_table(keys[first], first, counts, slots, bits)
    return {"slots": slots, "postings": postings, "filter": bits}


@kernel
def fill_table(keys, first, counts, slots, bits):
    mask = np.uint64(len(slots) - 1)
    bit_mask = np.uint64(len(bits) * 64 - 1)
    for i in range(len(keys)):
        place = keys[i] & mask
        while slots[place] != 0:
            place = (place + np.uint64(1)) & mask
        number = np.uint64(min(counts[i], 255))
        mark = keys[i] >> np.uint64(40) << np.uint64(40)
        slots[place] = mark | np.uint64(first[i]) << np.uint64(8) | number
        bit = (keys[i] >> np.uint64(20)) & bit_mask
        bits[bit >> np.uint64(6)] |= np.uint64(1) << (bit & np.uint64(63))


@inlined
def look_up(key, slots):
    """(first posting, one past the last) of `key`; (0, 0) where there is none."""
    mask = np.uint64(len(slots) - 1)
    place = key & mask
    while slots[place] != 0:
        slot = slots[place]
        if slot >> np.uint64(40) == key >> np.uint64(40):
            start = np.int64(slot >> np.uint64(8) & np.uint64(0xFFFFFFFF))
            return start, start + np.int64(slot & np.uint64(255))
        place = (place + np.uint64(1)) & mask
    return 0, 0
