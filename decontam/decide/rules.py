"""Decision rules: each with its name, its decision, its condition and the least that it can accept.

`Lines.score`, the agreement, is the mean of two shares: of the item's weight that is aligned, and
of the words that are (Dice over the item's words and the stretch of the row from the first aligned
to the last, in which a foreign word that is said n times counts 1 + ln n). The first falls where
what tells the item apart is missing, the second where only that is there.
What agreement is enough depends on how much evidence there is: the nats aligned. Twenty nats are
one chance in half a billion, which is about what a large corpus offers in places to start; below
that only a copy counts, and with a hundred a third of the wording may have changed.

Candidates that no rule could accept are let go early. These cuts (`least_score`, `least_share`,
`promising`) are computed from the rules' own `Least`, so that a rule and its cut cannot disagree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from decontam.index.items import ANSWER, CHOICES, PASSAGE, QUESTION
from decontam.index.seeds import SOLUTION_NATS

# Agreement needed, by the nats aligned; linear in between.
EVIDENCE = (10.0, 15.0, 25.0, 50.0, 100.0, 200.0)
NEEDED = (1.0, 0.95, 0.87, 0.76, 0.71, 0.66)
# A copy may miss what rounding and the end of a trimmed match cost.
COPY = 0.98
# A copy must tell something: this many nats, or this many words in a row, or it must be more than a
# stem that other questions begin with.
COPY_NATS, COPY_WORDS, LEAST_WORDS = 8.0, 8, 4
# A copy of so few words inside other text is one only where it stands as a sentence of its own.
FEW_WORDS = 6
# A passage counts as there when this share of its words' weight is, and as whole when that share
# is; beside a whole one the question may be edited, and one that many items share is this item's.
# Passages of one kind (census tables, match reports) share half of their words.
PASSAGE_THERE, PASSAGE_WHOLE = 0.5, 0.8
QUESTION_THERE, QUESTION_EDITED = 0.85, 0.62
CHOICES_THERE = 0.7
# Choices that several items offer (Yes, No), or that say less, tell only of a question whose own
# words say so much.
CHOICES_NATS, ASKED_NATS = 4.0, 20.0
# Of the words that are no stem's this share of the weight must be there, by the nats of it that
# are: two problems under one stem share some by chance, of little more than of much. Linear in
# between.
OWN_EVIDENCE = (5.0, 8.0, 20.0, 28.0, 50.0)
OWN_NEEDED = (0.5, 0.68, 0.66, 0.58, 0.5)
SOLUTION_AGREEMENT = 0.85
# A question without its passage, or one that several items ask, must say so much by itself.
ALONE_NATS = 25.0
# With more than this share of its numbers replaced by others a problem is a variant, not a copy.
# Random edits turn few numbers into numbers.
NUMBERS_REPLACED = 0.15
PASSAGE_NUMBERS_REPLACED, FEWEST_REPLACED = 0.5, 3
# Neither the weight aligned nor the wording may fall short of what both together need by more: a
# title or a name is not the question about it.
EITHER_LESS = 0.08
# With so much more of the weight than of the wording, what is there is the subject of the question
# and not the question: "Generate a long passage from" is gone, "The Catcher in the Rye" is there.
SUBJECT_ONLY = 0.15
# So it is where a question's first words are gone, four or more of them and a fifth of it, and the
# rest of its weight is there: an order was given about a title, and the title is not the order.
# No title says more than so many nats.
HEAD_WORDS, HEAD_SHARE, TITLE_NATS = 4, 0.2, 60.0
# A question cut off is one still: its first half and more, word by word, at the end of a turn (what
# a template puts after it is a few words), and enough of it to say much by itself.
CUT_SHARE, CUT_WORDING, CUT_NATS, CUT_WORDS, AFTER_CUT = 0.5, 0.7, 25.0, 12, 4
BY_WORD = 0.9
# What comes this close to the agreement needed is for a person to look at.
NEAR = 0.06

# The score is rounded; what is as near as this to the least may be enough.
ROUNDING = 1e-6

Each = NDArray[np.bool_]  # of each line, whether it is so
Floats = NDArray[np.floating[Any]]


class RuleName(StrEnum):
    """Names of rules, as the evidence has them."""

    VERBATIM = "verbatim"
    NUMBERS_CHANGED = "numbers changed"
    OPERATORS_CHANGED = "operators changed"
    QUESTION_AND_PASSAGE = "question and passage"
    COPY = "copy"
    WITHOUT_PASSAGE = "question without its passage"
    QUESTION_AND_CHOICES = "question and choices"
    SHARED_QUESTION = "shared question"
    STOCK_PHRASE = "stock phrase"
    QUESTION = "question"
    BEGINNING = "beginning"
    NEAR = "near"
    SOLUTION = "solution"
    CHOICES = "choices"
    PASSAGE_ONLY = "passage only"
    IN_PASSING = "words in passing"
    NONE = ""


class Decision(StrEnum):
    """What is to be done with a row."""

    DROP = "drop"
    REVIEW = "review"


class Seen(NamedTuple):
    """What is known of a match before its item's other parts are looked for."""

    nats: Floats
    share: Floats
    score: Floats
    part: NDArray[np.uint8]
    run: NDArray[np.int64]
    aligned: NDArray[np.int64]
    missing: NDArray[np.int64]


