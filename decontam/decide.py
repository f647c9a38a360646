"""From measured matches to decisions, each by a named rule.

`agreement` is the mean of two shares: of the item's weight that is aligned, and of the words that
are (Dice over the item's words and the stretch of the row from the first aligned to the last, in
which a foreign word that is said n times counts 1 + ln n). The
first falls where what tells the item apart is missing, the second where only that is there.
What agreement is enough depends on how much evidence there is: the nats aligned. Twenty nats are
one chance in half a billion, which is about what a large corpus offers in places to start; below
that only a copy counts, and with a hundred a third of the wording may have changed.
"""

from itertools import pairwise

import polars as pl

from decontam.index import ANSWER, PASSAGE, QUESTION

# Agreement needed, by the nats aligned; linear in between.
EVIDENCE = (10.0, 15.0, 25.0, 50.0, 100.0, 200.0)
NEEDED = (1.0, 0.95, 0.87, 0.76, 0.71, 0.66)
# A copy may miss what rounding and the end of a trimmed match cost.
COPY = 0.98
# A copy must tell something: this many nats, or this many words in a row, or it must be more than a
# stem that other questions begin with.
COPY_NATS, COPY_WORDS, LEAST_WORDS = 8.0, 8, 4
# A copy of so few words inside other text is one only where it stands as a sentence of its own.
FEW_WORDS = 5
# A passage counts as there when this share of its words' weight is, and as whole when that share
# is; beside a whole one the question may be edited, and one that many items share is this item's.
# Passages of one kind (census tables, match reports) share half of their words.
PASSAGE_THERE, PASSAGE_WHOLE = 0.5, 0.8
QUESTION_THERE, QUESTION_EDITED = 0.85, 0.62
CHOICES_THERE = 0.7
SOLUTION_AGREEMENT = 0.85
SOLUTION_NATS = 60.0
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
    "question",
    "copy",
    "beginning",
    "question and passage",
    "question and choices",
    "solution",
)


def decide(matches: pl.DataFrame) -> pl.DataFrame:
    """Decided lines of `matches` (as `scan.MATCH`), the best for each row and item, with columns

    decision (drop, review), rule, score (the agreement), in addition.
    """
    wording = 2 * pl.col("aligned") / (pl.col("span") + pl.col("length"))
    dropped = pl.col("decision") == "drop"
    # One plan for all of it: each step by itself costs as much as the whole on a few hundred lines.
    return (
        beside_passages(matches.lazy())
        .with_columns(
            (pl.col("share") * pl.col("nats")).alias("evidence"),
            wording.cast(pl.Float32).alias("wording"),
            ((pl.col("share") + wording) / 2).cast(pl.Float32).clip(0, 1).alias("score"),
        )
        .with_columns(interpolated("evidence", EVIDENCE, NEEDED).cast(pl.Float32).alias("needed"))
        .with_columns(RULE.alias("rule"))
        .drop_nulls("rule")
        .with_columns(
            pl.when(pl.col("rule").is_in(DROPPED))
            .then(pl.lit("drop"))
            .otherwise(pl.lit("review"))
            .alias("decision")
        )
        .sort(["row", "item", "decision", "score"], descending=[False, False, False, True])
        .unique(["row", "item"], keep="first", maintain_order=True)
        # What is reviewed in a row that is dropped anyway would only be noise.
        .filter(dropped | ~dropped.any().over("row"))
        .collect()
    )


def interpolated(column: str, at: tuple[float, ...], values: tuple[float, ...]) -> pl.Expr:
    """The values between the points `at`, as numpy's `interp` gives them."""
    found = pl.lit(values[0])
    for (low, high), (first, last) in zip(pairwise(at), pairwise(values), strict=True):
        climb = pl.col(column).cast(pl.Float64).clip(low, high) - low
        found = found + climb * ((last - first) / (high - low))
    return found


def beside_passages(matches: pl.LazyFrame) -> pl.LazyFrame:
    """With each line, of its item's passage in the same row: bounds, and numbers replaced."""
    passages = matches.filter(pl.col("part") == PASSAGE).unique(["row", "item"])
    return matches.join(
        passages.select(
            "row",
            "item",
            pl.col("first").alias("passage_first"),
            pl.col("end").alias("passage_end"),
            (
                (pl.col("numbers_replaced") > PASSAGE_NUMBERS_REPLACED * pl.col("numbers"))
                & (pl.col("numbers_replaced") >= FEWEST_REPLACED)
            ).alias("passage_changed"),
        ),
        on=["row", "item"],
        how="left",
        maintain_order="left",
    )


