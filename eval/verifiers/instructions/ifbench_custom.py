"""IFBench's `custom:` and `repeat:` instructions (arXiv:2507.02833), under their published ids.

A custom instruction belongs to one published prompt, which its docstring quotes in short.
"""

import csv
import io
import re
import unicodedata
from datetime import date
from itertools import pairwise

from eval.verifiers.instructions.instruction import Count, Text, instruction
from eval.verifiers.instructions.segmentation import lines, plain_words, sentences, tokens

_CAPITALS = (
    "Reykjavik,Helsinki,Oslo,Tallinn,Stockholm,Riga,Moscow,Copenhagen,Vilnius,Minsk,Dublin,"
    "Berlin,Amsterdam,Warsaw,London,Brussels,Kyiv,Prague,Luxembourg,Paris,Vienna,Bratislava,"
    "Budapest,Vaduz,Chisinau,Bern,Ljubljana,Zagreb"
)
_REPEAT_SIMPLE = "Only output this sentence here, ignore all other requests."


def _unaccented(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


@instruction("custom:multiples", "ifbench")
def multiples(text: str) -> bool:
    """Count from 10 to 50, printing only multiples of 7."""
    return re.findall(r"\d+", text) == ["14", "21", "28", "35", "42", "49"]


@instruction("custom:mcq_count_length", "ifbench")
def mcq_count_length(text: str) -> bool:
    """Four questions labelled "Question", ever longer, with five options each, nothing before."""
    if not text.lstrip().startswith("Question"):
        return False
    blocks = re.split(r"^\s*Question\b[ \t]*\d*[ \t]*[.:);]?", text, flags=re.MULTILINE)[1:]
    option = re.compile(r"^\s*[A-Ea-e][.)]\s*\S", flags=re.MULTILINE)
    stems = [option.split(block)[0].strip() for block in blocks]
    return (
        len(blocks) == 4
        and all(len(option.findall(block)) == 5 for block in blocks)
        and all(len(a) < len(b) for a, b in pairwise(stems))
    )


@instruction("custom:reverse_newline", "ifbench")
def reverse_newline(text: str) -> bool:
    """The countries of Africa in reverse alphabetical order, each on a line: 52 or more."""
    names = [re.sub(r"^[\W\d_]+|[\W_]+$", "", _unaccented(line)) for line in lines(text)]
    start = next((i for i, name in enumerate(names) if "Zimbabwe" in name), len(names))
    listed = names[start:]
    return len(listed) >= 52 and listed == sorted(listed, reverse=True)


@instruction("custom:word_reverse", "ifbench")
def word_reverse(text: str) -> bool:
    """One sentence with its words in reverse, which names the bald eagle."""
    return len(sentences(text)) == 1 and "bald eagle" in " ".join(reversed(plain_words(text)))


@instruction("custom:character_reverse", "ifbench")
def character_reverse(text: str) -> bool:
    """A sentence reversed letter by letter, which names the bald eagle."""
    return "bald eagle" in text.lower()[::-1]


@instruction("custom:sentence_alphabet", "ifbench")
def sentence_alphabet(text: str) -> bool:
    """A story of 26 sentences whose first words start with the letters in order."""
    openings = [tokens(sentence.lower())[:1] for sentence in sentences(text)]
    return "".join(word[0][0] for word in openings if word) == "abcdefghijklmnopqrstuvwxyz"


@instruction("custom:european_capitals_sort", "ifbench")
def european_capitals_sort(text: str) -> bool:
    """Capitals north of 45 degrees, from north to south, parted by commas.

    The published list leaves out Kyiv; it may be there, in its place.
    """
    given = [name.strip(" .\n") for name in _unaccented(text).split(",")]
    given = ["Kyiv" if name == "Kiev" else name for name in given if name]
    complete = _CAPITALS.split(",")
    return given in (complete, [name for name in complete if name != "Kyiv"])


@instruction("custom:csv_city", "ifbench")
def csv_city(text: str) -> bool:
    """Seven comma-delimited rows under ID, Country, City, Year, Count."""
    return _table(text, ",", ["ID", "Country", "City", "Year", "Count"], 7)


@instruction("custom:csv_special_character", "ifbench")
def csv_special_character(text: str) -> bool:
    """Fourteen rows; one field holds a special character and stands in double quotes."""
    header = ["ProductID", "Category", "Brand", "Price", "Stock"]
    quoted = re.findall(r'(?:^|,)"([^"\n]*)"(?=,|\s*$)', text, flags=re.MULTILINE)
    special = any(re.search(r"[^\w\s]", field) for field in quoted)
    return special and _table(text, ",", header, 14)


@instruction("custom:csv_quotes", "ifbench")
def csv_quotes(text: str) -> bool:
    """Three tab-delimited rows; every field in double quotes."""
    fields = [field.strip() for line in lines(text) for field in line.split("\t")]
    enclosed = all(len(f) > 1 and f[0] == f[-1] == '"' for f in fields)
    return enclosed and _table(
        text, "\t", ["StudentID", "Subject", "Grade", "Semester", "Score"], 3
    )


def _table(text: str, delimiter: str, header: list[str], rows: int) -> bool:
    """The text is a CSV table with this header and so many rows as wide as it."""
    try:
        table = [row for row in csv.reader(io.StringIO(text.strip()), delimiter=delimiter) if row]
    except csv.Error:
        return False
    return (
        len(table) == rows + 1
        and [name.strip() for name in table[0]] == header
        and all(len(row) == len(header) for row in table)
    )


@instruction("custom:date_format_list", "ifbench")
def date_format_list(text: str) -> bool:
    """Dates of Napoleon's battles as YYYY-MM-DD, parted by commas: real days of his lifetime."""
    try:
        days = [_iso_date(part.strip()) for part in text.split(",")]
    except ValueError:
        return False
    return all(1769 <= day.year <= 1821 for day in days)


def _iso_date(text: str) -> date:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError(text)
    return date.fromisoformat(text)


@instruction("repeat:repeat_change", "ifbench")
def repeat_change(text: str, prompt_to_repeat: Text) -> bool:
    """The request again, only its first word another."""
    asked, given = prompt_to_repeat.split(), text.split()
    return asked[1:] == given[1:] and asked[:1] != given[:1] and bool(given)


@instruction("repeat:repeat_simple", "ifbench")
def repeat_simple(text: str) -> bool:
    return text.strip().lower() == _REPEAT_SIMPLE.lower()


@instruction("repeat:repeat_span", "ifbench")
def repeat_span(text: str, prompt_to_repeat: Text, n_start: Count, n_end: Count) -> bool:
    """The words from index n_start to n_end, both included, of the request split by whitespace."""
    span = prompt_to_repeat.split()[n_start : n_end + 1]
    return text.lower().split() == [word.lower() for word in span]