def at_least(score: float) -> Callable[[Floats], Floats]:
    """The same score, whatever the nats."""
    return lambda nats: np.full(np.shape(nats), score, np.float32)


def needed(nats: Floats) -> NDArray[np.float32]:
    """The agreement needed at so many nats aligned."""
    return np.interp(nats, EVIDENCE, NEEDED).astype(np.float32)


def word_by_word(lines: "Seen | Lines") -> Each:
    """Whether a match goes on word by word from the first words of its reference."""
    # A word or two of the turn after may be among the rest of the question.
    return (lines.run >= BY_WORD * lines.aligned) & (lines.missing == 0)


def always(lines: "Seen | Lines") -> Each:
    """A condition that every line meets."""
    return np.ones(len(lines.share), np.bool_)


@dataclass(frozen=True)
class Least:
    """The least that a rule can accept: what falls short of any of it, it never decides.

    score: by the nats aligned; share: of the reference's weight aligned; nats: aligned.
    passage: whether the item must have one (True), must have none (False), or either.
    before: a condition that is known before the item's other parts are looked for.
    """

    score: Callable[[Floats], Floats]
    share: float = 0.0
    nats: float = 0.0
    passage: bool | None = None
    before: Callable[[Any], Each] = always

    def for_items(self, with_passage: Each, without: Each) -> Each:
        """For which references it holds; of each, whether it has items with and without one."""
        if self.passage is None:
            return with_passage | without
        return with_passage if self.passage else without


FOUND = Least(needed)
COPIED = Least(at_least(COPY), share=COPY)
NEARLY = Least(lambda nats: needed(nats) - NEAR, passage=False)
EDITED = Least(at_least(QUESTION_EDITED), passage=True)
CUT_OFF = Least(at_least(0.0), CUT_SHARE, CUT_NATS, False, word_by_word)
SOLVED = Least(at_least(SOLUTION_AGREEMENT), nats=SOLUTION_NATS, passage=False)
THERE = Least(at_least(0.0), PASSAGE_THERE)


