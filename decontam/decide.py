"""From measured matches to decisions, each by a named rule.

`agreement` is the mean of two shares: of the item's weight that is aligned, and of the words that
are (Dice over the item's words and the stretch of the row from the first aligned to the last, in
which a foreign word that is said n times counts 1 + ln n). The
first falls where what tells the item apart is missing, the second where only that is there.
What agreement is enough depends on how much evidence there is: the nats aligned. Twenty nats are
one chance in half a billion, which is about what a large corpus offers in places to start; below
that only a copy counts, and with a hundred a third of the wording may have changed.
"""

from types import SimpleNamespace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from decontam.items import ANSWER, CHOICES, PASSAGE, QUESTION
from decontam.seeds import SOLUTION_NATS

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

DROPPED = (
    "verbatim",
    "question",
    "copy",
    "beginning",
    "question and passage",
    "question and choices",
    "choices",
    "solution",
)
NO_RULE = ""

Lines = SimpleNamespace  # of matches, as arrays by the names of `scan.MATCH` and a few more
Each = NDArray[np.bool_]  # of each line, whether it is so


def decide(matches: pl.DataFrame) -> pl.DataFrame:
    """Decided lines of `matches` (as `scan.MATCH`), the best for each row and item, with columns

    decision (drop, review), rule, score (the agreement), evidence (the nats aligned), wording and
    needed in addition.
    """
    # As arrays: a hundred expressions cost a data frame ten times what they do on so few lines.
    lines = Lines(**{column.name: column.to_numpy() for column in matches})
    lines.evidence = lines.share * lines.nats
    both = np.maximum(lines.span + lines.length, 1)
    lines.wording = np.where(lines.verbatim, 1, 2 * lines.aligned / both).astype(np.float32)
    lines.score = np.clip((lines.share + lines.wording) / 2, 0, 1)
    lines.needed = np.interp(lines.evidence, EVIDENCE, NEEDED).astype(np.float32)
    names, conditions = zip(*rules(lines), strict=True)
    lines.met = np.select(conditions, np.arange(len(names)))
    rule = np.array(names)[lines.met]
    review = ~np.isin(rule, DROPPED)
    chosen = best(lines, review, np.flatnonzero(rule != NO_RULE))
    added = [
        pl.Series(name, getattr(lines, name)[chosen])
        for name in ("evidence", "wording", "score", "needed")
    ]
    decision = np.where(review, "review", "drop")
    for name, values in (("rule", rule), ("decision", decision)):
        added.append(pl.Series(name, values[chosen].tolist(), pl.String))
    return matches[chosen].with_columns(added)


def best(lines: Lines, review: Each, decided: NDArray[np.int64]) -> NDArray[np.int64]:
    """The best of the decided lines for each row and item, and of a row that is dropped only what
    drops it: what is reviewed in it would only be noise."""
    row, item = lines.row, lines.item
    by = (lines.met, -lines.score, review, item, row)
    chosen = decided[np.lexsort([key[decided] for key in by])]
    new = (np.diff(row[chosen], prepend=-1) != 0) | (np.diff(item[chosen], prepend=-1) != 0)
    chosen = chosen[new]
    return chosen[~review[chosen] | ~np.isin(row[chosen], row[chosen[~review[chosen]]])]


def beside_passages(lines: Lines) -> tuple[Each, Each, Each]:
    """Of each line, whether its item's passage is in the same row with other numbers, and whether
    the line lies inside the passage, or for the most part outside."""
    key = lines.row << 32 | lines.item
    passages = np.flatnonzero(lines.part == PASSAGE)
    known, first = np.unique(key[passages], return_index=True)
    place = np.minimum(np.searchsorted(known, key), max(len(known) - 1, 0))
    located = np.isin(key, known)
    of = np.zeros(len(key), np.int64)
    of[located] = passages[first][place[located]]
    replaced, numbers = lines.numbers_replaced[of], lines.numbers[of]
    changed = (replaced > PASSAGE_NUMBERS_REPLACED * numbers) & (replaced >= FEWEST_REPLACED)
    within = np.minimum(lines.end, lines.end[of]) - np.maximum(lines.first, lines.first[of])
    size = lines.end - lines.first
    return located & changed, located & (within >= size), located & (2 * within < size)


