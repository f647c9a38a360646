"""Columns of the integer tables that the search kernels fill, by name.

A table is int64 of shape (lines, columns): numba compiles `table[line, ROW]` to one load, which a
list of records would not be.
"""

# Candidates, as `candidates` gives them and `measure` reads them: where in the batch the match may
# lie (LOW, HIGH: its first word and one past its last), how many words of the reference come before
# and after that, and what led to it.
REFERENCE, ROW, LOW, HIGH, BEFORE, AFTER, KIND, TEXT, ITEM = range(9)
CANDIDATE_COLUMNS = 9
# KIND: words in common, a text letter by letter, a copy word for word that stands in other text,
# one that looked so and is none, a question that is asked beside its passage. TEXT is the batch's
# text of a candidate of LETTERS or COPY; ITEM whose question one of ASKED would be.
IN_COMMON, LETTERS, COPY, NO_COPY, ASKED = range(5)

# Measurements: first word and one past the last (counted from the start of the batch), words
# aligned, longest run aligned word by word, numbers replaced, numbers, operators replaced, words of
# the reference before its first two aligned in a row, words of the stretch as `differences.foreign`
# counts them.
(FIRST, END, ALIGNED, RUN, NUMBERS_REPLACED, NUMBERS, OPERATORS_REPLACED, MISSING,
 SPAN) = range(9)  # fmt: skip
MEASURED_COLUMNS = 9