@dataclass(frozen=True)
class Lines:
    """Matches as arrays, by the names of `scan.MATCH`, and what rules ask of them."""

    row: NDArray[np.int64]
    item: NDArray[np.int64]
    reference: NDArray[np.int64]
    part: NDArray[np.uint8]
    share: NDArray[np.float32]
    own: NDArray[np.float32]
    own_nats: NDArray[np.float32]
    nats: NDArray[np.float32]
    length: NDArray[np.int64]
    whole: Each
    verbatim: Each
    shared: Each
    stem: Each
    marked: Each
    first: NDArray[np.int64]
    end: NDArray[np.int64]
    aligned: NDArray[np.int64]
    run: NDArray[np.int64]
    numbers_replaced: NDArray[np.int64]
    numbers: NDArray[np.int64]
    operators_replaced: NDArray[np.int64]
    missing: NDArray[np.int64]
    span: NDArray[np.int64]
    text: NDArray[np.int64]
    text_first: NDArray[np.int64]
    text_end: NDArray[np.int64]
    passage: NDArray[np.float32]
    choices: NDArray[np.float32]
    answer: NDArray[np.float32]
    choices_nats: NDArray[np.float32]

    @classmethod
    def of(cls, matches: pl.DataFrame) -> "Lines":
        """As arrays: a hundred expressions cost a data frame ten times what they do on so few
        lines."""
        return cls(**{column.name: column.to_numpy() for column in matches})

    @cached_property
    def evidence(self) -> NDArray[np.float32]:
        """The nats aligned."""
        return self.share * self.nats

    @cached_property
    def wording(self) -> NDArray[np.float32]:
        """The share of the words that agree (Dice)."""
        said = dice(self.aligned, self.span, self.length)
        return np.where(self.verbatim, np.float32(1), said)

    @cached_property
    def score(self) -> NDArray[np.float32]:
        """The agreement."""
        return agreement(self.share, self.wording)

    @cached_property
    def needed(self) -> NDArray[np.float32]:
        """The agreement that would be enough."""
        return needed(self.evidence)

    @cached_property
    def question(self) -> Each:
        return self.part == QUESTION

    @cached_property
    def has_passage(self) -> Each:
        return self.passage >= 0

    @cached_property
    def own_evidence(self) -> NDArray[np.float32]:
        """The nats aligned of words that are no stem's."""
        return self.own * self.own_nats

    @cached_property
    def own_there(self) -> Each:
        """Whether enough of the words that are no stem's is there."""
        return self.own >= np.interp(self.own_evidence, OWN_EVIDENCE, OWN_NEEDED)

    @cached_property
    def subject(self) -> Each:
        """Whether what is there is the subject of the question, and not the question."""
        headless = (self.missing >= HEAD_WORDS) & (self.missing >= HEAD_SHARE * self.length)
        more = self.share - self.wording
        return (more > SUBJECT_ONLY) | (headless & (more > 0))

    @cached_property
    def enough(self) -> Each:
        """Whether the agreement is enough, by itself."""
        both = np.minimum(self.share, self.wording) >= self.needed - EITHER_LESS
        title = self.subject & (self.evidence < TITLE_NATS)
        return (self.score >= self.needed) & both & self.own_there & ~title

    @cached_property
    def nearly(self) -> Each:
        """Whether it is nearly enough."""
        return self.own_there & (self.score >= self.needed - NEAR)

    @cached_property
    def beginning(self) -> Each:
        """Whether a match is the first part of its reference, at the end of its turn."""
        at_end = (self.text_end - self.end <= AFTER_CUT) & ~self.shared
        at_end &= self.own_evidence >= COPY_NATS  # a stem is the beginning of many
        return at_end & self.cut_off

    @cached_property
    def cut_off(self) -> Each:
        """Whether a match is the first part of its reference, word by word."""
        return (
            word_by_word(self)
            & (self.aligned >= CUT_WORDS)
            & (self.share >= CUT_SHARE)
            & (2 * self.aligned >= CUT_WORDING * (self.aligned + self.length))
            & (self.share * self.nats >= CUT_NATS)
        )

    @cached_property
    def copy(self) -> Each:
        return (self.share >= COPY) & (self.wording >= COPY)

    @cached_property
    def telling(self) -> Each:
        """Whether a copy of it tells something."""
        not_a_stem = (self.length >= LEAST_WORDS) & ~self.stem
        return (self.nats >= COPY_NATS) | (self.length >= COPY_WORDS) | not_a_stem

    @cached_property
    def says_much(self) -> Each:
        return self.evidence >= ALONE_NATS

    @cached_property
    def offered(self) -> Each:
        """Whether the choices are there, and tell something."""
        telling = (self.choices_nats >= CHOICES_NATS) | (self.own_evidence >= ASKED_NATS)
        there = (self.choices >= CHOICES_THERE) & telling
        return there & (self.evidence + self.choices_nats >= EVIDENCE[0])

    @cached_property
    def found(self) -> Each:
        return self.enough | (self.copy & self.telling)

    @cached_property
    def asked(self) -> Each:
        """Whether the question is there, alone or beside its passage."""
        return self.question & (self.found | self.beside_passage)

    @cached_property
    def numbers_changed(self) -> Each:
        replaced = self.numbers_replaced
        nothing_else = self.length - self.aligned <= replaced
        many = replaced > NUMBERS_REPLACED * self.numbers
        return (replaced > 0) & (many | nothing_else)

    @cached_property
    def operators_changed(self) -> Each:
        return self.operators_replaced > 0

    @cached_property
    def alone(self) -> Each:
        """Whether it may be an item's own without its question: what is quoted from a passage, or
        as short as many others, is not."""
        same = ~self.numbers_changed & ~self.operators_changed
        return ~self.has_passage & (self.evidence >= SOLUTION_NATS) & same

    @cached_property
    def beside_passage(self) -> Each:
        """Whether a question is there beside its passage. Its words may turn up inside the passage;
        that is no question asked. An edited one counts only where most of the match lies outside,
        and something says where that is."""
        _, inside, outside = self.passages
        edited = (self.passage >= PASSAGE_WHOLE) & outside
        least = np.where(edited, QUESTION_EDITED, QUESTION_THERE).astype(np.float32)
        there = (self.passage >= PASSAGE_THERE) & (self.score >= least)
        return there & (self.copy | ~inside)

    @cached_property
    def passage_changed(self) -> Each:
        return self.beside_passage & self.passages[0]

    @cached_property
    def passages(self) -> tuple[Each, Each, Each]:
        """Of each line, whether its item's passage is in the same row with other numbers, and
        whether the line lies inside the passage, or for the most part outside."""
        key = self.row << 32 | self.item
        passages = np.flatnonzero(self.part == PASSAGE)
        known, first = np.unique(key[passages], return_index=True)
        place = np.minimum(np.searchsorted(known, key), max(len(known) - 1, 0))
        located = np.isin(key, known)
        of = np.zeros(len(key), np.int64)
        of[located] = passages[first][place[located]]
        replaced, numbers = self.numbers_replaced[of], self.numbers[of]
        changed = (replaced > PASSAGE_NUMBERS_REPLACED * numbers) & (replaced >= FEWEST_REPLACED)
        within = np.minimum(self.end, self.end[of]) - np.maximum(self.first, self.first[of])
        size = self.end - self.first
        return located & changed, located & (within >= size), located & (2 * within < size)