def rules(lines: Lines) -> list[tuple[str, Each]]:
    """Each rule's name and which lines meet it; the first that a line meets is its own."""
    question, has_passage = lines.part == QUESTION, lines.passage >= 0
    share, wording, needed = lines.share, lines.wording, lines.needed
    enough = (lines.score >= needed) & (np.minimum(share, wording) >= needed - EITHER_LESS)
    headless = (lines.missing >= HEAD_WORDS) & (lines.missing >= HEAD_SHARE * lines.length)
    more = share - wording
    subject = (more > SUBJECT_ONLY) | (headless & (more > 0))
    own_evidence = lines.own * lines.own_nats
    own_there = lines.own >= np.interp(own_evidence, OWN_EVIDENCE, OWN_NEEDED)
    enough &= own_there & ~(subject & (lines.evidence < TITLE_NATS))
    nearly = own_there & (lines.score >= needed - NEAR)
    beginning = cut_off(lines) & (lines.text_end - lines.end <= AFTER_CUT) & ~lines.shared
    beginning &= own_evidence >= COPY_NATS  # a stem is the beginning of many
    copy = (share >= COPY) & (wording >= COPY)
    telling = (
        (lines.nats >= COPY_NATS)
        | (lines.length >= COPY_WORDS)
        | ((lines.length >= LEAST_WORDS) & ~lines.stem)
    )
    says_much = lines.evidence >= ALONE_NATS
    telling_choices = (lines.choices_nats >= CHOICES_NATS) | (own_evidence >= ASKED_NATS)
    offered = (lines.choices >= CHOICES_THERE) & telling_choices
    offered &= lines.evidence + lines.choices_nats >= EVIDENCE[0]
    found = enough | (copy & telling)
    # A question's words may turn up inside its own passage; that is no question asked. An edited
    # one counts only where most of the match lies outside, and something says where that is.
    passage_changed, inside, outside = beside_passages(lines)
    edited = (lines.passage >= PASSAGE_WHOLE) & outside
    beside_passage = (
        (lines.passage >= PASSAGE_THERE)
        & (lines.score >= np.where(edited, QUESTION_EDITED, QUESTION_THERE).astype(np.float32))
        & (copy | ~inside)
    )
    replaced = lines.numbers_replaced
    nothing_else = lines.length - lines.aligned <= replaced
    numbers = (replaced > 0) & ((replaced > NUMBERS_REPLACED * lines.numbers) | nothing_else)
    operators = lines.operators_replaced > 0
    # What is quoted from a passage, or as short as many others, is no item's own.
    own = ~has_passage & (lines.evidence >= SOLUTION_NATS) & ~numbers & ~operators
    solution = (lines.part == ANSWER) & (lines.score >= SOLUTION_AGREEMENT) & own
    choices = (lines.part == CHOICES) & enough & own
    asked = question & (found | beside_passage)
    return [
        ("verbatim", lines.verbatim),
        ("numbers changed", asked & (numbers | (beside_passage & passage_changed))),
        ("operators changed", asked & operators),
        ("question and passage", question & beside_passage),
        ("copy", question & has_passage & copy & lines.whole & says_much),
        ("question without its passage", question & has_passage & found & says_much),
        (NO_RULE, question & has_passage),
        ("question and choices", question & offered & nearly),
        (NO_RULE, question & lines.shared & lines.marked & ~says_much),  # others have its words
        ("shared question", question & lines.shared & found & ~says_much),
        ("copy", question & copy & telling),
        ("stock phrase", question & copy),
        ("question", question & enough),
        ("beginning", question & beginning),
        ("near", question & nearly),
        ("solution", solution),
        ("choices", choices),
        ("passage only", (lines.part == PASSAGE) & (share >= PASSAGE_THERE)),
        (NO_RULE, np.ones(len(share), np.bool_)),
    ]


def cut_off(lines: Lines) -> Each:
    """Whether a match is the first part of its reference, word by word."""
    length, aligned = lines.length, lines.aligned
    return (
        (lines.run >= BY_WORD * aligned)
        # A word or two of the turn after may be among the rest of the question.
        & (lines.missing == 0)
        & (aligned >= CUT_WORDS)
        & (lines.share >= CUT_SHARE)
        & (2 * aligned >= CUT_WORDING * (aligned + length))
        & (lines.share * lines.nats >= CUT_NATS)
    )


def short_copies(decided: pl.DataFrame) -> pl.Series:
    """Which lines are copies of few words inside other text: to be dropped only where they stand
    as a sentence of their own (`evidence.stands_alone`)."""
    return decided.select(
        pl.col("rule").is_in(["copy", "question"])
        & (
            (pl.col("length") <= FEW_WORDS + (pl.col("rule") == "question").cast(pl.Int64))
            | (pl.col("nats") < COPY_NATS)
        )
        & ~pl.col("whole")
    ).to_series()