def rule() -> pl.Expr:
    """The name of the first rule that a line meets, or null."""
    question = pl.col("part") == QUESTION
    enough = pl.col("score") >= pl.col("needed")
    enough &= pl.min_horizontal("share", "wording") >= pl.col("needed") - EITHER_LESS
    headless = (pl.col("missing") >= HEAD_WORDS) & (
        pl.col("missing") >= HEAD_SHARE * pl.col("length")
    )
    more = pl.col("share") - pl.col("wording")
    subject = (more > SUBJECT_ONLY) | (headless & (more > 0))
    enough &= ~(subject & (pl.col("evidence") < TITLE_NATS))
    nearly = pl.col("score") >= pl.col("needed") - NEAR
    beginning = cut_off() & (pl.col("text_end") - pl.col("end") <= AFTER_CUT) & ~pl.col("shared")
    copy = (pl.col("share") >= COPY) & (pl.col("wording") >= COPY)
    telling = (
        (pl.col("nats") >= COPY_NATS)
        | (pl.col("length") >= COPY_WORDS)
        | ((pl.col("length") >= LEAST_WORDS) & ~pl.col("stem"))
    )
    says_much = pl.col("evidence") >= ALONE_NATS
    found = enough | (copy & telling)
    has_passage = pl.col("passage") >= 0
    with_choices = pl.col("choices") >= CHOICES_THERE
    # A question's words may turn up inside its own passage; that is no question asked. An edited
    # one counts only where most of the match lies outside, and something says where that is.
    within = pl.min_horizontal("end", "passage_end") - pl.max_horizontal("first", "passage_first")
    located = pl.col("passage_first").is_not_null()
    inside = located & (within >= pl.col("end") - pl.col("first"))
    outside = located & (2 * within < pl.col("end") - pl.col("first"))
    edited = (pl.col("passage") >= PASSAGE_WHOLE) & outside
    beside_passage = (
        (pl.col("passage") >= PASSAGE_THERE)
        & (pl.col("score") >= pl.when(edited).then(QUESTION_EDITED).otherwise(QUESTION_THERE))
        & (copy | ~inside)
    )
    replaced = pl.col("numbers_replaced")
    nothing_else = pl.col("length") - pl.col("aligned") <= replaced
    numbers = (replaced > 0) & ((replaced > NUMBERS_REPLACED * pl.col("numbers")) | nothing_else)
    operators = pl.col("operators_replaced") > 0
    solution = (
        (pl.col("part") == ANSWER)
        & ~has_passage  # its answer is quoted from the passage
        & (pl.col("score") >= SOLUTION_AGREEMENT)
        & (pl.col("evidence") >= SOLUTION_NATS)
        & ~numbers
        & ~operators
    )
    asked = question & (found | beside_passage)
    return (
        pl.when(asked & (numbers | (beside_passage & pl.col("passage_changed"))))
        .then(pl.lit("numbers changed"))
        .when(asked & operators)
        .then(pl.lit("operators changed"))
        .when(question & beside_passage)
        .then(pl.lit("question and passage"))
        .when(question & has_passage & copy & pl.col("whole") & says_much)
        .then(pl.lit("copy"))
        .when(question & has_passage & found & says_much)
        .then(pl.lit("question without its passage"))
        .when(question & has_passage)
        .then(None)
        .when(question & with_choices & nearly)
        .then(pl.lit("question and choices"))
        .when(question & pl.col("shared") & found & ~says_much)
        .then(pl.lit("shared question"))
        .when(question & copy & telling)
        .then(pl.lit("copy"))
        .when(question & copy)
        .then(pl.lit("stock phrase"))
        .when(question & enough)
        .then(pl.lit("question"))
        .when(question & beginning)
        .then(pl.lit("beginning"))
        .when(question & nearly)
        .then(pl.lit("near"))
        .when(solution)
        .then(pl.lit("solution"))
        .when((pl.col("part") == PASSAGE) & (pl.col("share") >= PASSAGE_THERE))
        .then(pl.lit("passage only"))
    )


def cut_off() -> pl.Expr:
    """Whether a match is the first part of its reference, word by word."""
    length, aligned = pl.col("length"), pl.col("aligned")
    # A word or two of the turn after may be among the rest of the question.
    by_word = pl.col("run") >= BY_WORD * aligned
    return (
        by_word
        & (pl.col("missing") == 0)
        & (aligned >= CUT_WORDS)
        & (pl.col("share") >= CUT_SHARE)
        & (2 * aligned >= CUT_WORDING * (aligned + length))
        & (pl.col("share") * pl.col("nats") >= CUT_NATS)
    )


RULE = rule()


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