def dice(
    aligned: NDArray[np.int64], span: NDArray[np.int64], length: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The share of the words of both sides that are aligned."""
    return (2 * aligned / np.maximum(span + length, 1)).astype(np.float32)


def agreement(share: NDArray[np.float32], wording: NDArray[np.float32]) -> NDArray[np.float32]:
    """The score: the mean of the two shares."""
    return np.clip((share + wording) / 2, 0, 1)


@dataclass(frozen=True)
class Rule:
    """A rule: which lines meet it, what becomes of their row, and the least it can accept.

    `least` is for each part of an item that it decides: nothing else, and nothing less, is ever
    decided by it. A rule without one is only to keep lines from the rules after it.
    """

    name: RuleName
    decision: Decision | None
    met: Callable[[Lines], Each]
    least: tuple[Least, ...] = ()
    part: int = QUESTION


DROP, REVIEW = Decision.DROP, Decision.REVIEW
ASKED = (FOUND, COPIED, EDITED)

RULES = (
    # A copy word for word is confirmed as such (`verbatim`), of any part, and never cut.
    Rule(RuleName.VERBATIM, DROP, lambda x: x.verbatim),
    Rule(RuleName.NUMBERS_CHANGED, REVIEW,
         lambda x: x.asked & (x.numbers_changed | x.passage_changed), ASKED),
    Rule(RuleName.OPERATORS_CHANGED, REVIEW, lambda x: x.asked & x.operators_changed, ASKED),
    Rule(RuleName.QUESTION_AND_PASSAGE, DROP, lambda x: x.question & x.beside_passage, (EDITED,)),
    Rule(RuleName.COPY, DROP,
         lambda x: x.question & x.has_passage & x.copy & x.whole & x.says_much, (COPIED,)),
    Rule(RuleName.WITHOUT_PASSAGE, REVIEW,
         lambda x: x.question & x.has_passage & x.found & x.says_much, (FOUND, COPIED)),
    Rule(RuleName.NONE, None, lambda x: x.question & x.has_passage),
    Rule(RuleName.QUESTION_AND_CHOICES, DROP, lambda x: x.question & x.offered & x.nearly,
         (NEARLY,)),
    # Others have its words.
    Rule(RuleName.NONE, None, lambda x: x.question & x.shared & x.marked & ~x.says_much),
    Rule(RuleName.SHARED_QUESTION, REVIEW, lambda x: x.question & x.shared & x.found & ~x.says_much,
         (FOUND, COPIED)),
    Rule(RuleName.COPY, DROP, lambda x: x.question & x.copy & x.telling, (COPIED,)),
    Rule(RuleName.STOCK_PHRASE, REVIEW, lambda x: x.question & x.copy, (COPIED,)),
    Rule(RuleName.QUESTION, DROP, lambda x: x.question & x.enough, (FOUND,)),
    Rule(RuleName.BEGINNING, DROP, lambda x: x.question & x.beginning, (CUT_OFF,)),
    Rule(RuleName.NEAR, REVIEW, lambda x: x.question & x.nearly, (NEARLY,)),
    Rule(RuleName.SOLUTION, DROP,
         lambda x: (x.part == ANSWER) & (x.score >= SOLUTION_AGREEMENT) & x.alone, (SOLVED,),
         ANSWER),
    Rule(RuleName.CHOICES, DROP, lambda x: (x.part == CHOICES) & x.enough & x.alone, (FOUND,),
         CHOICES),
    Rule(RuleName.PASSAGE_ONLY, REVIEW,
         lambda x: (x.part == PASSAGE) & (x.share >= PASSAGE_THERE), (THERE,), PASSAGE),
    Rule(RuleName.NONE, None, lambda x: always(x)),
)  # fmt: skip


def bounds_of(passage: bool) -> list[Least]:
    """The different `Least` of rules that decide passages, or of those that decide anything else.

    Questions, choices and answers are cut alike: choices that are there lead to their question
    (`candidates.ask_of_passages`), whatever decides it then.
    """
    of_these = (rule for rule in RULES if (rule.part == PASSAGE) == passage)
    return list(dict.fromkeys(least for rule in of_these for least in rule.least))


OF_PASSAGES, OF_OTHERS = bounds_of(True), bounds_of(False)


def least_share(nats: Floats, part: NDArray[np.uint8], with_passage: Each, without: Each) -> Floats:
    """The least share of a reference's weight that any rule accepts, by its nats in all.

    `with_passage`, `without`: whether it has items with a passage, and without. The score is the
    mean of two shares, neither above 1; the more nats are aligned, the less is needed.
    """
    least = np.full(len(nats), np.inf)
    for passage, bounds in ((True, OF_PASSAGES), (False, OF_OTHERS)):
        for bound in bounds:
            share = np.maximum(2 * bound.score(nats) - 1, bound.share)
            if bound.nats:
                share = np.maximum(share, bound.nats / np.maximum(nats, 1e-9))
            holds = ((part == PASSAGE) == passage) & bound.for_items(with_passage, without)
            least = np.where(holds, np.minimum(least, share), least)
    return least - ROUNDING


def promising(seen: Seen, with_passage: Each, without: Each) -> Each:
    """Whether any rule may decide a match, by what is known before its item's other parts are
    looked for."""
    found = np.zeros(len(seen.share), np.bool_)
    for passage, bounds in ((True, OF_PASSAGES), (False, OF_OTHERS)):
        for bound in bounds:
            holds = ((seen.part == PASSAGE) == passage) & bound.for_items(with_passage, without)
            holds &= (seen.share >= bound.share) & (seen.nats >= bound.nats)
            found |= holds & (seen.score >= bound.score(seen.nats)) & bound.before(seen)
    return found
