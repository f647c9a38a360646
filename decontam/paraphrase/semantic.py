"""The second tier, for paraphrases: off by default, an extra (`.[semantic]`).

Rows that the lexical tier has not dropped are compared with every question by sentence embeddings.
Nearness alone cannot tell a paraphrase from another problem of the same kind, so it retrieves, and
what both texts state decides (`agreement`). Each fact that agrees, a number or a name, counts as
FACT of cosine, and each that only one side has counts against. FACT is what a tenfold corpus costs:
of 7,473 GSM8K training problems 680, 108, 12 and 0 come within 0.75, 0.80, 0.85 and 0.90 of a test
problem, a factor of six to nine each, and two problems of one kind share a number about as rarely.

    found = check(rows, suites, paraphrases=True)

Nothing here calls an LLM. A judge ("the same problem?") may be asked about what is for review: the
engine's `decontaminate` stage does.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache, lru_cache
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

import polars as pl

from dataengine.kernels.packed import text_at
from decontam.decide.evidence import AROUND, EVIDENCE, ITEM_CHARACTERS, ROW_CHARACTERS
from decontam.decide.policy import apply_policies
from decontam.index.index import ANSWER, CHOICES, PARTS, PASSAGE, SHARED, Index, Suite
from decontam.io.batches import Batch
from decontam.io.findings import Findings, with_evidence
from decontam.paraphrase.agreement import WORD, Agreement, Stated, agreement, stated
from decontam.paraphrase.embedding import RETRIEVED, UNSPACED, Items, Model, Near, packaged
from decontam.paraphrase.prose import CODE, prose

# Cosine and facts together that make a paraphrase, if by one fact more than they make one of any
# other question. Without a fact nearness is for review, however near: "convert a roman numeral to
# an integer" and "convert an integer to a roman numeral" are at 0.996.
SURE, FACT = 0.92, 0.05
# One in so many problems comes nearer by FACT, so a number that fewer state is more than one fact,
# though never as much as the rest of the text.
ONE_IN, MOST_FACTS = 8.0, 1.75
# So near others, SHARED of them, make a crowd: questions of one template, or of one long frame.
CROWD = 2 * FACT
# Where facts contradict or lack, nearness like this is for a person (or a judge) to look at.
ALIKE = 0.85
# A turn with more characters is looked at line by line only: the model would read its beginning.
# Of a turn with more lines only so many are looked at, and only lines with so many words.
WHOLE_TURN, MOST_LINES, FEWEST_WORDS = 2000, 64, 4
LINE = re.compile(r"\S[^\n]*")
CACHED = 50_000

DROP, REVIEW = "drop", "review"
PARAPHRASE = "paraphrase"
OTHER_NUMBERS = "paraphrase with other numbers"
SEVERAL = "paraphrase of one of several"
MAYBE = "maybe a paraphrase"
NO_PASSAGE = "paraphrase without its passage"
PASSAGE_ONLY = "paraphrased passage only"
IN_DOUBT = (SEVERAL, MAYBE)
# What a judge is asked about: these, and what the lexical tier found to agree a little too little.
NEAR_COPY = "near"
JUDGED = (*IN_DOUBT, NEAR_COPY)
# Of so many items one row is asked about, or reviewed: the right one is among the nearest.
MOST_IN_DOUBT = 8
# What the lexical tier found out about a row and an item, and nearness does not overrule.
SETTLED = ("operators changed", "stock phrase", "words in passing",
           "shared question")  # fmt: skip


class Verdict(NamedTuple):
    """`needed`: the cosine that would have made it a paraphrase."""

    decision: str
    rule: str
    needed: float
    numbers_replaced: int
    reason: str


def agreed(facts: Agreement) -> float:
    """The facts that agree, less those that do not."""
    said = facts.numbers + facts.rarity + facts.names
    return said - facts.missing - facts.names_replaced


def verdict(
    cosine: float, facts: Agreement, rival: float = 0.0, alike: float = ALIKE
) -> Verdict | None:
    """What a text is to a question, or None. `rival`: the cosine and facts, as `SURE` counts them,
    of the next question that is not the same. `alike`: the cosine that is for review."""
    needed = bounded(SURE - FACT * agreed(facts))
    this = cosine + FACT * agreed(facts) >= rival + FACT
    if facts.replaced:
        # The numbers that became others speak neither for nor against a variant.
        kept = facts.names - facts.names_replaced + max(facts.numbers - facts.replaced, 0)
        found = cosine >= bounded(ALIKE - FACT * max(kept, 0))
        decision, rule = REVIEW, OTHER_NUMBERS
    elif cosine >= needed and facts.numbers:
        found = True
        decision, rule = (DROP, PARAPHRASE) if this else (REVIEW, SEVERAL)
    else:
        found = cosine >= min(needed, alike)
        decision, rule = REVIEW, MAYBE
    return Verdict(decision, rule, needed, facts.replaced, str(facts)) if found else None


def bounded(cosine: float) -> float:
    """A cosine between what is retrieved at all and 1."""
    return min(max(cosine, RETRIEVED), 1.0)


@dataclass(frozen=True)
class Piece:
    """A stretch of a row that may be a paraphrase: characters `start` to `end` of text `text`."""

    row: int
    text: int
    start: int
    end: int


@dataclass(frozen=True)
class Line:
    """A piece and the item that it comes near to, by one reference of it."""

    piece: Piece
    item: int
    reference: int
    part: int
    cosine: float
    verdict: Verdict

    def rank(self) -> tuple[bool, float, int, int, int]:
        """Sorts the best of several lines for one row and item first: the nearest, the shortest."""
        piece, undecided = self.piece, self.verdict.decision != DROP
        return undecided, -self.cosine, piece.end - piece.start, piece.text, piece.start


class Second(NamedTuple):
    """What the second tier is run with. `model`: by default the packaged one. `asked`: a judge will
    be, so that all that is near enough to be looked at is for review, and not only what is near
    enough for a person."""

    model: Model | None = None
    asked: bool = False


def with_paraphrases(
    found: Findings,
    index: Index,
    suites: list[Suite],
    batches: Iterator[Batch],
    folder: Path | None = None,
    second: Second = Second(),  # noqa: B008 (frozen)
) -> Findings:
    """`found`, and what the second tier finds in the rows that it does not drop.

    `batches`: the same rows again. `folder`: where the items' vectors are kept. One line for each
    row and item: the first tier's, unless the second drops a row that the first had for review.
    """
    model = second.model or packaged()
    tier = Tier(Items(index, model, folder), model.doubted if second.asked else ALIKE)
    dropped = found.dropped_rows
    tables = [tier.batch(batch, dropped) for batch in batches]
    more = pl.concat(tables) if tables else pl.DataFrame(schema=EVIDENCE)
    evidence = both_tiers(found.evidence, apply_policies(more, suites))
    thresholds = {"retrieved": RETRIEVED, "sure": SURE, "fact": FACT, "alike": tier.alike}
    floors = {"floor": model.floor, "across": model.across}
    found.report["paraphrases"] = {"model": model.name, **floors, **thresholds}
    return with_evidence(found, evidence)


def both_tiers(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """One line for each row and item of both tables of evidence."""
    keys = ["input", "row", "suite", "eval_id"]
    settled = first.filter(pl.col("rule").is_in(SETTLED) | (pl.col("decision") != REVIEW))
    second = second.join(settled.select(keys), on=keys, how="anti", maintain_order="left")
    unsure = first.join(
        second.filter(pl.col("decision") == DROP).select(keys), on=keys, how="anti",
        maintain_order="left",
    )  # fmt: skip
    second = second.join(unsure.select(keys), on=keys, how="anti", maintain_order="left")
    return pl.concat([unsure, second])


class Tier:
    """The second tier over batches of rows."""

    def __init__(self, items: Items, alike: float) -> None:
        self.items, self.alike = items, alike
        self.stated, self.asked = lru_cache(CACHED)(stated), lru_cache(CACHED)(self._asked)
        self.common, self.worth = cache(self._common), cache(self._worth)

    def batch(self, batch: Batch, dropped: set[tuple[int, int]]) -> pl.DataFrame:
        """Evidence (`EVIDENCE`) for the rows of a batch that are not in `dropped`."""
        texts: dict[str, list[Piece]] = {}
        for piece, text in pieces(batch, dropped):
            texts.setdefault(text, []).append(piece)
        said = list(texts)
        index = self.items.index
        questions: dict[tuple[int, int], Line] = {}
        passages: dict[tuple[int, int], Line] = {}
        for place, near in self.items.near(said, min(self.alike, RETRIEVED)):
            for reference, cosine, found in self._verdicts(said[place], near):
                part = int(index.part[reference])
                kept = passages if part == PASSAGE else questions
                for piece in texts[said[place]]:
                    for item in self.items.owners(reference).tolist():
                        line = Line(piece, item, reference, part, cosine, found)
                        known = kept.get((piece.row, item))
                        if known is None or line.rank() < known.rank():
                            kept[piece.row, item] = line
        lines = only_drops(beside_passages(questions, passages, index))
        return self._table(nearest(lines), batch)

    def _verdicts(self, text: str, near: list[Near]) -> Iterator[tuple[int, float, Verdict]]:
        """(reference, cosine, verdict) of what is near to a text."""
        yield from self._doubted(text, near)
        near = [one for one in near if one.cosine >= RETRIEVED]
        part, said = self.items.index.part, self.stated(text)
        asked = [self.asked(one.reference) for one in near]
        facts = [
            agreement(
                said,
                this,
                shared([o for i, o in enumerate(asked) if i not in one.same]),
                self.worth(self.items.suite(one.reference)),
            )
            for one, this in zip(near, asked, strict=True)
        ]
        facts = [self._of_kind(known, one) for known, one in zip(facts, near, strict=True)]
        worth = [
            0.0 if part[one.reference] == PASSAGE else one.cosine + FACT * agreed(known)
            for one, known in zip(near, facts, strict=True)
        ]
        for one, known in zip(near, facts, strict=True):
            rival = max((w for i, w in enumerate(worth) if i not in one.same), default=0.0)
            found = verdict(one.cosine, known, rival, self.alike)
            if found and found.decision == DROP and crowded(one, near):
                found = found._replace(decision=REVIEW, rule=SEVERAL)
            if found and part[one.reference] == PASSAGE:
                if known.replaced:  # another one: census tables and match reports are alike
                    continue
                found = found._replace(decision=REVIEW, rule=PASSAGE_ONLY)
            if found:
                yield one.reference, one.cosine, found

    def _doubted(self, text: str, near: list[Near]) -> Iterator[tuple[int, float, Verdict]]:
        """The same of what is only so near that a judge must tell: other numbers are no doubt."""
        part, said = self.items.index.part, self.stated(text)
        for one in near:
            if one.cosine < RETRIEVED and part[one.reference] != PASSAGE:
                known = self._of_kind(agreement(said, self.asked(one.reference)), one)
                if not known.replaced:
                    found = Verdict(REVIEW, MAYBE, RETRIEVED, 0, str(known))
                    yield one.reference, one.cosine, found

    def _of_kind(self, known: Agreement, one: Near) -> Agreement:
        """What agrees, where in code no number contradicts: its examples are written anew."""
        return replace(known, replaced=0) if CODE.search(self.items.text(one.reference)) else known

    def _asked(self, reference: int) -> Stated:
        """What a question states and its suite does not say all the time; a row that adds its
        choices or its answer states no more."""
        index = self.items.index
        owner = int(self.items.owners(reference)[0])
        common = self.common(self.items.suite(reference))
        said = stated(self.items.text(reference))
        implied, words = said.implied, said.words
        beside = index.item_parts[owner][[CHOICES, ANSWER]]
        for part in beside[beside >= 0].tolist():
            more = stated(self.items.text(part))
            implied, words = implied | set(more.numbers), words | more.words
        return replace(said, implied=implied, names=said.names - common, words=words - common)

    def _worth(self, suite: int) -> Callable[[Fraction], float]:
        """How many facts it is to state a number that one in so many of a suite's questions has."""
        questions = self.items.questions(suite)
        times = Counter(n for text in questions for n in set(self.stated(text).numbers))

        def worth(number: Fraction) -> float:
            facts = math.log(len(questions) / max(times[number], 1)) / math.log(ONE_IN)
            return min(max(facts, 1.0), MOST_FACTS)

        return worth

    def _common(self, suite: int) -> frozenset[str]:
        """What more than a tenth of a suite's questions say, which tells none from another."""
        questions = self.items.questions(suite)
        times = Counter(word for text in questions for word in set(WORD.findall(text.lower())))
        often = max(SHARED, len(questions) // 10)
        return frozenset(word for word, n in times.items() if n > often)

    def _table(self, lines: list[Line], batch: Batch) -> pl.DataFrame:
        index, rows = self.items.index, []
        for line in lines:
            piece, found = line.piece, line.verdict
            turn = piece.text - int(batch.row_texts[piece.row])
            row_id, source = batch.name(piece.row)
            cut = max(0, piece.start - AROUND)
            item_text = self.items.text(line.reference)[:ITEM_CHARACTERS]
            row_text = text_at(batch.data, batch.offsets, piece.text)
            rows.append(
                {
                    "row_id": row_id,
                    "source": source,
                    "suite": index.suites[index.item_suite[line.item]]["name"],
                    "eval_id": index.item_ids[line.item],
                    "decision": found.decision,
                    "rule": found.rule,
                    "reason": found.reason,
                    "part": PARTS[line.part],
                    "score": line.cosine,
                    "nats": float(index.totals[line.reference]),
                    "rarest_nats": 0.0,
                    "needed": found.needed,
                    "numbers_replaced": found.numbers_replaced,
                    "operators_replaced": 0,
                    "turn": turn,
                    "role": batch.role(piece.row, turn),
                    "row_spans": [{"turn": turn, "start": piece.start, "end": piece.end}],
                    "item_spans": [{"start": 0, "end": len(item_text)}],
                    "row_text": row_text[cut : cut + ROW_CHARACTERS],
                    "row_text_start": cut,
                    "item_text": item_text,
                    "input": batch.input,
                    "row": int(batch.numbers[piece.row]),
                }
            )
        return pl.DataFrame(rows, schema=EVIDENCE)


def crowded(one: Near, near: list[Near]) -> bool:
    """Whether so many other questions are about as near that nearness tells none from another."""
    rivals = (n for i, n in enumerate(near) if i not in one.same)
    return sum(n.cosine >= one.cosine - CROWD for n in rivals) >= SHARED


def shared(rivals: list[Stated]) -> Stated:
    """What SHARED or more of several questions state, and more than half of them: it tells none of
    them from another."""
    often = max(SHARED, len(rivals) // 2 + 1)
    numbers = Counter(number for rival in rivals for number in set(rival.numbers))
    words = Counter(word for rival in rivals for word in rival.words)
    return Stated(
        Counter({number: 1 for number, n in numbers.items() if n >= often}),
        frozenset(),
        frozenset(),
        frozenset(word for word, n in words.items() if n >= often),
    )


def pieces(batch: Batch, dropped: set[tuple[int, int]]) -> Iterator[tuple[Piece, str]]:
    """What is looked at of the rows that are not in `dropped`: turns, and the lines of each, since
    a template may stand around a question and choices after it; and what the comments of code say,
    since the code may be in another language."""
    for row in range(len(batch)):
        if (batch.input, int(batch.numbers[row])) in dropped:
            continue
        for number in range(int(batch.row_texts[row]), int(batch.row_texts[row + 1])):
            text = text_at(batch.data, batch.offsets, number)
            lines = islice(LINE.finditer(text), MOST_LINES)
            stretches = [(line.start(), line.end()) for line in lines]
            if len(text) <= WHOLE_TURN and len(stretches) > 1:
                stretches.insert(0, (stretches[0][0], stretches[-1][1]))
            for start, end in stretches:
                if words(text[start:end]) >= FEWEST_WORDS:
                    yield Piece(row, number, start, end), text[start:end]
            told = prose(text)
            if told and words(told[2]) >= FEWEST_WORDS:
                yield Piece(row, number, *told[:2]), told[2]


def words(text: str) -> int:
    """How many words a text has, about; of scripts without spaces two characters are one."""
    return len(text.split()) + len(UNSPACED.findall(text)) // 2


def beside_passages(
    questions: dict[tuple[int, int], Line], passages: dict[tuple[int, int], Line], index: Index
) -> Iterator[Line]:
    """Lines by row and item, where a question that belongs to a passage needs it in its row."""
    for key in sorted({*questions, *passages}):
        line = questions.get(key)
        if line is None:
            yield passages[key]
        elif index.item_parts[line.item, PASSAGE] < 0 or key in passages:
            yield line
        elif line.verdict.decision == DROP:
            yield replace(line, verdict=line.verdict._replace(decision=REVIEW, rule=NO_PASSAGE))


def nearest(lines: list[Line]) -> list[Line]:
    """Without what is in doubt in a row beyond the MOST_IN_DOUBT items that it is nearest to."""
    doubts = [line for line in lines if line.verdict.rule in IN_DOUBT]
    doubts.sort(key=lambda line: (line.piece.row, -line.cosine, line.item))
    by_row = groupby(doubts, key=lambda line: line.piece.row)
    kept = {(row, line.item) for row, of in by_row for line in islice(of, MOST_IN_DOUBT)}
    return [
        line
        for line in lines
        if line.verdict.rule not in IN_DOUBT or (line.piece.row, line.item) in kept
    ]


def only_drops(lines: Iterable[Line]) -> list[Line]:
    """Without what is for review in a row that is dropped anyway: it would only be noise."""
    listed = list(lines)
    gone = {line.piece.row for line in listed if line.verdict.decision == DROP}
    return [n for n in listed if n.verdict.decision == DROP or n.piece.row not in gone]
